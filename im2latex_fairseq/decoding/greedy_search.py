"""Greedy search: beam search with one row a picture, without its bookkeeping."""

from __future__ import annotations

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


def greedy_search(
    scorer: RowScorer, pictures: int, limits: SearchLimits, token_filter: TokenFilter | None = None
) -> list[list[DecodedHypothesis]]:
    """One hypothesis of each picture: the best token at each step, until it is the end.

    Args:
        scorer: Of pictures that have no token yet.
        pictures: Their number.
        limits: Length and ids; its beam is 1.
        token_filter: What may follow; None: everything.

    Raises:
        ValueError: The model's scores are no numbers, or the filter leaves a picture without hypothesis.
    """
    found: list[list[DecodedHypothesis]] = [[] for _ in range(pictures)]
    record = SearchRecord(pictures, 1, limits.max_len)
    filtered = FilteredRows(token_filter, pictures, limits.max_len, limits.eos)
    going = np.arange(pictures)
    tokens = np.full(pictures, limits.begin)
    totals = np.zeros(pictures, dtype=np.float32)
    rows: np.ndarray | None = None
    for step in range(limits.max_len + 1):
        scores = scorer.log_probabilities(tokens, rows)
        record.add_attention(scorer.attention(), going)
        forbid_tokens(scores, step, limits)
        filtered.forbid(scores, step)
        scores += torch.from_numpy(totals).to(scorer.device)[:, None]
        # Two, and of the sums, as in beam search: of equal ones the same is chosen
        best = scores.topk(min(2, scores.shape[1] - 1), dim=1)
        chosen, totals = best.indices[:, 0].cpu().numpy(), best.values[:, 0].cpu().numpy()
        check_scores(totals)
        if (totals == -np.inf).any():
            nothing_can_follow(found, going[totals == -np.inf], step)
        finished = chosen == limits.eos
        for slot in np.flatnonzero(finished).tolist():
            found[going[slot]].append(
                record.hypothesis(int(going[slot]), 0, step, float(totals[slot]), limits.length_penalty)
            )
        if finished.all():
            break
        tokens, rows = chosen, None
        if finished.any():
            rows = slots_of_the_rest(finished)
            scorer.keep(rows)
            going, tokens, totals = going[rows], tokens[rows], totals[rows]
        record.add(step, going, tokens[:, None], np.zeros((len(going), 1)), totals[:, None])
        filtered.advance(
            np.arange(len(going)) if rows is None else rows, tokens, np.ones(len(going), dtype=bool)
        )
    return found
