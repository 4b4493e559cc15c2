"""Pictures of formulas: drawing, loading, preparing and distorting them. Imports no fairseq."""
