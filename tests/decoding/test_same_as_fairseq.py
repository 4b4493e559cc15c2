"""Hypotheses and scores are those of fairseq's `SequenceGenerator`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from tests.decoding.small_models import (
    build_model,
    decoder_of,
    draw,
    fairseq_hypotheses,
    model_of,
    trained_model,
)


def assert_same(ours: list[list[DecodedHypothesis]], theirs: list[list[dict[str, Any]]]) -> None:
    assert len(ours) == len(theirs)
    for readings, expected in zip(ours, theirs, strict=True):
        assert [list(h.ids) for h in readings] == [h["tokens"].tolist()[:-1] for h in expected]
        for hypothesis, other in zip(readings, expected, strict=True):
            assert hypothesis.score == pytest.approx(float(other["score"]), abs=1e-4)
            assert hypothesis.token_log_probabilities == pytest.approx(
                other["positional_scores"].tolist(), abs=1e-4
            )


@pytest.mark.parametrize("beam", [1, 2, 5, 10])
@pytest.mark.parametrize("weights", ["random", "trained"])
@pytest.mark.parametrize("kind", ["gconv", "fconv", "fconv_mixed"])
def test_pictures_of_different_sizes_in_a_batch(kind: str, weights: str, beam: int) -> None:
    """With random weights few rows end by themselves: the limit of 15 tokens is hit."""
    model = model_of(kind, weights)
    images, sizes = draw()
    ours = decoder_of(model).decode(images, sizes, DecodingSettings(beam=beam, nbest=beam, max_len=15))
    assert_same(ours, fairseq_hypotheses([model], images, sizes, beam_size=beam, max_len_b=15))


@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("kind", ["gconv", "fconv"])
def test_a_picture_alone(kind: str, beam: int) -> None:
    model = trained_model(kind)
    images, sizes = draw(((16, 40),))
    ours = decoder_of(model).decode(images, sizes, DecodingSettings(beam=beam, nbest=beam, max_len=20))
    assert_same(ours, fairseq_hypotheses([model], images, sizes, beam_size=beam, max_len_b=20))


@pytest.mark.parametrize(
    "settings, options",
    [
        ({"max_len": 1}, {"max_len_b": 1}),
        ({"max_len": 10**6}, {"max_len_b": 10**6}),  # the model's positions are the limit
        ({"length_penalty": 0.5}, {"len_penalty": 0.5}),
        ({"length_penalty": 0.0}, {"normalize_scores": False}),
        ({"temperature": 2.5}, {"temperature": 2.5}),
        ({"beam": 60}, {"beam_size": 60}),  # wider than the dictionary
    ],
)
@pytest.mark.parametrize("kind", ["gconv", "fconv"])
def test_other_settings(kind: str, settings: dict[str, Any], options: dict[str, Any]) -> None:
    model = trained_model(kind)
    images, sizes = draw()
    settings = {"beam": 4, "max_len": 12, **settings}
    options = {"beam_size": 4, "max_len_b": 12, **options}
    ours = decoder_of(model).decode(images, sizes, DecodingSettings(nbest=settings["beam"], **settings))
    assert_same(ours, fairseq_hypotheses([model], images, sizes, **options))


def test_an_ensemble() -> None:
    models = [trained_model("gconv"), build_model("fconv", seed=2), trained_model("fconv")]
    images, sizes = draw()
    ours = decoder_of(*models).decode(images, sizes, DecodingSettings(beam=3, nbest=3, max_len=14))
    assert_same(ours, fairseq_hypotheses(models, images, sizes, beam_size=3, max_len_b=14))


@pytest.mark.parametrize("options", [{"kernel_width": 1}, {"kernel_width": 4}, {"attention_layers": {0, 2}}])
def test_gated_decoders_of_other_shapes(options: dict[str, Any]) -> None:
    model = build_model("gconv", **options)
    images, sizes = draw()
    ours = decoder_of(model).decode(images, sizes, DecodingSettings(beam=4, nbest=4, max_len=12))
    assert_same(ours, fairseq_hypotheses([model], images, sizes, beam_size=4, max_len_b=12))


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("kind", ["gconv", "fconv", "fconv_mixed"])
def test_attention(kind: str, beam: int) -> None:
    model = model_of(kind, "random" if kind == "fconv_mixed" else "trained")
    model.make_generation_fast_(need_attn=True)
    images, sizes = draw()
    ours = decoder_of(model).decode(
        images, sizes, DecodingSettings(beam=beam, nbest=beam, max_len=15, attention=True)
    )
    theirs = fairseq_hypotheses([model], images, sizes, beam_size=beam, max_len_b=15)
    assert_same(ours, theirs)
    for readings, expected in zip(ours, theirs, strict=True):
        for hypothesis, other in zip(readings, expected, strict=True):
            assert hypothesis.attention is not None
            torch.testing.assert_close(hypothesis.attention, other["attention"].t(), rtol=0, atol=1e-5)
