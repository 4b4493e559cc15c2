"""Imports every room that registers itself with fairseq: the table of contents of the plugin."""

from im2latex_fairseq import models, scoring, tasks

__all__ = ["models", "scoring", "tasks"]
