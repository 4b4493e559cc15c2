"""What a batch, a group, a precision or a filter changes, and what bad input ends in."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch

from im2latex_fairseq.decoding import linear_map
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import CombinedFilter, TokenFilter
from tests.decoding.rule import Rule
from tests.decoding.small_models import build_model, decoder_of, dictionary, draw, trained_model
from tests.needs_int8 import needs_int8

KINDS = ("gconv", "fconv")
EOS = dictionary().eos()


@pytest.fixture(autouse=True)
def in_int8_all_maps_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of the small models would stay in float32."""
    monkeypatch.setattr(linear_map, "_MOST_FLOAT32_WEIGHTS", 0)


def ids_and_scores(found: list[list[DecodedHypothesis]]) -> tuple[list[list[tuple[int, ...]]], list[float]]:
    return [[h.ids for h in readings] for readings in found], [h.score for r in found for h in r]


def assert_close(
    first: list[list[DecodedHypothesis]], second: list[list[DecodedHypothesis]], tolerance: float = 1e-5
) -> None:
    ids, scores = ids_and_scores(first)
    other_ids, other_scores = ids_and_scores(second)
    assert ids == other_ids
    assert scores == pytest.approx(other_scores, abs=tolerance)


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["float32", pytest.param("int8", marks=needs_int8)])
def test_a_batch_gives_what_its_pictures_give_alone(precision: str, kind: str, beam: int) -> None:
    """In int8 too, where each row and each picture is rounded by itself."""
    decoder = decoder_of(trained_model(kind))
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=16, precision=precision)
    images, sizes = draw()
    alone = [
        decoder.decode(images[n : n + 1, :, :height, :width], sizes[n : n + 1], settings)[0]
        for n, (height, width) in enumerate(sizes.tolist())
    ]
    assert_close(decoder.decode(images, sizes, settings), alone)


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
def test_batches_are_decoded_together_as_alone(kind: str, beam: int) -> None:
    """With grids of different sizes, an empty batch, and attention over each picture's own grid."""
    decoder = decoder_of(trained_model(kind))
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=16, attention=True)
    batches = [draw(((16, 40), (24, 64))), draw(((40, 96),)), draw(((16, 16), (16, 24), (8, 8)))]
    alone = [
        hypotheses for images, sizes in batches for hypotheses in decoder.decode(images, sizes, settings)
    ]
    nothing = torch.zeros(0, 1, 16, 16), torch.zeros(0, 2, dtype=torch.int64)
    together = decoder.decode_batches([*batches[:1], nothing, *batches[1:]], settings)
    assert_close(together, alone)
    grids = [hypotheses[0].grid_size for hypotheses in together]
    assert grids == [(3, 8)] * 2 + [(5, 12)] + [(2, 3)] * 3
    for hypotheses, others in zip(together, alone, strict=True):
        for hypothesis, other in zip(hypotheses, others, strict=True):
            torch.testing.assert_close(hypothesis.attention, other.attention)
    assert decoder.decode_batches([], settings) == []


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("kind", KINDS)
def test_many_pictures_that_leave_one_by_one(kind: str, beam: int) -> None:
    """Slots and cells that are looked at fall in steps; what lies in slots without a picture reaches nobody."""
    decoder = decoder_of(trained_model(kind))
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=16, attention=True)
    images, sizes = draw(tuple((16 + 8 * (n % 5), 16 + 8 * n) for n in range(37)))
    together = decoder.decode(images, sizes, settings)
    alone = [
        decoder.decode(images[n : n + 1, :, :height, :width], sizes[n : n + 1], settings)[0]
        for n, (height, width) in enumerate(sizes.tolist())
    ]
    assert_close(together, alone)
    assert len({len(hypotheses[0].ids) for hypotheses in together}) > 3  # they don't all leave at once
    for hypotheses, others in zip(together, alone, strict=True):
        attention, other = hypotheses[0].attention, others[0].attention
        assert attention is not None and other is not None
        torch.testing.assert_close(attention.sum(dim=1), other.sum(dim=1))


