"""Everything that decodes lies where the model lies: on a GPU, too."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from tests.decoding.rule import Rule
from tests.decoding.small_models import build_model, decoder_of, dictionary, draw, trained_model
from tests.pretended_gpu import GPU, GpuTensor, MixedDevices, moved, pretended_gpu


def odd(tokens: list[int]) -> Any:
    """Every second token alone may follow, and the end."""
    return [dictionary().eos(), *range(1, len(dictionary()), 2)]


def gpu_decoder(kind: str) -> FormulaDecoder:
    model = build_model(kind)
    model.load_state_dict(trained_model(kind).state_dict())
    return decoder_of(moved(model.eval()))


def decoded_there(kind: str, *arguments: Any) -> list[list[DecodedHypothesis]]:
    images, sizes = draw()
    with pretended_gpu():
        return gpu_decoder(kind).decode(images.to(GPU), sizes.to(GPU), *arguments)


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("kind", ["gconv", "fconv"])
def test_the_same_hypotheses(kind: str, beam: int) -> None:
    """With attention, which is looked at on the CPU. In float32: autocast knows no pretended device."""
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=16, attention=True)
    here = decoder_of(trained_model(kind)).decode(*draw(), settings)
    there = decoded_there(kind, settings)
    assert [[h.ids for h in readings] for readings in there] == [[h.ids for h in r] for r in here]
    for readings, others in zip(there, here, strict=True):
        for reading, other in zip(readings, others, strict=True):
            assert reading.score == pytest.approx(other.score, abs=1e-4)
            assert reading.attention is not None and not isinstance(reading.attention, GpuTensor)
            assert other.attention is not None
            torch.testing.assert_close(reading.attention, other.attention, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("beam", [1, 4])
def test_with_rules(beam: int) -> None:
    settings = DecodingSettings(beam=beam, max_len=16)
    here = decoder_of(trained_model("gconv")).decode(*draw(), settings, Rule(odd, len(dictionary())))
    there = decoded_there("gconv", settings, Rule(odd, len(dictionary())))
    assert [[h.ids for h in readings] for readings in there] == [[h.ids for h in r] for r in here]
    assert all(id_ % 2 for readings in there for h in readings for id_ in h.ids)


def test_int8_says_that_it_is_for_cpus() -> None:
    with pytest.raises(ValueError, match="int8 decodes on CPUs alone"):
        decoded_there("gconv", DecodingSettings(precision="int8"))


def test_a_mixture_is_noticed() -> None:
    """The test would fail if it should."""
    with pretended_gpu():
        there = torch.ones(3, device=GPU)
        assert isinstance(there + torch.tensor([1.0, 2.0, 3.0], device=GPU), GpuTensor)
        assert not isinstance(there.cpu(), GpuTensor)
        with pytest.raises(MixedDevices, match=r"aten.add.Tensor: \[\(3,\)\] on the CPU"):
            there + torch.ones(3)
        with pytest.raises(MixedDevices):
            gpu_decoder("gconv").decode(*draw(), DecodingSettings(max_len=4))
