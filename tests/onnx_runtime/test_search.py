"""Beam search in numpy, over tables of scores in place of a model."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import ArrayFilter
from im2latex_fairseq.onnx_runtime.picture_memory import Floats, PictureMemory
from im2latex_fairseq.onnx_runtime.search import EOS, PAD, BeamSearch, Ids

SIZE = 7  # four special symbols and three tokens


class TableDecoder:
    """Scores by the last token, another table for each picture; keeps the tokens in its state."""

    def __init__(self, tables: np.ndarray) -> None:
        self.tables = tables
        self.longest_seen = 0

    def first_state(self, pictures: int) -> Floats:
        return np.zeros((pictures, 1, 1), dtype=np.float32)

    def step(self, tokens: Ids, position: int, state: Floats, memory: PictureMemory) -> tuple[Floats, Floats]:
        assert (state == position).all()  # every beam has come as far as its state
        self.longest_seen = position
        tables = self.tables[memory.keys[:, 0, 0, 0].astype(int)]  # the key is the picture's number
        scores = np.take_along_axis(tables, tokens[:, :, None], axis=1)
        return scores.astype(np.float32), state + 1


def memory_of(count: int) -> PictureMemory:
    numbers = np.arange(count, dtype=np.float32)[:, None, None, None]
    return PictureMemory(numbers, numbers, np.zeros((count, 1), dtype=bool))


def random_tables(count: int, seed: int = 1) -> np.ndarray:
    logits = np.random.default_rng(seed).normal(scale=2.0, size=(count, SIZE, SIZE))
    tables: np.ndarray = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    return tables


def search(tables: np.ndarray, **settings: float) -> list[list[DecodedHypothesis]]:
    decoder = TableDecoder(tables)
    return BeamSearch(decoder, DecodingSettings(**settings)).run(memory_of(len(tables)))


def all_outputs(
    table: np.ndarray, max_len: int, length_penalty: float
) -> list[tuple[float, tuple[int, ...]]]:
    """Score and ids of every output, best first."""
    tokens = [token for token in range(SIZE) if token not in (EOS, PAD)]
    outputs = []
    for length in range(1, max_len + 1):
        for ids in itertools.product(tokens, repeat=length):
            path = [EOS, *ids, EOS]
            total = sum(table[a, b] for a, b in itertools.pairwise(path))
            outputs.append((total / (length + 1) ** length_penalty, ids))
    return sorted(outputs, reverse=True)


@pytest.mark.parametrize("length_penalty", [1.0, 0.0])
def test_a_beam_as_wide_as_the_dictionary_finds_the_best_tokens(length_penalty: float) -> None:
    tables = random_tables(4)
    results = search(tables, beam=20, nbest=3, max_len=1, length_penalty=length_penalty)
    for table, found in zip(tables, results, strict=True):
        best = all_outputs(table, 1, length_penalty)[:3]
        assert [h.ids for h in found] == [ids for _, ids in best]
        assert [h.score for h in found] == pytest.approx([score for score, _ in best], abs=1e-5)


def test_greedy_takes_the_best_token_each_time() -> None:
    tables = random_tables(5)
    for table, [found] in zip(tables, search(tables, beam=1, max_len=12), strict=True):
        ids: list[int] = []
        while len(ids) < 12:
            scores = table[ids[-1] if ids else EOS].copy()
            scores[PAD] = -np.inf
            if not ids:
                scores[EOS] = -np.inf
            if (token := int(scores.argmax())) == EOS:
                break
            ids.append(token)
        assert found.ids == tuple(ids)


def test_log_probabilities_add_up_to_the_score() -> None:
    tables = random_tables(3)
    for table, found in zip(tables, search(tables, beam=3, nbest=3, max_len=8), strict=True):
        assert len(found) == 3
        assert [h.score for h in found] == sorted((h.score for h in found), reverse=True)
        for hypothesis in found:
            path = [EOS, *hypothesis.ids, EOS]
            expected = [table[a, b] for a, b in itertools.pairwise(path)]
            assert hypothesis.token_log_probabilities == pytest.approx(expected, abs=1e-4)
            assert hypothesis.score == pytest.approx(sum(expected) / len(expected), abs=1e-5)


def test_pictures_together_give_what_each_gives_alone() -> None:
    tables = random_tables(6, seed=5)
    together = search(tables, beam=3, nbest=2, max_len=9)
    for number in range(6):
        assert search(tables[number : number + 1], beam=3, nbest=2, max_len=9) == [together[number]]


def test_the_longest_output_is_ended() -> None:
    tables = np.full((1, SIZE, SIZE), -9.0)
    tables[:, :, 5] = -0.1  # 5 again and again
    [[found]] = search(tables, beam=1, max_len=4)
    assert found.ids == (5, 5, 5, 5)
    assert found.token_log_probabilities[-1] == pytest.approx(-9.0)


class OnlyFives(ArrayFilter):
    """Allows one 5 after the other, and the end after three of them; states count them."""

    def begin(self, rows: int, max_len: int) -> Ids:
        return np.zeros(rows, dtype=np.int64)

    def allowed_array(self, states: Ids, step: int, max_len: int) -> np.ndarray:
        allowed = np.zeros((len(states), SIZE), dtype=bool)
        allowed[states < 3, 5] = True
        allowed[states == 3, EOS] = True
        return allowed

    def advance(self, states: Ids, tokens: Ids) -> Ids:
        assert (tokens == 5).all()
        return states + 1


def test_a_filter_is_obeyed_and_asked_of_living_rows_alone() -> None:
    search_ = BeamSearch(TableDecoder(random_tables(2)), DecodingSettings(beam=4, max_len=9), OnlyFives())
    assert [[h.ids for h in found] for found in search_.run(memory_of(2))] == [[(5, 5, 5)], [(5, 5, 5)]]


def test_a_filter_without_a_way_out_is_refused() -> None:
    class Nothing(OnlyFives):
        def allowed_array(self, states: Ids, step: int, max_len: int) -> np.ndarray:
            return np.zeros((len(states), SIZE), dtype=bool)

    search_ = BeamSearch(TableDecoder(random_tables(1)), DecodingSettings(beam=2, max_len=5), Nothing())
    with pytest.raises(ValueError, match="picture 0 of the batch: the filter of tokens allows nothing"):
        search_.run(memory_of(1))


def test_scores_that_are_no_numbers_are_refused() -> None:
    tables = random_tables(1)
    tables[0, EOS, 4] = math.nan
    with pytest.raises(ValueError, match="scores are NaN"):
        search(tables, beam=2, max_len=3)


def test_packing_keeps_the_cells_that_are_read() -> None:
    rng = np.random.default_rng(3)
    keys, values = rng.normal(size=(2, 2, 4, 6)), rng.normal(size=(2, 2, 6, 4))
    unread = np.array([[1, 0, 0, 1, 1, 1], [0, 1, 0, 1, 0, 1]], dtype=bool)
    packed = PictureMemory(keys.astype(np.float32), values.astype(np.float32), unread).packed()
    assert packed.unread.tolist() == [[False, False, True], [False, False, False]]
    np.testing.assert_array_equal(packed.keys[0][:, :, :2], keys[0][:, :, [1, 2]].astype(np.float32))
    np.testing.assert_array_equal(packed.values[1], values[1][:, [0, 2, 4]].astype(np.float32))
