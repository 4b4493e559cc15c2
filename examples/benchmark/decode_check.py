"""Whether our generator answers as fairseq's does, and what bfloat16 and int8 cost."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.benchmark.decode_contenders import EXACT, PRECISIONS, STOCK, Batch, Output
from im2latex_fairseq.metrics.bleu import corpus_bleu


@dataclass(frozen=True)
class Check:
    """The answers of one beam.

    Attributes:
        beam: Its width.
        pictures: That were decoded.
        differing: Pictures of which not all hypotheses are the same, in the same order.
        best_differing: Of those, pictures whose best hypothesis is another.
        score_difference: The largest of a score, or of a token's, of hypotheses that are the same.
        bleu: Of the best hypotheses, by contender.
        rounded_differing: Pictures whose best hypothesis is another, by contender that rounds.
    """

    beam: int
    pictures: int
    differing: int
    best_differing: int
    score_difference: float
    bleu: dict[str, float]
    rounded_differing: dict[str, int]


def check(bench: Any, batches: Sequence[Batch], beam: int, names: Sequence[str]) -> Check:
    """Decode batches by fairseq's generator and by ours, and compare everything.

    Args:
        bench: A `decode_speed.Bench`.
        batches: With their targets.
        beam: Its width.
        names: Contenders; of these, those that round are compared, too.
    """
    rounding = [name for name in PRECISIONS if name != EXACT and name in names]
    found = {name: _flat(bench.outputs(name, batches, beam)) for name in (STOCK, EXACT, *rounding)}
    stock, exact = found[STOCK], found[EXACT]
    references = [bench.task.tokens_of(row) for batch in batches for row in batch["target"]]
    differences = [_difference(a, b) for a, b in zip(stock, exact, strict=True)]
    return Check(
        beam=beam,
        pictures=len(stock),
        differing=sum(difference is None for difference in differences),
        best_differing=_best_differing(stock, exact),
        score_difference=max((d for d in differences if d is not None), default=0.0),
        bleu={
            name: corpus_bleu([bench.task.tokens_of(h[0]["tokens"]) for h in output], references)
            for name, output in found.items()
        },
        rounded_differing={name: _best_differing(exact, found[name]) for name in rounding},
    )


def _flat(outputs: Sequence[Output]) -> Output:
    return [hypotheses for output in outputs for hypotheses in output]


def _difference(first: list[dict[str, Any]], second: list[dict[str, Any]]) -> float | None:
    """The largest difference of scores, or None where the hypotheses aren't the same."""
    if [h["tokens"].tolist() for h in first] != [h["tokens"].tolist() for h in second]:
        return None
    return max(
        max(
            abs(float(a["score"] - b["score"])),
            float((a["positional_scores"] - b["positional_scores"]).abs().max()),
        )
        for a, b in zip(first, second, strict=True)
    )


def _best_differing(first: Output, second: Output) -> int:
    return sum(a[0]["tokens"].tolist() != b[0]["tokens"].tolist() for a, b in zip(first, second, strict=True))


def check_table(checks: Sequence[Check]) -> str:
    """One line a beam; of all, the contenders that round are the same."""
    rounding = list(checks[0].rounded_differing)
    titles = [
        *("beam", "pictures", "n-best lists that differ", "best hypotheses that differ"),
        *("largest difference of a score", "BLEU stock", "ours"),
        *(title for name in rounding for title in (name, f"best hypotheses that differ, {name}")),
    ]
    lines = [f"| {' | '.join(titles)} |", "|---:" * len(titles) + "|"]
    for found in checks:
        cells = [
            *(f"{found.beam}", f"{found.pictures}", f"{found.differing}", f"{found.best_differing}"),
            *(f"{found.score_difference:.1e}", f"{found.bleu[STOCK]:.3f}", f"{found.bleu[EXACT]:.3f}"),
        ]
        for name in rounding:
            cells += [f"{found.bleu[name]:.3f}", f"{found.rounded_differing[name]}"]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)
