"""The sweep: whatever architecture is registered is built, trained a step and checked for leaks of padding."""

from __future__ import annotations

import math
from argparse import Namespace
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from fairseq.data import Dictionary
from fairseq.models import ARCH_CONFIG_REGISTRY, ARCH_MODEL_NAME_REGISTRY, build_model
from fairseq.sequence_generator import SequenceGenerator
from torch import nn

from im2latex_fairseq import plugin  # noqa: F401  (registers the architectures)

ARCHITECTURES = sorted(name for name in ARCH_CONFIG_REGISTRY if name.startswith("im2latex_"))
# Neither side is a multiple of a cell; the first is the tallest, the second the widest.
SIZES = [(37, 69), (21, 98), (30, 30)]
BATCH_SIZE_PX = (48, 112)  # more than any picture needs: padding at the right and below of each


def make_dictionary(size: int = 40) -> Dictionary:
    dictionary = Dictionary()
    for number in range(size):
        dictionary.add_symbol(f"token{number}")
    return dictionary


def build(arch: str, dictionary: Dictionary, **options: Any) -> nn.Module:
    """Build an architecture as `--arch` does."""
    args = Namespace(arch=arch, **options)
    ARCH_CONFIG_REGISTRY[arch](args)
    task = SimpleNamespace(target_dictionary=dictionary, cfg=SimpleNamespace(max_target_positions=64))
    return build_model(args, task)


def randomise(model: nn.Module) -> None:
    """Move all parameters off their first values: a branch that starts at zero would hide a leak."""
    torch.manual_seed(2)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() >= 2 and parameter.abs().max() == 0:
                parameter.normal_(std=1.0 / math.sqrt(parameter[0].numel()))
            elif parameter.dim() < 2:
                parameter.add_(torch.randn_like(parameter), alpha=0.2)


def make_pictures(sizes: list[tuple[int, int]] = SIZES) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(1)
    return [(torch.rand(1, *size, generator=generator) < 0.3).float() for size in sizes]


