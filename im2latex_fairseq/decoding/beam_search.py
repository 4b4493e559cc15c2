"""Beam search with the results of fairseq's `SequenceGenerator`, bookkeeping apart from arithmetic."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import torch

from im2latex_fairseq.decoding.filtered_rows import FilteredRows
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.row_scorer import RowScorer
from im2latex_fairseq.decoding.search_limits import (
    SearchLimits,
    check_scores,
    forbid_tokens,
    nothing_can_follow,
    slots_of_the_rest,
)
from im2latex_fairseq.decoding.search_record import SearchRecord
from im2latex_fairseq.decoding.token_filter import TokenFilter


class _Candidates(NamedTuple):
    """The best continuations of each picture, (P, 2 * beam), best first."""

    totals: np.ndarray
    tokens: np.ndarray
    rows: np.ndarray  # the row, of the same picture, that each continues

    def of(self, slots: np.ndarray) -> _Candidates:
        return _Candidates(self.totals[slots], self.tokens[slots], self.rows[slots])

    def at(self, columns: np.ndarray) -> _Candidates:
        return _Candidates(*(np.take_along_axis(part, columns, axis=1) for part in self))


def beam_search(
    scorer: RowScorer, pictures: int, limits: SearchLimits, token_filter: TokenFilter | None = None
) -> list[list[DecodedHypothesis]]:
    """The hypotheses of each picture, best first.

    As fairseq's search: of the 2 * beam best continuations of a picture, ends among the first `beam` are
    hypotheses; the best `beam` others go on; a picture is finished with `beam` hypotheses, or at the
    longest length, where only the end may follow. Differs in what it keeps: a finished picture's place is
    taken by another, and tokens are read backwards at the end instead of copied at each step.

    Args:
        scorer: Of pictures that have no token yet.
        pictures: Their number.
        limits: Beam, length, ids.
        token_filter: What may follow; None: everything.

    Raises:
        ValueError: The model's scores are no numbers, or the filter leaves a picture without hypothesis.
    """
    search = _BeamSearch(scorer, pictures, limits, token_filter)
    for step in range(limits.max_len + 1):
        if not search.step(step):
            break
    return [sorted(found, key=lambda h: h.score, reverse=True) for found in search.found]


class _BeamSearch:
    """The state of a search. Slots are places of pictures that go on, of which `self.pictures` has the numbers."""

    def __init__(
        self, scorer: RowScorer, pictures: int, limits: SearchLimits, token_filter: TokenFilter | None
    ) -> None:
        self.scorer = scorer
        self.limits = limits
        self.found: list[list[DecodedHypothesis]] = [[] for _ in range(pictures)]
        self.pictures = np.arange(pictures)
        self.filtered = FilteredRows(token_filter, pictures, limits.max_len, limits.eos)
        self.record = SearchRecord(pictures, limits.beam, limits.max_len)
        # At the beginning all rows of a picture would be equal: it has one.
        self.beams = 1
        self.tokens = np.full(pictures, limits.begin)
        self.rows: np.ndarray | None = None
        self.totals = np.zeros(pictures, dtype=np.float32)
        # Places among the first `beam` candidates that hold none that can go on.
        self.ignored = np.zeros((pictures, limits.beam), dtype=bool)

    def step(self, step: int) -> bool:
        """One more token a row; False when every picture is finished."""
        candidates = self._candidates(step)
        check_scores(candidates.totals)
        ends = (candidates.tokens == self.limits.eos) & (candidates.totals != -np.inf)
        ends[:, : self.limits.beam] &= ~self.ignored
        self._collect(step, candidates, ends)
        if step == self.limits.max_len:
            nothing_can_follow(self.found, self.pictures, step)
            return False
        columns, ignored = self._going_on(ends)
        chosen = candidates.at(columns)
        finished = self._finished(step, chosen)
        rest = slots_of_the_rest(finished)
        if len(rest) == 0:
            return False
        self._advance(step, chosen.of(rest), rest)
        self.ignored = ignored[rest]
        return True

    def _candidates(self, step: int) -> _Candidates:
        scorer, limits = self.scorer, self.limits
        scores = scorer.log_probabilities(self.tokens, self.rows)
        self.record.add_attention(scorer.attention(), self.pictures)
        forbid_tokens(scores, step, limits)
        self.filtered.forbid(scores, step)
        scores += torch.from_numpy(self.totals).to(scorer.device)[:, None]
        vocabulary = scores.shape[1]
        scores = scores.view(len(self.pictures), -1)
        # One less than all: padding is none
        best = scores.topk(min(2 * limits.beam, scores.shape[1] - 1), dim=1)
        indices = best.indices.cpu().numpy()
        return _Candidates(best.values.cpu().numpy(), indices % vocabulary, indices // vocabulary)

    def _collect(self, step: int, candidates: _Candidates, ends: np.ndarray) -> None:
        for slot, column in zip(*np.nonzero(ends[:, : self.limits.beam]), strict=True):
            picture = int(self.pictures[slot])
            if len(self.found[picture]) < self.limits.beam:
                self.found[picture].append(
                    self.record.hypothesis(
                        picture,
                        int(candidates.rows[slot, column]),
                        step,
                        float(candidates.totals[slot, column]),
                        self.limits.length_penalty,
                    )
                )

    def _going_on(self, ends: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Columns of the candidates that go on, (P, beam), and which of them are none, (P, beam) bool."""
        beam = self.limits.beam
        ends[:, :beam] |= self.ignored
        order = np.argsort(ends, axis=1, kind="stable")[:, :beam]
        return order, np.take_along_axis(ends, order, axis=1)

    def _finished(self, step: int, chosen: _Candidates) -> np.ndarray:
        """Which slots are finished, (P,) bool: enough hypotheses, or nothing that could become one."""
        finished = np.array([len(self.found[p]) == self.limits.beam for p in self.pictures.tolist()])
        stuck = ~finished & (chosen.totals == -np.inf).all(axis=1)
        if stuck.any():
            nothing_can_follow(self.found, self.pictures[stuck], step)
        over: np.ndarray = finished | stuck
        return over

    def _advance(self, step: int, chosen: _Candidates, rest: np.ndarray) -> None:
        if len(rest) < len(self.pictures) or (rest != np.arange(len(rest))).any():
            self.scorer.keep(rest)
            self.pictures = self.pictures[rest]
        self.record.add(step, self.pictures, chosen.tokens, chosen.rows, chosen.totals)
        self.rows = (rest[:, None] * self.beams + chosen.rows).reshape(-1)
        self.tokens = chosen.tokens.reshape(-1)
        self.totals = chosen.totals.reshape(-1)
        self.filtered.advance(self.rows, self.tokens, self.totals != -np.inf)
        self.beams = self.limits.beam