@pytest.mark.parametrize("beam", [1, 4])
def test_the_size_of_groups_changes_nothing(beam: int, monkeypatch: pytest.MonkeyPatch) -> None:
    decoder = decoder_of(trained_model("gconv"))
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=16)
    images, sizes = draw()
    together = decoder.decode(images, sizes, settings)
    monkeypatch.setattr(FormulaDecoder, "CPU_ROWS", 2 * beam)
    assert_close(together, decoder.decode(images, sizes, settings))


@pytest.mark.parametrize(("pictures", "looks"), [(1, 6), (4, 2), (0.5, 6)])
def test_an_encoder_looks_at_parts_of_a_batch(
    pictures: float, looks: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    decoder = decoder_of(trained_model("gconv"))
    settings = DecodingSettings(beam=2, nbest=2, max_len=16)
    images, sizes = draw()
    together = decoder.decode(images, sizes, settings)
    seen: list[int] = []
    look_at = FormulaDecoder._look_at

    def counted(self: FormulaDecoder, images: torch.Tensor, *rest: Any) -> Any:
        seen.append(len(images))
        return look_at(self, images, *rest)

    monkeypatch.setattr(FormulaDecoder, "_look_at", counted)
    monkeypatch.setattr(FormulaDecoder, "CPU_PIXELS", int(pictures * images[0].numel()))
    assert_close(together, decoder.decode(images, sizes, settings))
    assert len(seen) == looks and sum(seen) == len(images)


@pytest.mark.parametrize("kind", KINDS)
def test_finished_pictures_leave_the_batch(kind: str) -> None:
    """The formulas have 3 to 13 tokens: at each step as many rows are computed as pictures go on."""
    model = trained_model(kind)
    decoder = decoder_of(model)
    stepper = decoder._models[0][1]
    rows: list[int] = []
    step = stepper.step
    stepper.step = lambda state, tokens, parents: rows.append(len(tokens)) or step(state, tokens, parents)  # type: ignore
    images, sizes = draw()
    found = decoder.decode(images, sizes, DecodingSettings(beam=1, max_len=20))
    lengths = [len(readings[0].ids) for readings in found]
    assert len(set(lengths)) > 2
    assert rows == [sum(length >= number for length in lengths) for number in range(max(lengths) + 1)]


@pytest.mark.parametrize("beam", [1, 4])
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("int8", marks=needs_int8)])
def test_rounded_is_close(precision: str, kind: str, beam: int) -> None:
    decoder = decoder_of(trained_model(kind))
    images, sizes = draw()
    exact = decoder.decode(images, sizes, DecodingSettings(beam=beam, max_len=16))
    rounded = decoder.decode(images, sizes, DecodingSettings(beam=beam, max_len=16, precision=precision))
    ids, scores = ids_and_scores(exact)
    rounded_ids, rounded_scores = ids_and_scores(rounded)
    assert sum(a == b for a, b in zip(ids, rounded_ids, strict=True)) >= len(ids) - 1
    assert rounded_scores == pytest.approx(scores, abs=0.1)
    assert rounded_scores != scores  # it was another arithmetic
    assert decoder.decode(images, sizes, DecodingSettings(beam=beam, max_len=16)) == exact


def test_results_may_be_changed_in_place() -> None:
    """fairseq divides scores in place; tensors of inference mode would refuse."""
    images, sizes = draw()
    settings = DecodingSettings(beam=2, max_len=5, attention=True)
    attention = decoder_of(trained_model("gconv")).decode(images, sizes, settings)[0][0].attention
    assert attention is not None
    attention.div_(2)
    assert not attention.is_inference()


def test_the_grid_is_told() -> None:
    decoder = decoder_of(build_model("gconv"))
    images, sizes = draw(((16, 40), (24, 64)))
    found = decoder.decode(images, sizes, DecodingSettings(beam=2, max_len=3, attention=True))
    attention = found[0][0].attention
    assert found[0][0].grid_size == (3, 8)
    assert attention is not None and attention.shape == (len(found[0][0].ids) + 1, 24)
    torch.testing.assert_close(attention.sum(dim=1), torch.ones(len(attention)))
    assert attention.view(-1, 3, 8)[:, :, 5:].abs().max() == 0  # beyond the picture's 40 pixels


