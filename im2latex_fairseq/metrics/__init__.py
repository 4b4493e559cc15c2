"""Figures of merit: pure functions of strings, one file per metric, each stating its formula."""
