"""Image encoders: the contract, the registry, and one file per encoder."""

from im2latex_fairseq.models.image_encoders import gated_grid, plain_cnn, resnet
from im2latex_fairseq.models.image_encoders.base import ImageEncoder, PaddingMask
from im2latex_fairseq.models.image_encoders.registry import (
    build_image_encoder,
    image_encoder_class,
    image_encoder_options,
    register_image_encoder,
    registered_image_encoders,
)

__all__ = [
    "ImageEncoder",
    "PaddingMask",
    "build_image_encoder",
    "gated_grid",
    "image_encoder_class",
    "image_encoder_options",
    "plain_cnn",
    "register_image_encoder",
    "registered_image_encoders",
    "resnet",
]