def pad(pictures: list[torch.Tensor], height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    images = torch.zeros(len(pictures), 1, height, width)
    for row, picture in enumerate(pictures):
        images[row, :, : picture.shape[1], : picture.shape[2]] = picture
    return images, torch.tensor([picture.shape[1:] for picture in pictures])


def train_some(model: nn.Module, dictionary: Dictionary) -> None:
    """A few forward passes in training: running statistics of batch norm become those of pictures."""
    model.train()
    images, sizes = pad(make_pictures(), *BATCH_SIZE_PX)
    tokens = torch.full((len(images), 3), dictionary.eos())
    with torch.no_grad():
        for _ in range(5):
            model(images, sizes, tokens)


@pytest.fixture(scope="module")
def dictionary() -> Dictionary:
    return make_dictionary()


@pytest.fixture(scope="module", params=ARCHITECTURES)
def model(request: pytest.FixtureRequest, dictionary: Dictionary) -> nn.Module:
    torch.manual_seed(1)
    model = build(request.param, dictionary)
    randomise(model)
    train_some(model, dictionary)
    return model


def test_the_sweep_has_something_to_sweep() -> None:
    assert {
        f"im2latex_{decoder}_{size}" for decoder in ("fconv", "gconv") for size in ("tiny", "base", "large")
    } <= {*ARCHITECTURES}


def test_every_parameter_gets_a_finite_gradient(model: nn.Module, dictionary: Dictionary) -> None:
    model.train()
    model.zero_grad()
    images, sizes = pad(make_pictures(), *BATCH_SIZE_PX)
    tokens = torch.randint(dictionary.nspecial, len(dictionary), (len(images), 6))
    logits, _ = model(images, sizes, tokens)
    assert logits.shape == (len(images), 6, len(dictionary))
    nn.functional.cross_entropy(logits.flatten(0, 1), tokens.flatten()).backward()
    without = [name for name, p in model.named_parameters() if p.grad is None]
    assert without == []
    broken = [name for name, p in model.named_parameters() if not p.grad.isfinite().all()]
    assert broken == []
    # Not so the biases of keys and of centred values: attention doesn't depend on them, by construction.
    idle = [name for name, p in model.named_parameters() if p.dim() >= 2 and p.grad.abs().max() == 0]
    assert idle == []


def test_a_picture_alone_is_as_in_a_padded_batch(model: nn.Module, dictionary: Dictionary) -> None:
    model.eval()
    pictures = make_pictures()
    images, sizes = pad(pictures, *BATCH_SIZE_PX)
    tokens = torch.randint(dictionary.nspecial, len(dictionary), (len(images), 6))
    with torch.no_grad():
        together = model.encoder(images, src_lengths=sizes)
        logits, _ = model.decoder(tokens, encoder_out=together)
        for row, picture in enumerate(pictures):
            alone = model.encoder(picture[None])
            assert alone["encoder_padding_mask"] is None
            inside = ~together["encoder_padding_mask"][row]
            for ours, theirs in zip(alone["encoder_out"], together["encoder_out"], strict=True):
                torch.testing.assert_close(ours[0], theirs[row][inside], rtol=0, atol=1e-4)
                assert theirs[row][~inside].abs().max() == 0
            alone_logits, _ = model.decoder(tokens[row : row + 1], encoder_out=alone)
            torch.testing.assert_close(alone_logits[0], logits[row], rtol=0, atol=1e-4)


def test_decoding_step_by_step_is_as_decoding_at_once(model: nn.Module, dictionary: Dictionary) -> None:
    model.eval()
    images, sizes = pad(make_pictures(), *BATCH_SIZE_PX)
    tokens = torch.randint(dictionary.nspecial, len(dictionary), (len(images), 7))
    tokens[:, 0] = dictionary.eos()
    model.decoder.make_generation_fast_(need_attn=True)
    with torch.no_grad():
        encoder_out = model.encoder(images, src_lengths=sizes)
        at_once, attention = model.decoder(tokens, encoder_out=encoder_out)
        state: dict[str, Any] = {}
        for length in range(1, tokens.shape[1] + 1):
            step, step_attention = model.decoder(
                tokens[:, :length], encoder_out=encoder_out, incremental_state=state
            )
            assert step.shape[1] == 1
            torch.testing.assert_close(step[:, 0], at_once[:, length - 1], rtol=0, atol=1e-4)
            torch.testing.assert_close(step_attention[:, 0], attention[:, length - 1], rtol=0, atol=1e-4)
    torch.testing.assert_close(attention.sum(dim=2), torch.ones(tokens.shape), rtol=0, atol=1e-4)


def test_reordering_rows_as_beam_search_does(model: nn.Module, dictionary: Dictionary) -> None:
    """Rows swapped after two steps: the third is that of the swapped prefixes."""
    model.eval()
    images, sizes = pad(make_pictures(), *BATCH_SIZE_PX)
    tokens = torch.randint(dictionary.nspecial, len(dictionary), (len(images), 4))
    order = torch.tensor([2, 0, 0])
    with torch.no_grad():
        encoder_out = model.encoder(images, src_lengths=sizes)
        state: dict[str, Any] = {}
        for length in (1, 2):
            model.decoder(tokens[:, :length], encoder_out=encoder_out, incremental_state=state)
        model.decoder.reorder_incremental_state_scripting(state, order)
        encoder_out = model.encoder.reorder_encoder_out(encoder_out, order)
        prefixes = torch.cat([tokens[order, :2], tokens[:, 3:]], dim=1)
        step, _ = model.decoder(prefixes, encoder_out=encoder_out, incremental_state=state)
        fresh = model.encoder(images[order], src_lengths=sizes[order])
        at_once, _ = model.decoder(prefixes, encoder_out=fresh)
    torch.testing.assert_close(step[:, 0], at_once[:, -1], rtol=0, atol=1e-4)


def test_training_does_not_see_how_far_a_batch_is_padded(model: nn.Module) -> None:
    """Batch norm takes its statistics from pictures, not from the paper around them."""
    results = []
    before = {name: buffer.clone() for name, buffer in model.named_buffers()}
    for height, width in (BATCH_SIZE_PX, (80, 160)):
        model.load_state_dict({**model.state_dict(), **before})
        model.train()
        for module in model.modules():
            if isinstance(module, nn.Dropout):
                module.eval()
        images, sizes = pad(make_pictures(), height, width)
        with torch.no_grad():
            encoder_out = model.encoder(images, src_lengths=sizes)
        inside = ~encoder_out["encoder_padding_mask"]
        buffers = {name: buffer.clone() for name, buffer in model.encoder.named_buffers()}
        results.append((encoder_out["encoder_out"][1][inside], buffers))
    torch.testing.assert_close(results[0][0], results[1][0], rtol=0, atol=1e-4)
    for name, buffer in results[0][1].items():
        torch.testing.assert_close(buffer, results[1][1][name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize("arch", ["im2latex_fconv_tiny", "im2latex_gconv_tiny"])
def test_output_ends_where_positions_do(arch: str, dictionary: Dictionary) -> None:
    """A limit on the output that is above the model's positions is cut to them."""
    torch.manual_seed(1)
    model = build(arch, dictionary, max_target_positions=12).eval()
    generator = SequenceGenerator([model], dictionary, beam_size=2, max_len_a=0, max_len_b=600, min_len=11)
    images, sizes = pad(make_pictures(), *BATCH_SIZE_PX)
    hypotheses = generator.generate([model], {"net_input": {"src_tokens": images, "src_lengths": sizes}})
    assert {len(beam["tokens"]) for beams in hypotheses for beam in beams} == {12}


@pytest.mark.parametrize(
    "size, least, most", [("tiny", 0.1e6, 1.0e6), ("base", 8.0e6, 15.0e6), ("large", 15.0e6, 20.0e6)]
)
@pytest.mark.parametrize("name", ["im2latex_fconv", "im2latex_gconv"])
def test_sizes_are_as_documented(name: str, size: str, least: float, most: float) -> None:
    model = build(f"{name}_{size}", make_dictionary(450))
    assert least <= sum(parameter.numel() for parameter in model.parameters()) <= most


@pytest.mark.parametrize("arch", ARCHITECTURES)
def test_flags_win_over_the_preset(arch: str) -> None:
    args = Namespace(arch=arch, image_encoder="resnet", decoder_embed_dim=24)
    ARCH_CONFIG_REGISTRY[arch](args)
    assert (args.image_encoder, args.decoder_embed_dim) == ("resnet", 24)
    # options of the preset's own encoder would be refused by another one
    assert getattr(args, "image_encoder_options", None) is None


def test_bf16_does_not_ask_for_a_tpu() -> None:
    """fairseq's options.py sets `tpu` beside `bf16`, which needs a package that isn't there."""
    for arch in ARCHITECTURES:
        args = Namespace(arch=arch, bf16=True, tpu=True)
        ARCH_CONFIG_REGISTRY[arch](args)
        assert args.tpu is False, arch
        args = Namespace(arch=arch, bf16=False, tpu=True)  # a TPU that was asked for
        ARCH_CONFIG_REGISTRY[arch](args)
        assert args.tpu is True, arch


def test_each_encoder_has_a_preset_for_each_decoder() -> None:
    models = {ARCH_MODEL_NAME_REGISTRY[arch] for arch in ARCHITECTURES}
    for name in models:
        for encoder in ("plain_cnn", "resnet"):
            args = Namespace(arch=f"{name}_{encoder}")
            ARCH_CONFIG_REGISTRY[args.arch](args)
            assert args.image_encoder == encoder
