"""Scores of a fairseq-generate run, on the tokens as they are and in a form that unifies braces and spaces.

    fairseq-generate data-bin --gen-subset valid --beam 5 ... > generate.txt
    python -m examples.im2latex_100k.score_generate_log --generated generate.txt --data data-bin --split valid

A picture that the log lacks (fairseq skips what is over its limits) counts as an empty hypothesis. A pair of
which one formula can't be brought into the normal form is compared as it is, and counted.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from examples.im2latex_100k.unified_form import drop_spaces, normal_form, unify_braces
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.evaluation.generation_log import GenerationOutputError, read_generation_output
from im2latex_fairseq.metrics.bleu import corpus_bleu
from im2latex_fairseq.metrics.edit_distance import edit_distance_accuracy
from im2latex_fairseq.metrics.exact_match import exact_match
from im2latex_fairseq.metrics.pair import UNKNOWN_TOKENS

Tokens = Sequence[str]

SIGNATURE = "BLEU tokens:given|nrefs:1|case:mixed|smooth:none|order:4; edit = 1 - sum(d) / sum(longer)"


@dataclass(frozen=True)
class Pair:
    """A hypothesis and its reference."""

    hypothesis: tuple[str, ...]
    reference: tuple[str, ...]


@dataclass(frozen=True)
class Comparison:
    """Scores of all pairs in one form, each in [0, 100].

    Attributes:
        form: What was compared.
        bleu: Corpus BLEU-4 over tokens.
        edit_accuracy: 100 * (1 - sum of edit distances / sum of the longer lengths).
        exact_match: Share of equal pairs.
        unread_hypotheses: Hypotheses that have no normal form; their pairs were compared as they are.
        unread_references: References of which the same holds.
    """

    form: str
    bleu: float
    edit_accuracy: float
    exact_match: float
    unread_hypotheses: int = 0
    unread_references: int = 0


@dataclass(frozen=True)
class Scores:
    """What is said of a run.

    Attributes:
        pictures: References.
        missing: Pictures without a hypothesis in the log; they count as empty ones.
        empty: Hypotheses of no tokens, the missing ones not among them.
        with_unknown: Hypotheses with an unknown token.
        reference_tokens: Of all references.
        hypothesis_tokens: Of all hypotheses.
        comparisons: One a form.
        score_line: What fairseq-generate itself said.
        signature: Of the metrics.
    """

    pictures: int
    missing: int
    empty: int
    with_unknown: int
    reference_tokens: int
    hypothesis_tokens: int
    comparisons: tuple[Comparison, ...]
    score_line: str
    signature: str = SIGNATURE


def score_log(generated: Path, manifest: Path | None = None) -> Scores:
    """Score a run.

    Args:
        generated: Standard output of fairseq-generate.
        manifest: Of the split that was decoded. Its formulas are the references and tell which pictures the
            log lacks; without it the log's own references are taken, and what it lacks isn't seen.

    Raises:
        GenerationOutputError: The log is cut off, or has a picture that the manifest hasn't.
    """
    output = read_generation_output(generated)
    hypotheses = {p.row: p.hypothesis for p in output.predictions}
    references = {p.row: p.reference for p in output.predictions}
    if manifest is not None:
        references = {row: tuple(e.formula.split(" ")) for row, e in enumerate(read_manifest(manifest))}
        foreign = sorted(hypotheses.keys() - references.keys())
        if foreign:
            raise GenerationOutputError(
                f"{generated}: has a hypothesis of picture {foreign[-1]}, but {manifest} has "
                f"{len(references)} rows; they belong to different splits"
            )
    pairs = [Pair(hypotheses.get(row, ()), references[row]) for row in sorted(references)]
    missing = len(references) - len(hypotheses)
    return Scores(
        pictures=len(pairs),
        missing=missing,
        empty=sum(not pair.hypothesis for pair in pairs) - missing,
        with_unknown=sum("<unk>" in pair.hypothesis for pair in pairs),
        reference_tokens=sum(len(pair.reference) for pair in pairs),
        hypothesis_tokens=sum(len(pair.hypothesis) for pair in pairs),
        comparisons=compare(pairs),
        score_line=output.score_line,
    )


def compare(pairs: Sequence[Pair]) -> tuple[Comparison, ...]:
    """Score pairs as they are, with braces unified, and with spaces dropped as well."""
    readable = [(_normal(pair.hypothesis), _normal(pair.reference)) for pair in pairs]
    unread = (sum(h is None for h, _ in readable), sum(r is None for _, r in readable))
    braced: list[tuple[Tokens, Tokens]] = []
    bare: list[tuple[Tokens, Tokens]] = []
    for pair, (hypothesis, reference) in zip(pairs, readable, strict=True):
        if hypothesis is None or reference is None:
            braced.append((pair.hypothesis, pair.reference))
        else:
            braced.append((unify_braces(hypothesis), unify_braces(reference)))
        bare.append((drop_spaces(braced[-1][0]), drop_spaces(braced[-1][1])))
    return (
        _comparison("tokens as they are", [(pair.hypothesis, pair.reference) for pair in pairs]),
        _comparison("normal form, redundant braces dropped", braced, *unread),
        _comparison("the same, spaces dropped", bare, *unread),
    )


def _normal(tokens: Tokens) -> Tokens | None:
    """The normal form; of no tokens it is no tokens, and None of what has none."""
    if not tokens:
        return tokens
    return None if any(token in UNKNOWN_TOKENS for token in tokens) else normal_form(tokens)


def _comparison(
    form: str,
    pairs: Sequence[tuple[Tokens, Tokens]],
    unread_hypotheses: int = 0,
    unread_references: int = 0,
) -> Comparison:
    hypotheses, references = [hypothesis for hypothesis, _ in pairs], [reference for _, reference in pairs]
    return Comparison(
        form,
        corpus_bleu(hypotheses, references),
        edit_distance_accuracy(hypotheses, references),
        exact_match(hypotheses, references),
        unread_hypotheses,
        unread_references,
    )


def table(scores: Scores) -> str:
    """The scores for people."""
    ratio = scores.hypothesis_tokens / max(1, scores.reference_tokens)
    width = max(len(comparison.form) for comparison in scores.comparisons)
    lines = [
        f"{scores.pictures} pictures: {scores.missing} missing in the log, {scores.empty} read as nothing, "
        f"{scores.with_unknown} with unknown tokens; {ratio:.3f} tokens for each of the references",
        "",
        f"{'compared':<{width}}  BLEU-4    edit   exact  not read (hypotheses, references)",
    ]
    for c in scores.comparisons:
        lines.append(
            f"{c.form:<{width}}  {c.bleu:6.2f}  {c.edit_accuracy:6.2f}  {c.exact_match:6.2f}  "
            f"{c.unread_hypotheses}, {c.unread_references}"
        )
    return "\n".join([*lines, "", scores.signature, f"fairseq: {scores.score_line}"])


def main(arguments: Sequence[str] | None = None) -> None:
    """Print the scores of a log."""
    parser = argparse.ArgumentParser(description="Score the output of fairseq-generate.")
    parser.add_argument("--generated", type=Path, required=True, help="standard output of fairseq-generate")
    parser.add_argument("--data", type=Path, help="data folder that was decoded: tells what the log lacks")
    parser.add_argument("--split", default="valid", help="split that was decoded (default valid)")
    parser.add_argument("--json", type=Path, help="also write the scores to this file")
    options = parser.parse_args(arguments)
    manifest = options.data / f"{options.split}.tsv" if options.data is not None else None
    try:
        scores = score_log(options.generated, manifest)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    if options.json is not None:
        options.json.write_text(json.dumps(asdict(scores), indent=2) + "\n", encoding="utf-8")
    print(table(scores))


if __name__ == "__main__":
    main()
