"""Models: image encoders, decoders, and the named architectures that join them."""

import argparse

import torch

from im2latex_fairseq.models import architectures, im2latex_fconv, im2latex_gconv, image_encoders

# fairseq writes an argparse.Namespace into its checkpoints, which torch >= 2.6 refuses to load in its
# safe mode. The class holds plain values only, so that naming it keeps the safe loader on.
torch.serialization.add_safe_globals([argparse.Namespace])

__all__ = ["architectures", "im2latex_fconv", "im2latex_gconv", "image_encoders"]
