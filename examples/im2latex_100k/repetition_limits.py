"""Learns how much formulas may repeat themselves, and tells how many formulas of other files that would cut off.

    python -m examples.im2latex_100k.repetition_limits --learn data-bin/train.tsv --check data-bin/valid.tsv

`DEFAULT_LIMITS` of `im2latex_fairseq/decoding/repeated_tokens.py` are what it prints of the train split.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.decoding.repeated_tokens import RepetitionLimits, learn_limits
from im2latex_fairseq.decoding.repetition import RepetitionFilter

Tokens = Sequence[str]

# Formulas that are checked together, as beams are.
_ROWS = 320


def cut_formulas(formulas: Sequence[Tokens], limits: RepetitionLimits) -> list[Tokens]:
    """Formulas of which `RepetitionFilter` forbids a token, when each is written token by token."""
    symbols = sorted({token for tokens in formulas for token in tokens})
    id_of = {symbol: number for number, symbol in enumerate(symbols)}
    token_filter = RepetitionFilter(symbols, limits)
    cut: list[Tokens] = []
    ordered = sorted(formulas, key=len, reverse=True)
    for start in range(0, len(ordered), _ROWS):
        rows = ordered[start : start + _ROWS]
        ids = [[id_of[token] for token in tokens] for tokens in rows]
        cut += [rows[number] for number in _refused_rows(token_filter, ids)]
    return cut


def _refused_rows(token_filter: RepetitionFilter, rows: Sequence[Sequence[int]]) -> list[int]:
    """Numbers of the rows, the longest first, of which a token is forbidden."""
    max_len = len(rows[0])
    states = token_filter.begin(len(rows), max_len)
    refused: set[int] = set()
    for step in range(max_len):
        going = sum(len(row) > step for row in rows)  # shorter rows are behind
        states = states[:going]
        tokens = np.array([row[step] for row in rows[:going]], dtype=np.int64)
        mask = token_filter.allowed(states, step, max_len)
        if mask is not None:
            refused.update(np.flatnonzero(~mask.numpy()[np.arange(going), tokens]).tolist())
        states = token_filter.advance(states, tokens)
    return sorted(refused)


def read_formulas(manifest: Path) -> list[Tokens]:
    """Tokens of every formula of a split."""
    return [entry.formula.split(" ") for entry in read_manifest(manifest)]


def main(arguments: Sequence[str] | None = None) -> None:
    """Print limits and checks."""
    parser = argparse.ArgumentParser(description="Learn how much formulas may repeat themselves.")
    parser.add_argument("--learn", type=Path, required=True, help="manifest of the train split")
    parser.add_argument("--check", type=Path, action="append", default=[], help="manifest; may be repeated")
    parser.add_argument("--margin", type=float, default=1.5, help="times the most seen (default 1.5)")
    options = parser.parse_args(arguments)
    try:
        limits = learn_limits(read_formulas(options.learn), margin=options.margin)
        checked = {path: read_formulas(path) for path in options.check}
    except (OSError, ValueError) as error:
        parser.error(str(error))
    print(limits)
    for path, formulas in checked.items():
        cut = cut_formulas(formulas, limits)
        print(f"{path}: {len(cut)} of {len(formulas):,} formulas would be cut")
        for tokens in cut:
            print("  " + " ".join(tokens))


if __name__ == "__main__":
    main()
