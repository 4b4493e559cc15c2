"""What the models have in common: the image encoder's options and how an encoder is built."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.
# ruff: noqa: UP045  (and it knows `Optional[int]`, not `int | None`)

import argparse
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Optional

import torch
from fairseq.dataclass import FairseqDataclass
from fairseq.models import BaseFairseqModel, FairseqEncoderDecoderModel
from omegaconf import II

from im2latex_fairseq.models.hub_interface import Im2LatexHubInterface, load_hub_interface
from im2latex_fairseq.models.image_encoders import ImageEncoder, build_image_encoder

# fairseq writes an argparse.Namespace into its checkpoints, which torch >= 2.6 refuses to load in its
# safe mode. The class holds plain values only, so that naming it keeps the safe loader on.
torch.serialization.add_safe_globals([argparse.Namespace])


def preset_field(default: Any, help: str) -> Any:
    """A field that an architecture may set.

    Its default is None, "not given", so that an architecture's value is told from a user's, on the
    command line and in a hydra yaml alike.

    Args:
        default: Its value where neither the user nor the architecture gives one.
        help: For --help.
    """
    return field(
        default=None,
        metadata={"help": f"{help} (default: as the architecture, or {default})", "base": default},
    )


@dataclass
class Im2LatexModelConfig(FairseqDataclass):
    """Options of every model; each is a flag of `fairseq-train` and a key of a hydra yaml."""

    image_encoder: Optional[str] = preset_field(
        "gated_grid", "registered image encoder: gated_grid, plain_cnn, resnet, or one of your --user-dir"
    )
    image_encoder_options: Optional[str] = preset_field(
        "{}", "options of the image encoder as a JSON object, e.g. '{\"grid_channels\": 192}'"
    )
    dropout: float = field(default=0.1, metadata={"help": "dropout of encoder and decoder"})
    decoder_embed_dim: Optional[int] = preset_field(
        256, "embedding dimension of the decoder and of the encoder's output"
    )
    max_target_positions: int = II("task.max_target_positions")


class Im2LatexModel(FairseqEncoderDecoderModel):  # type: ignore[misc]
    """Base of the models: an image encoder and a decoder, built from a config or a namespace."""

    config_class: ClassVar[type[Im2LatexModelConfig]] = Im2LatexModelConfig
    decoder_contract: ClassVar[str] = "plain"

    def __init__(self, encoder: ImageEncoder, decoder: torch.nn.Module) -> None:
        # Not FairseqEncoderDecoderModel's: it insists on a FairseqEncoder, and ours do without fairseq.
        BaseFairseqModel.__init__(self)
        self.encoder = encoder
        self.decoder = decoder

    @classmethod
    def build_model(cls, cfg: Any, task: Any) -> "Im2LatexModel":
        """Build a model for a task's dictionary; fairseq calls this.

        Raises:
            ValueError: An unknown encoder or a wrong option of it.
        """
        config = _complete(cfg, cls.config_class, task)
        encoder = build_image_encoder(
            config.image_encoder,
            embed_dim=config.decoder_embed_dim,
            dropout=config.dropout,
            decoder_contract=cls.decoder_contract,
            options=config.image_encoder_options,
        )
        return cls(encoder, cls.build_decoder(config, task, encoder))

    @classmethod
    def build_decoder(cls, config: Any, task: Any, encoder: ImageEncoder) -> torch.nn.Module:
        """Build the decoder for an encoder."""
        raise NotImplementedError

    @classmethod
    def from_pretrained(
        cls,
        model_name_or_path: Any,
        checkpoint_file: str = "model.pt",
        data_name_or_path: Any = None,
        **kwargs: Any,
    ) -> Im2LatexHubInterface:
        """Load a trained model; its `predict` reads pictures.

        Args:
            model_name_or_path: Folder of the checkpoint, or the checkpoint itself.
            checkpoint_file: Its name in the folder; several, separated by colons, make an ensemble.
            data_name_or_path: Folder of prepared data to check dictionary and preparation against; None
                takes both from the checkpoint, so that no data are needed.
            **kwargs: Options that replace the checkpoint's, such as `image_scale=0.5`, and `user_dir` for
                models with an encoder of one's own.

        Raises:
            FileNotFoundError: There is no such checkpoint; the message lists those there are.
            ValueError: It is of another task, or the data folder isn't what it was trained with.
        """
        return load_hub_interface(model_name_or_path, checkpoint_file, data_name_or_path, **kwargs)

    def max_positions(self) -> tuple[int, int]:
        """Limits of source and target; the task states them in the same order."""
        return (self.encoder.max_positions(), self.decoder.max_positions())


def _complete(cfg: Any, config_class: type[Im2LatexModelConfig], task: Any) -> Any:
    """A namespace with every field of the config: given values, else the defaults."""
    values = {}
    for option in fields(config_class):
        value = getattr(cfg, option.name, None)
        if value is None:
            value = option.metadata.get("base", option.default)
        if isinstance(value, str) and value.startswith("${"):  # an interpolation of another group
            value = getattr(task.cfg, option.name)
        values[option.name] = value
    return argparse.Namespace(**values)