# -- filters -------------------------------------------------------------------------------------------


def rising(tokens: list[int]) -> Any:
    """Each token's id is above the last, and the end may always come."""
    return [EOS, *range((tokens or [3])[-1] + 1, len(dictionary()))]


@pytest.mark.parametrize("beam", [1, 5])
@pytest.mark.parametrize("kind", KINDS)
def test_filters_are_obeyed_at_every_beam(kind: str, beam: int) -> None:
    decoder = decoder_of(trained_model(kind))
    images, sizes = draw()
    settings = DecodingSettings(beam=beam, nbest=beam, max_len=9)
    free = decoder.decode(images, sizes, settings)
    found = decoder.decode(images, sizes, settings, Rule(rising, len(dictionary())))
    assert any(list(h.ids) != sorted(h.ids) for readings in free for h in readings)
    for readings in found:
        assert readings
        for hypothesis in readings:
            assert list(hypothesis.ids) == sorted(set(hypothesis.ids))
            assert all(math.isfinite(value) for value in hypothesis.token_log_probabilities)


def test_scores_stay_the_models_own() -> None:
    """What a filter lets through has the score that it has without filter."""
    decoder = decoder_of(trained_model("gconv"))
    images, sizes = draw()
    settings = DecodingSettings(beam=1, max_len=16)
    free = decoder.decode(images, sizes, settings)
    for number, readings in enumerate(free):
        rule = Rule(lambda tokens, ids=(*readings[0].ids, EOS): [ids[len(tokens)]], len(dictionary()))
        forced = decoder.decode(images[number : number + 1], sizes[number : number + 1], settings, rule)
        assert_close(forced, [readings])


def test_beams_that_a_filter_leaves_without_way_are_dropped() -> None:
    """After one token the end has to come: one hypothesis a first token, more beams than those there are."""
    decoder = decoder_of(build_model("gconv"))
    images, sizes = draw()
    found = decoder.decode(
        images,
        sizes,
        DecodingSettings(beam=6, nbest=6, max_len=9),
        Rule(lambda tokens: [EOS] if tokens else [7, 9], len(dictionary())),
    )
    assert [{h.ids for h in readings} for readings in found] == [{(7,), (9,)}] * len(images)


@pytest.mark.parametrize("beam", [1, 3])
def test_a_filter_without_way_to_an_end_is_an_error(beam: int) -> None:
    images, sizes = draw()
    rule = Rule(lambda tokens: [] if len(tokens) == 4 else [5, 6], len(dictionary()))
    with pytest.raises(ValueError, match="after 4 tokens the filter of tokens allows nothing"):
        decoder_of(build_model("gconv")).decode(images, sizes, DecodingSettings(beam=beam, max_len=9), rule)


def test_of_several_filters_all_are_obeyed_and_the_first_where_nothing_is_left() -> None:
    decoder = decoder_of(build_model("gconv"))
    images, sizes = draw()
    vocabulary = len(dictionary())
    even = Rule(lambda tokens: [4, 6, 8, 10], vocabulary)
    fixed = Rule(lambda tokens: [5] if len(tokens) == 2 else [4, 5, 6, 7], vocabulary)
    fixed.vocabulary_allows = lambda state, token: True  # type: ignore[method-assign]
    found = decoder.decode(
        images,
        sizes,
        DecodingSettings(beam=3, nbest=3, max_len=4),
        CombinedFilter([_OpenEnd(even), _OpenEnd(fixed)]),
    )
    for readings in found:
        for hypothesis in readings:
            first, second, third, fourth = hypothesis.ids
            assert {first, second, fourth} <= {4, 6}
            assert third in {4, 6, 8, 10}


