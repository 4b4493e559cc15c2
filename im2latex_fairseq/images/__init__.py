"""Pictures: load, prepare, augment, render. Imports PIL, numpy and torch, never fairseq."""
