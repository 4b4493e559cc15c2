"""Named presets: what `--arch NAME` can name. A flag given on the command line wins over its preset."""

from __future__ import annotations

import json
from typing import Any

from fairseq.models import ARCH_CONFIG_REGISTRY, register_model_architecture

from im2latex_fairseq.models import im2latex_fconv, im2latex_gconv  # noqa: F401  (registers the models first)

_TINY_GRID = json.dumps(
    {
        "stem_channels": 16,
        "grid_channels": 96,
        "trunk_blocks": 0,
        "grid_blocks": "3x3,1x5",
        "horizontal_stride": 8,
    }
)
_LARGE_GRID = json.dumps(
    {"stem_channels": 64, "grid_channels": 384, "trunk_blocks": 1, "grid_blocks": "1x5,3x3,1x5d3"}
)


def _preset(args: Any, **values: Any) -> None:
    """Set what the user left open, and undo what fairseq's --bf16 does beside what it says."""
    for name, value in values.items():
        if name == "image_encoder_options" and args.image_encoder != values["image_encoder"]:
            continue  # the user took another encoder, which has other options
        if getattr(args, name, None) is None:
            setattr(args, name, value)
    # fairseq's options.py switches to TPUs with --bf16, which then crashes without torch_xla.
    if getattr(args, "bf16", False) and getattr(args, "tpu", False):
        args.tpu = False


@register_model_architecture("im2latex_fconv", "im2latex_fconv_tiny")
def im2latex_fconv_tiny(args: Any) -> None:
    """Below 1M parameters: tests and the quickstart."""
    _preset(
        args,
        image_encoder="gated_grid",
        image_encoder_options=_TINY_GRID,
        decoder_embed_dim=96,
        decoder_layers="[(96, 3)] * 3",
        decoder_out_embed_dim=96,
    )


@register_model_architecture("im2latex_fconv", "im2latex_fconv_base")
def im2latex_fconv_base(args: Any) -> None:
    """8 to 15M parameters: gated_grid with the stock decoder, the default."""
    _preset(
        args,
        image_encoder="gated_grid",
        decoder_embed_dim=256,
        decoder_layers="[(256, 3)] * 7",
        decoder_out_embed_dim=256,
    )


@register_model_architecture("im2latex_fconv", "im2latex_fconv_large")
def im2latex_fconv_large(args: Any) -> None:
    """Up to 20M parameters: a wider grid and a wider decoder."""
    _preset(
        args,
        image_encoder="gated_grid",
        image_encoder_options=_LARGE_GRID,
        decoder_embed_dim=384,
        decoder_layers="[(384, 3)] * 5",
        decoder_out_embed_dim=256,
    )


@register_model_architecture("im2latex_fconv", "im2latex_fconv_plain_cnn")
def im2latex_fconv_plain_cnn(args: Any) -> None:
    """The CNN of Deng et al. 2017 with the stock decoder: the baseline."""
    _preset(args, image_encoder="plain_cnn")
    im2latex_fconv_base(args)


@register_model_architecture("im2latex_fconv", "im2latex_fconv_resnet")
def im2latex_fconv_resnet(args: Any) -> None:
    """A residual encoder with the stock decoder, as ConvMath."""
    _preset(args, image_encoder="resnet")
    im2latex_fconv_base(args)


@register_model_architecture("im2latex_gconv", "im2latex_gconv_tiny")
def im2latex_gconv_tiny(args: Any) -> None:
    """Below 1M parameters: tests and the quickstart."""
    _preset(
        args,
        image_encoder="gated_grid",
        image_encoder_options=_TINY_GRID,
        decoder_embed_dim=96,
        decoder_layer_count=3,
        decoder_heads=4,
    )


@register_model_architecture("im2latex_gconv", "im2latex_gconv_base")
def im2latex_gconv_base(args: Any) -> None:
    """8 to 15M parameters: gated_grid with the gated decoder."""
    _preset(args, image_encoder="gated_grid", decoder_embed_dim=256, decoder_layer_count=7, decoder_heads=4)


@register_model_architecture("im2latex_gconv", "im2latex_gconv_large")
def im2latex_gconv_large(args: Any) -> None:
    """Up to 20M parameters: a wider grid and a wider decoder."""
    _preset(
        args,
        image_encoder="gated_grid",
        image_encoder_options=_LARGE_GRID,
        decoder_embed_dim=384,
        decoder_layer_count=5,
        decoder_heads=6,
    )


@register_model_architecture("im2latex_gconv", "im2latex_gconv_plain_cnn")
def im2latex_gconv_plain_cnn(args: Any) -> None:
    """The CNN of Deng et al. 2017 with the gated decoder."""
    _preset(args, image_encoder="plain_cnn")
    im2latex_gconv_base(args)


@register_model_architecture("im2latex_gconv", "im2latex_gconv_resnet")
def im2latex_gconv_resnet(args: Any) -> None:
    """A residual encoder with the gated decoder."""
    _preset(args, image_encoder="resnet")
    im2latex_gconv_base(args)


# fairseq gives a model's own name a preset that does nothing, and so doesn't undo what --bf16 does.
ARCH_CONFIG_REGISTRY["im2latex_fconv"] = im2latex_fconv_base
ARCH_CONFIG_REGISTRY["im2latex_gconv"] = im2latex_gconv_base
