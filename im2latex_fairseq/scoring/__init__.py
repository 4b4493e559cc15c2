"""Metrics for fairseq's `--scoring`: `im2latex` (all that fit on a line) and each metric by its own name."""

from im2latex_fairseq.scoring import scorers

__all__ = ["scorers"]
