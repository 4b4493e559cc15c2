"""Beam search in numpy: the arithmetic of fairseq's SequenceGenerator, without torch."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.token_filter import ArrayFilter, close_what_should_end
from im2latex_fairseq.onnx_runtime.picture_memory import Floats, PictureMemory, StepDecoder
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS

_BOS, PAD, EOS, _UNK = range(len(SPECIAL_SYMBOLS))
Ids = NDArray[np.int64]
_NEVER = np.float32(-np.inf)


@dataclass
class _Beams:
    """K beams of each of P unfinished pictures.

    Attributes:
        pictures: Which pictures of the batch these are, (P,).
        memory: Of these.
        state: The decoder's, (P, K, M).
        tokens: (P, K, T), beginning with the end symbol as fairseq has it.
        sums: Sums of the log-probabilities so far, (P, K, T); the last is that of the whole beam. Minus
            infinity for a beam that nothing may follow.
        rules: States of the filter, (P, K).
    """

    pictures: Ids
    memory: PictureMemory
    state: Floats
    tokens: Ids
    sums: Floats
    rules: Ids

    def select(self, kept: Ids) -> _Beams:
        """Some of the pictures, by their places among these."""
        return _Beams(
            self.pictures[kept],
            self.memory.select(kept),
            self.state[kept],
            self.tokens[kept],
            self.sums[kept],
            self.rules[kept],
        )


@dataclass
class BeamSearch:
    """Searches for the most probable outputs.

    As fairseq's: at each step the 2 * beam best candidates of a picture are looked at; an end among the `beam`
    best of them finishes a hypothesis, the best `beam` others go on, and a picture is done when `beam`
    hypotheses are finished or the longest output is reached. The first token is never the end.

    Attributes:
        decoder: Scores next tokens.
        settings: Beam, lengths, number of results.
        token_filter: What may follow; None for everything.
    """

    decoder: StepDecoder
    settings: DecodingSettings
    token_filter: ArrayFilter | None = None
    _finished: list[list[DecodedHypothesis]] = field(default_factory=list, init=False)

    def run(self, memory: PictureMemory) -> list[list[DecodedHypothesis]]:
        """Hypotheses of each picture, best first, at most `settings.nbest`.

        Args:
            memory: Of the pictures.
        """
        count = len(memory.keys)
        self._finished = [[] for _ in range(count)]
        beams = self._begin(memory, count)
        for step in range(self.settings.max_len + 1):
            scores, beams.state = self.decoder.step(
                np.ascontiguousarray(beams.tokens[:, :, -1]), step, beams.state, beams.memory
            )
            scores = self._permitted(scores, beams, step)
            beams = self._advance(scores, beams, step)
            if len(beams.pictures) == 0:
                break
        if not all(self._finished):
            raise ValueError(
                f"picture {self._finished.index([])} of the batch: the filter of tokens allows nothing that leads "
                "to an end"
            )
        return [
            sorted(found, key=lambda hypothesis: -hypothesis.score)[: self.settings.nbest]
            for found in self._finished
        ]

    def _begin(self, memory: PictureMemory, count: int) -> _Beams:
        rules = np.zeros((count, 1), dtype=np.int64)
        if self.token_filter is not None:
            rules = self.token_filter.begin(count, self.settings.max_len).reshape(count, 1)
        return _Beams(
            pictures=np.arange(count),
            memory=memory,
            state=self.decoder.first_state(count),
            tokens=np.full((count, 1, 1), EOS, dtype=np.int64),
            sums=np.zeros((count, 1, 1), dtype=np.float32),
            rules=rules,
        )

    def _permitted(self, scores: Floats, beams: _Beams, step: int) -> Floats:
        """Log-probabilities (P, K, V), minus infinity where a token may not follow."""
        max_len = self.settings.max_len
        if np.isnan(scores).any():
            raise ValueError(
                "the model's scores are NaN: its weights or the picture hold values that are no numbers; "
                "export another checkpoint"
            )
        scores[:, :, PAD] = _NEVER
        if step == 0:
            scores[:, :, EOS] = _NEVER
        if step >= max_len:
            end = scores[:, :, EOS].copy()
            scores[:] = _NEVER
            scores[:, :, EOS] = end
        elif self.token_filter is not None:
            states = beams.rules.reshape(-1)
            allowed = self.token_filter.allowed_array(states, step, max_len)
            if allowed is not None:
                close_what_should_end(
                    self.token_filter,
                    states,
                    allowed,
                    lambda: (scores[:, :, EOS] >= scores.max(axis=2)).reshape(-1),
                    EOS,
                )
                scores[~allowed.reshape(scores.shape)] = _NEVER
        return scores

    def _advance(self, scores: Floats, beams: _Beams, step: int) -> _Beams:
        """Finish hypotheses, choose the beams that go on, leave out the pictures that are done."""
        sums, parents, tokens = self._candidates(scores + beams.sums[:, :, -1:])
        wide = self._beam_width(scores.shape[2])
        alive = sums > _NEVER
        ends = (tokens == EOS) & alive
        self._finish(ends[:, :wide], sums, parents, beams, step)
        goes_on = alive & ~ends
        done = ~goes_on.any(axis=1) | (step >= self.settings.max_len)
        done |= np.array([len(self._finished[picture]) >= wide for picture in beams.pictures])
        kept = np.flatnonzero(~done)
        if len(kept) == 0:
            return beams.select(kept)
        # The candidates that go on, best first. Where they are fewer than the beam, the best fills the place
        # with minus infinity, so that each place holds something the decoder and the filter can go on from.
        order = np.argsort(~goes_on[kept], axis=1, kind="stable")[:, :wide]
        is_real = np.take_along_axis(goes_on[kept], order, axis=1)
        order = np.where(is_real, order, order[:, :1])
        rest = beams.select(kept) if len(kept) < len(done) else beams
        return self._continue(
            rest,
            np.where(is_real, np.take_along_axis(sums[kept], order, axis=1), _NEVER),
            np.take_along_axis(parents[kept], order, axis=1),
            np.take_along_axis(tokens[kept], order, axis=1),
        )

    def _continue(self, beams: _Beams, sums: Floats, parents: Ids, tokens: Ids) -> _Beams:
        """The beams after one more token: sums, parents and tokens are (P, K)."""
        at = np.arange(len(parents))[:, None], parents
        rules = beams.rules[at]
        if self.token_filter is not None:
            rules = self.token_filter.advance(rules.reshape(-1), tokens.reshape(-1)).reshape(rules.shape)
        return _Beams(
            pictures=beams.pictures,
            memory=beams.memory,
            state=beams.state[at],
            tokens=np.concatenate([beams.tokens[at], tokens[:, :, None]], axis=2),
            sums=np.concatenate([beams.sums[at], sums[:, :, None]], axis=2),
            rules=rules,
        )

    def _beam_width(self, dictionary_size: int) -> int:
        return min(self.settings.beam, dictionary_size - 1)

    def _candidates(self, sums: Floats) -> tuple[Floats, Ids, Ids]:
        """The best candidates of each picture, best first: their sums, the beams they continue, their tokens."""
        pictures, beams, size = sums.shape
        count = min(2 * self._beam_width(size), beams * size - 1)
        flat = sums.reshape(pictures, beams * size)
        best = np.argpartition(-flat, count - 1, axis=1)[:, :count]
        values = np.take_along_axis(flat, best, axis=1)
        # Equals by their place, so that the result doesn't depend on how numpy partitions.
        order = np.lexsort((best, -values), axis=1)
        best = np.take_along_axis(best, order, axis=1)
        return np.take_along_axis(values, order, axis=1), best // size, best % size

    def _finish(self, ends: NDArray[np.bool_], sums: Floats, parents: Ids, beams: _Beams, step: int) -> None:
        for place, candidate in np.argwhere(ends):
            found = self._finished[beams.pictures[place]]
            if len(found) >= ends.shape[1]:
                continue
            beam = parents[place, candidate]
            total = sums[place, candidate]
            path = np.append(beams.sums[place, beam], total)  # begins with 0, before any token
            found.append(
                DecodedHypothesis(
                    ids=tuple(beams.tokens[place, beam, 1:].tolist()),
                    score=float(total) / (step + 1) ** self.settings.length_penalty,
                    token_log_probabilities=tuple(np.diff(path).tolist()),
                )
            )
