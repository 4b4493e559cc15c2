"""Formulas that are valid by construction: which tokens may follow, by a grammar of LaTeX."""

from __future__ import annotations

from .latex_grammar_filter import LatexGrammarFilter

__all__ = ["LatexGrammarFilter"]
