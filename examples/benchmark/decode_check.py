"""Whether our generator answers as fairseq's does, and what bfloat16 costs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from examples.benchmark.decode_contenders import EXACT, ROUNDED, STOCK, Batch, Output
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
        bleu: Of the best hypotheses: fairseq's, ours, ours in bfloat16.
        rounded_differing: Pictures whose best hypothesis is another in bfloat16.
    """

    beam: int
    pictures: int
    differing: int
    best_differing: int
    score_difference: float
    bleu: tuple[float, float, float]
    rounded_differing: int


def check(bench: Any, batches: Sequence[Batch], beam: int) -> Check:
    """Decode batches by fairseq's generator and by ours, and compare everything.

    Args:
        bench: A `decode_speed.Bench`.
        batches: With their targets.
        beam: Its width.
    """
    stock, exact, rounded = (_flat(bench.outputs(name, batches, beam)) for name in (STOCK, EXACT, ROUNDED))
    references = [bench.task.tokens_of(row) for batch in batches for row in batch["target"]]
    differences = [_difference(a, b) for a, b in zip(stock, exact, strict=True)]
    return Check(
        beam=beam,
        pictures=len(stock),
        differing=sum(difference is None for difference in differences),
        best_differing=_best_differing(stock, exact),
        score_difference=max((d for d in differences if d is not None), default=0.0),
        bleu=tuple(  # type: ignore[arg-type]  (three of them)
            corpus_bleu([bench.task.tokens_of(h[0]["tokens"]) for h in found], references)
            for found in (stock, exact, rounded)
        ),
        rounded_differing=_best_differing(exact, rounded),
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
    """One line a beam."""
    lines = [
        "| beam | pictures | n-best lists that differ | best hypotheses that differ | largest difference of a score "
        "| BLEU stock | ours | ours, bfloat16 | best hypotheses that differ in bfloat16 |",
        "|---:|---:|---:|---:|---:|---:|---:|---:|---:|",
    ]
    for found in checks:
        bleu = " | ".join(f"{value:.3f}" for value in found.bleu)
        lines.append(
            f"| {found.beam} | {found.pictures} | {found.differing} | {found.best_differing} | "
            f"{found.score_difference:.1e} | {bleu} | {found.rounded_differing} |"
        )
    return "\n".join(lines)
