"""The task that fairseq's `--task im2latex` names."""

from im2latex_fairseq.tasks.im2latex import Im2LatexConfig, Im2LatexTask

__all__ = ["Im2LatexConfig", "Im2LatexTask"]
