"""Imports every room that registers itself with fairseq: the table of contents of the plugin."""

from im2latex_fairseq import models, scoring, tasks
from im2latex_fairseq.models import architectures, im2latex_fconv, im2latex_gconv, image_encoders

__all__ = [
    "architectures",
    "im2latex_fconv",
    "im2latex_gconv",
    "image_encoders",
    "models",
    "scoring",
    "tasks",
]