class _OpenEnd(TokenFilter):
    """A rule that has nothing to say where only the end may follow."""

    def __init__(self, rule: Rule) -> None:
        self.rule = rule
        self.begin = rule.begin
        self.advance = rule.advance

    def allowed(self, states: np.ndarray, step: int, max_len: int) -> torch.Tensor | None:
        return None if step == max_len else self.rule.allowed(states, step, max_len)


# -- bad input -----------------------------------------------------------------------------------------


def test_no_pictures() -> None:
    decoder = decoder_of(build_model("gconv"))
    assert (
        decoder.decode(torch.zeros(0, 1, 16, 16), torch.zeros(0, 2, dtype=torch.int64), DecodingSettings())
        == []
    )


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("size", [(1, 1), (3, 5), (8, 2)])
@pytest.mark.parametrize("kind", KINDS)
def test_pictures_smaller_than_a_cell(kind: str, size: tuple[int, int], beam: int) -> None:
    """With ink and without: an answer of at least one token."""
    images = torch.stack([torch.zeros(1, *size), torch.ones(1, *size)])
    found = decoder_of(build_model(kind)).decode(
        images, torch.tensor([size, size]), DecodingSettings(beam=beam, max_len=4)
    )
    assert [1 <= len(readings[0].ids) <= 4 for readings in found] == [True, True]


@pytest.mark.parametrize("symbols", [1, 2])
def test_hardly_any_dictionary(symbols: int) -> None:
    """Beams are cut to the dictionary; every hypothesis of one token is found."""
    decoder = decoder_of(build_model("gconv", symbols=symbols))
    images, sizes = draw()
    found = decoder.decode(images, sizes, DecodingSettings(beam=50, nbest=50, max_len=1))
    for readings in found:
        assert {h.ids[0] for h in readings} >= set(
            range(dictionary().nspecial, dictionary().nspecial + symbols)
        )


@pytest.mark.parametrize("value", [math.nan, math.inf])
@pytest.mark.parametrize("kind, name", [("gconv", "layers.1.conv.weight"), ("fconv", "fc2.weight_g")])
def test_weights_that_are_no_numbers_are_named(kind: str, name: str, value: float) -> None:
    model = build_model(kind)
    with torch.no_grad():
        dict(model.decoder.named_parameters())[name].view(-1)[0] = value
    with pytest.raises(ValueError, match=f"weight {name}: 1 of .* NaN or infinite"):
        decoder_of(model)


@pytest.mark.parametrize("beam", [1, 3])
@pytest.mark.parametrize("where", ["encoder", "picture"])
def test_nan_elsewhere_is_an_error(where: str, beam: int) -> None:
    model = build_model("gconv")
    images, sizes = draw()
    if where == "encoder":
        with torch.no_grad():
            model.encoder.key_projection.bias[0] = math.nan
    else:
        images[1, 0, 4, 4] = math.nan
    with pytest.raises(ValueError, match="scores are NaN"):
        decoder_of(model).decode(images, sizes, DecodingSettings(beam=beam, max_len=9))


@pytest.mark.parametrize(
    "settings, message",
    [
        ({"beam": 0}, "beam must be at least 1"),
        ({"max_len": 0}, "max_len must be at least 1"),
        ({"nbest": 0}, "nbest must be at least 1"),
        ({"beam": 2, "nbest": 3}, "nbest 3 hypotheses need a beam at least as wide"),
        ({"temperature": 0.0}, "temperature must be above 0"),
        ({"temperature": math.nan}, "temperature must be above 0"),
        ({"length_penalty": math.inf}, "length_penalty must be a finite number"),
        ({"precision": "float16"}, "precision must be one of float32, bfloat16, int8, got 'float16'"),
    ],
)
def test_settings_out_of_range(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        DecodingSettings(**settings)


def test_an_ensemble_needs_one_dictionary() -> None:
    with pytest.raises(ValueError, match="models with one dictionary, got sizes"):
        decoder_of(build_model("gconv"), build_model("gconv", symbols=7))


def test_a_combined_filter_needs_a_filter() -> None:
    with pytest.raises(ValueError, match="at least one filter"):
        CombinedFilter([])
