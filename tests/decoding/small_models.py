"""Small models, as drawn and lightly trained, and fairseq's generator to compare with."""

from __future__ import annotations

from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from fairseq.data import Dictionary
from fairseq.models.fconv import FConvDecoder
from fairseq.sequence_generator import SequenceGenerator

from im2latex_fairseq.decoding.fconv_stepper import FConvStepper
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.stepper import DecoderStepper
from im2latex_fairseq.models.gated_conv_decoder import GatedConvDecoder
from im2latex_fairseq.models.im2latex_fconv import Im2LatexFConvModel
from im2latex_fairseq.models.im2latex_gconv import Im2LatexGConvModel
from im2latex_fairseq.models.image_encoders import build_image_encoder

SIZES = ((16, 40), (24, 64), (16, 24), (32, 48), (9, 30), (16, 56))
MAX_POSITIONS = 24


@cache
def dictionary(symbols: int = 20) -> Dictionary:
    result = Dictionary()
    for number in range(symbols):
        result.add_symbol(f"token{number}")
    return result


def draw(sizes: tuple[tuple[int, int], ...] = SIZES) -> tuple[torch.Tensor, torch.Tensor]:
    """Pictures with blots of ink: (B, 1, H, W) and (B, 2)."""
    generator = torch.Generator().manual_seed(3)
    images = torch.zeros(len(sizes), 1, max(s[0] for s in sizes), max(s[1] for s in sizes))
    for image, (height, width) in zip(images, sizes, strict=True):
        blots = torch.rand(1, height // 8 + 1, width // 8 + 1, generator=generator) > 0.5
        ink = blots.repeat_interleave(8, 1).repeat_interleave(8, 2)[:, :height, :width]
        image[:, :height, :width] = ink * torch.rand(1, height, width, generator=generator)
    return images, torch.tensor(sizes)


def build_model(kind: str, symbols: int = 20, seed: int = 1, **options: Any) -> Any:
    """An untrained model: "gconv", "fconv", or "fconv_mixed" with layers of all sorts."""
    torch.manual_seed(seed)
    words = dictionary(symbols)
    encoder = build_image_encoder(
        "gated_grid",
        embed_dim=16,
        dropout=0.1,
        decoder_contract="plain" if kind == "gconv" else "fconv",
        options='{"stem_channels": 8, "grid_channels": 16, "trunk_blocks": 0, "grid_blocks": "3x3"}',
    )
    if kind == "gconv":
        arguments = {"embed_dim": 16, "layers": 3, "heads": 2, "max_positions": MAX_POSITIONS, **options}
        return Im2LatexGConvModel(encoder, GatedConvDecoder(words, **arguments)).eval()
    # Widths that change, residuals over two layers or none, layers without attention, kernels of one token.
    mixed = {
        "convolutions": ((16, 3), (16, 2, 1), (24, 3, 2), (24, 1, 1), (16, 3, 0)),
        "attention": [True, False, True, True, True],
    }
    plain = {"convolutions": ((16, 3),) * 3, "share_embed": True}
    decoder = FConvDecoder(
        words,
        embed_dim=16,
        out_embed_dim=16,
        max_positions=MAX_POSITIONS + words.pad() + 1,
        **(mixed if kind == "fconv_mixed" else plain),
    )
    encoder.num_attention_layers = sum(layer is not None for layer in decoder.attention)
    return Im2LatexFConvModel(encoder, decoder).eval()


@cache
def trained_model(kind: str) -> Any:
    """A model that has nearly learned a formula of its own for each picture, of 3 to 13 tokens."""
    model = build_model(kind).train()
    words = dictionary()
    images, sizes = draw()
    generator = torch.Generator().manual_seed(5)
    target = torch.full((len(images), 14), words.pad())
    for number, row in enumerate(target):
        length = 3 + 2 * number
        row[:length] = torch.randint(words.nspecial, len(words), (length,), generator=generator)
        row[length] = words.eos()
    previous = torch.cat([torch.full((len(images), 1), words.eos()), target[:, :-1]], dim=1)
    optimizer = torch.optim.Adam(model.parameters(), lr=3e-3)
    for _ in range(60):
        logits, _ = model(images, sizes, previous)
        loss = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=words.pad())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    return model.eval()


def model_of(kind: str, weights: str) -> Any:
    return trained_model(kind) if weights == "trained" else build_model(kind)


def stepper_of(model: Any) -> DecoderStepper:
    decoder = model.decoder
    weights = dict(decoder.named_parameters(remove_duplicate=False))
    if isinstance(decoder, GatedConvDecoder):
        stepper = decoder.stepper()
        assert stepper is not None
        return stepper
    return FConvStepper.from_weights(weights, decoder.dictionary.pad(), decoder.residuals)


def decoder_of(*models: Any) -> FormulaDecoder:
    words = models[0].decoder.dictionary
    return FormulaDecoder.ensemble(
        [(model.encoder, stepper_of(model)) for model in models],
        eos=words.eos(), pad=words.pad(), unk=words.unk(), bos=words.bos(),
    )  # fmt: skip


def fairseq_hypotheses(
    models: list[Any], images: torch.Tensor, sizes: torch.Tensor, **options: Any
) -> list[list[dict[str, torch.Tensor]]]:
    generator = SequenceGenerator(models, models[0].decoder.dictionary, **options)
    found: list[list[dict[str, torch.Tensor]]] = generator.generate(
        models, {"net_input": {"src_tokens": images, "src_lengths": sizes}}
    )
    return found
