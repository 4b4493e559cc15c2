"""im2latex_fairseq: pictures of formulas to LaTeX, as a fairseq plugin (`--user-dir im2latex_fairseq`)."""

__version__ = "0.1.0"
