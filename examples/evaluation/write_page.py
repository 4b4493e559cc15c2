r"""A page that puts every convention side by side on one set of predictions, and says how far "the same" score moves.

    im2latex score --references data-bin/valid_1000.tsv --hypotheses generate-valid_1000.txt \
        --images data-bin/valid_1000.images --save valid_1000.evaluation.jsonl
    python -m examples.evaluation.write_page --evaluation valid_1000.evaluation.jsonl \
        --predictions "which model read which pictures" --out examples/evaluation/README.md

Everything on the page but the prose of this file follows from the saved evaluation.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from sacrebleu.metrics.bleu import BLEU

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.evaluation.alignment import align
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.formula_list import FormulaList, Record
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.evaluation.judging import GROUPS, judge
from im2latex_fairseq.evaluation.saved_evaluation import read_evaluation
from im2latex_fairseq.evaluation.table import counts_lines
from im2latex_fairseq.images.renderer import tex_available
from im2latex_fairseq.metrics.pair import FormulaPair

COMMAND = """```bash
im2latex score --references data-bin/valid_1000.tsv --hypotheses generate-valid_1000.txt \\
    --images data-bin/valid_1000.images --save valid_1000.evaluation.jsonl
im2latex score --references data-bin/pages_valid.tsv --hypotheses generate-pages_valid.txt \\
    --metrics text --save pages.evaluation.jsonl
python -m examples.evaluation.write_references_as_written --release DATA/im2latex100k/pages.tar \\
    --manifest data-bin/pages_valid.tsv --out pages.as-written.tsv
im2latex score --references pages.as-written.tsv --hypotheses generate-pages_valid.txt \\
    --metrics text --save pages.as-written.evaluation.jsonl
python -m examples.evaluation.write_page --evaluation valid_1000.evaluation.jsonl --predictions "..." \\
    --as-written pages.evaluation.jsonl pages.as-written.evaluation.jsonl --out examples/evaluation/README.md
```"""


@dataclass(frozen=True)
class Family:
    """What papers call by one name.

    Attributes:
        title: That name.
        prose: What its conventions differ in.
        beginnings: A metric belongs here if its name begins with one of these.
        true_picture: Whether its metrics compare with the true picture.
        as_accuracy: Show what counts errors as 100 minus itself too, so that all rows can be compared.
        spread: Whether all rows claim to be the same figure, so that their spread says something.
    """

    title: str
    prose: str
    beginnings: tuple[str, ...]
    true_picture: bool = False
    as_accuracy: bool = False
    spread: bool = True

    def holds(self, name: str) -> bool:
        """Whether a metric of that name is of this family."""
        return name.startswith(self.beginnings) and name.endswith("_true_picture") is self.true_picture


FAMILIES = (
    Family(
        "BLEU",
        "One name for at least three decisions: which tokens (`given`: as the files have them; `normal`: both sides "
        "in one normal form), which program (`multi-bleu.perl` or sacrebleu, which smooths), and whether the corpus "
        "is scored at once or formula by formula. The last rows are conventions that `im2latex score` doesn't offer, "
        "since they aren't made for LaTeX: sacrebleu's own tokenizers on the text, and the mean of BLEU per formula.",
        ("bleu_",),
    ),
    Family(
        "Edit distance",
        'Published as a distance or as 100 minus it, and averaged in three ways. "As accuracy" makes the rows '
        "comparable. The error rate has no upper bound, so its accuracy may fall below 0.",
        ("token_", "character_"),
        as_accuracy=True,
    ),
    Family(
        "Exact match of text",
        "The same text, the same without white space, the same tokens, the same normal form.",
        ("exact_match",),
    ),
    Family(
        "ExpRate, up to n errors",
        "As CROHME has it: a formula counts if at most n tokens are wrong. Not one figure but three.",
        ("exp_rate",),
        spread=False,
    ),
    Family(
        "Image match",
        "Both formulas drawn by the same TeX and compared column by column. As Deng et al. 2017 define it, columns "
        "that the hypothesis has too many are always forgiven; `image_match` and `image_match_no_spaces` bound both "
        "sides.",
        ("image_match",),
    ),
    Family(
        "Columns of pictures",
        "Edit distance over exact columns of pixels, as an accuracy.",
        ("column_edit",),
        spread=False,
    ),
    Family(
        "Pictures, against the true one",
        "The picture that the model saw in place of a drawing of the reference. Another program drew it, so that even "
        "the references' own drawings score far below 100 (the remarks below say how much): these rows tell more of "
        "the drawing than of the model.",
        ("image_match", "column_edit"),
        true_picture=True,
        spread=False,
    ),
    Family(
        "Symbols",
        "In the spirit of CDM (Wang et al. 2024): each token drawn in its own colour, boxes found and matched.",
        ("symbol_",),
        spread=False,
    ),
    Family(
        "Well-formedness",
        "What the outputs are like, whatever the references say.",
        ("balanced_", "repetition_", "compile_"),
        spread=False,
    ),
)


@dataclass(frozen=True)
class Row:
    """A line of a table.

    Attributes:
        name: Of the metric, or of what else was computed.
        signature: What it is exactly.
        score: In percent.
        interval: Of the score; None if there is none.
        higher_is_better: Whether more is better.
    """

    name: str
    signature: str
    score: float
    interval: tuple[float, float] | None
    higher_is_better: bool = True

    @property
    def accuracy(self) -> float:
        """The score, or 100 minus what counts errors."""
        return self.score if self.higher_is_better else 100.0 - self.score


#: What each kind of difference costs: (what differs, hypothesis, reference).
CASES = (
    ("nothing", r"\frac { a } { b } + c ^ { 2 }", r"\frac { a } { b } + c ^ { 2 }"),
    ("the way to write it", r"\frac a b + c ^ 2", r"\frac { a } { b } + c ^ { 2 }"),
    ("a wide space too many", r"\frac { a } { b } \quad + c ^ { 2 }", r"\frac { a } { b } + c ^ { 2 }"),
    ("one letter", r"\frac { a } { b } + d ^ { 2 }", r"\frac { a } { b } + c ^ { 2 }"),
    ("a wide term too many", r"\frac { a } { b } + c ^ { 2 } + M N", r"\frac { a } { b } + c ^ { 2 }"),
    ("a wide term too few", r"\frac { a } { b } + c ^ { 2 }", r"\frac { a } { b } + c ^ { 2 } + M N"),
    ("a brace is left open", r"\frac { a } { b + c ^ { 2 }", r"\frac { a } { b } + c ^ { 2 }"),
    ("no output", None, r"\frac { a } { b } + c ^ { 2 }"),
)
CASE_METRICS = (
    "exact_match_given",
    "exact_match",
    "token_edit_accuracy",
    "image_match_deng",
    "image_match",
    "image_match_no_spaces",
    "column_edit_accuracy",
    "symbol_f1",
    "compile_rate",
)


def rows_of(evaluation: Evaluation, family: Family, resampling: Resampling) -> list[Row]:
    """The rows of a family's metrics, in the order of the evaluation."""
    intervals = resampling.intervals(evaluation)
    return [
        Row(m.name, m.signature, evaluation.score(m.name), intervals.get(m.name), m.higher_is_better)
        for m in evaluation.metrics
        if family.holds(m.name)
    ]


def other_bleus(pairs: Sequence[FormulaPair]) -> list[Row]:
    """BLEU as other projects compute it, by sacrebleu itself, on the text or the tokens as given."""
    hypotheses = [pair.hypothesis for pair in pairs]
    references = [pair.reference for pair in pairs]
    rows = []
    for tokenizer in ("13a", "intl", "char"):
        corpus = BLEU(tokenize=tokenizer, force=True)  # it would warn that the text is tokens already
        score = corpus.corpus_score(hypotheses, [references]).score
        rows.append(Row(f"sacrebleu, tokenizer {tokenizer}", str(corpus.get_signature()), score, None))
    sentence = BLEU(tokenize="none", effective_order=True)
    scores = [
        sentence.sentence_score(" ".join(p.hypothesis_tokens), [" ".join(p.reference_tokens)]).score
        for p in pairs
    ]
    rows.append(
        Row(
            "mean of sacrebleu's sentence BLEU, tokens as given",
            str(sentence.get_signature()),
            float(np.mean(scores)) if scores else 100.0,
            None,
        )
    )
    return rows


def family_section(evaluation: Evaluation, family: Family, resampling: Resampling) -> list[str]:
    """A family's heading, prose, table and spread; nothing if the evaluation has none of its metrics."""
    rows = rows_of(evaluation, family, resampling)
    if not rows:
        return []
    others = other_bleus(evaluation.pairs) if family.title == "BLEU" else []
    head = ["metric", "score", f"{100 * resampling.confidence:g}% interval"]
    if family.as_accuracy:
        head.append("as accuracy")
    lines = [f"## {family.title}", "", family.prose, "", table_row(head), table_row(["---"] * len(head))]
    for row in [*rows, *others]:
        name = f"`{row.name}`" if row in rows else row.name
        interval = "" if row.interval is None else f"{row.interval[0]:.2f} to {row.interval[1]:.2f}"
        cells = [name, f"{row.score:.2f}", interval]
        lines.append(table_row([*cells, f"{row.accuracy:.2f}"] if family.as_accuracy else cells))
    if family.spread:
        lines += ["", spread_sentence(family.title, [*rows, *others])]
    return [*lines, ""]


def spread_sentence(title: str, rows: Sequence[Row]) -> str:
    """How far apart the rows are."""
    low, high = min(rows, key=lambda row: row.accuracy), max(rows, key=lambda row: row.accuracy)
    if high.accuracy - low.accuracy < 0.005:
        return f"{title} doesn't move on these predictions, which have the form of their references."
    return (
        f"**{title} moves by {high.accuracy - low.accuracy:.2f} points** on the same predictions: from "
        f"{low.accuracy:.2f} ({low.name}) to {high.accuracy:.2f} ({high.name})."
    )


def without_empty_section(evaluation: Evaluation) -> list[str]:
    """What skipping missing and empty predictions would do to the scores."""
    kept = np.array([bool(pair.hypothesis.strip()) for pair in evaluation.pairs], dtype=np.bool_)
    skipped = int((~kept).sum())
    lines = ["## Skipping what is missing or empty", ""]
    if not skipped:
        return [*lines, "There is no such prediction in this set, so skipping them changes nothing here.", ""]
    lines += [
        f"{skipped:,} of {len(kept):,} predictions are missing or empty and count as empty formulas above. "
        "Skipping them, as im2markup's edit distance does with missing ones, would give:",
        "",
        table_row(["metric", "all", "without them", "difference"]),
        table_row(["---"] * 4),
    ]
    for name in ("bleu_multi", "token_edit_accuracy", "exact_match", "image_match_deng", "symbol_f1"):
        if name not in evaluation.statistics:
            continue
        score = evaluation.score(name)
        without = float(evaluation.metric(name).score(evaluation.statistics[name][kept].sum(axis=0)))
        lines.append(table_row([f"`{name}`", f"{score:.2f}", f"{without:.2f}", f"{without - score:+.2f}"]))
    return [*lines, ""]


#: What shows how much the form of the references matters.
FORM_METRICS = (
    "bleu_multi",
    "bleu_multi_given",
    "token_edit_accuracy",
    "token_edit_accuracy_given",
    "character_edit_accuracy_given",
    "exact_match",
    "exact_match_given",
    "exact_match_no_spaces",
    "exact_match_text",
)


def as_written_section(normal: Evaluation, as_written: Evaluation) -> list[str]:
    """The same predictions against references in normal form and as their authors wrote them."""
    lines = [
        "## References as their authors wrote them",
        "",
        f"The {len(normal.pairs):,} predictions of another set, scored twice: against references in the normal form, "
        "which the model was taught to write, and against the same formulas as their authors wrote them. Metrics of "
        "the normal form hardly notice (what our normaliser refuses stays as given); metrics of the text as given "
        "score the form, not the reading.",
        "",
        table_row(["metric", "references in normal form", "references as written", "difference"]),
        table_row(["---"] * 4),
    ]
    for name in FORM_METRICS:
        first, second = normal.score(name), as_written.score(name)
        lines.append(table_row([f"`{name}`", f"{first:.2f}", f"{second:.2f}", f"{second - first:+.2f}"]))
    bleu = [as_written.score(name) for name in ("bleu_multi", "bleu_multi_given")]
    return [
        *lines,
        "",
        f"**BLEU against what authors wrote is {bleu[1]:.2f} or {bleu[0]:.2f}**, by whether both sides are normalised "
        "first.",
        "",
    ]


def cases_section() -> list[str]:
    """What each metric makes of one difference; needs TeX for the metrics that draw."""
    references = [Record(reference, what, 1) for what, _, reference in CASES]
    hypotheses = [Record(text, what, 1) for what, text, _ in CASES if text is not None]
    wanted = [metric for metric in GROUPS["all"] if metric.name in CASE_METRICS]
    evaluation = judge(
        align(_listed(references), _listed(hypotheses)), sorted(wanted, key=_place_among_cases)
    )
    names = [metric.name for metric in evaluation.metrics]
    columns = [evaluation.per_sample(name) for name in names]
    return [
        "## What each one sees",
        "",
        "One formula at a time, with one thing that differs from the reference; scores of that pair alone. "
        "Metrics of the text as given punish another way to write the same picture, those of the normal form less, "
        "metrics of pictures not at all. Image match forgives single letters, which at half size differ in few "
        "columns, and Deng's forgives whatever the hypothesis has too many.",
        "",
        table_row(["what differs", *(f"`{name}`" for name in names)]),
        table_row(["---"] * (1 + len(names))),
        *(
            table_row([what, *(f"{column[place]:.0f}" for column in columns)])
            for place, (what, _, _) in enumerate(CASES)
        ),
        "",
    ]


def page(
    evaluation: Evaluation,
    predictions: str,
    resampling: Resampling,
    as_written: tuple[Evaluation, Evaluation] | None = None,
) -> str:
    """The whole page.

    Args:
        evaluation: Of one system.
        predictions: Says which model read which pictures; a sentence of Markdown.
        resampling: How intervals are drawn.
        as_written: Other predictions against references in normal form and against what authors wrote.
    """
    sections = [line for f in FAMILIES for line in family_section(evaluation, f, resampling)]
    left_out = [f"- `{name}` is left out, because {why}." for name, why in evaluation.left_out.items()]
    signatures = [f"- `{m.name}`: `{m.signature}`" for m in evaluation.metrics]
    lines = [
        "# One set of predictions, every convention",
        "",
        "<!-- Written by examples/evaluation/write_page.py; change that, not this. -->",
        "",
        "Scores of image-to-LaTeX systems can't be compared unless they say exactly what they are. Here is one set of "
        "predictions, scored in every convention that `im2latex score` knows, and some that it doesn't.",
        "",
        f"Predictions: {predictions}",
        "",
        COMMAND,
        "",
        "```",
        *counts_lines(evaluation.counts),
        "```",
        "",
        resampling.sentence(len(evaluation.pairs)) + " All figures are percent.",
        "",
        *sections,
        *(as_written_section(*as_written) if as_written is not None else []),
        *without_empty_section(evaluation),
        *(cases_section() if tex_available() else []),
        "## Signatures",
        "",
        *signatures,
        *left_out,
        "",
        "## Remarks on the input",
        "",
        *(f"- {remark}" for remark in evaluation.remarks),
    ]
    return "\n".join(lines).rstrip() + "\n"


def table_row(cells: Iterable[str]) -> str:
    """A row of a Markdown table."""
    return "| " + " | ".join(cells) + " |"


def _place_among_cases(metric: object) -> int:
    return CASE_METRICS.index(getattr(metric, "name", ""))


def _listed(records: Sequence[Record]) -> FormulaList:
    return FormulaList((Path("cases"),), "tsv", "id", tuple(records))


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(
        description="Write the page of all conventions on one set of predictions."
    )
    parser.add_argument("--evaluation", type=Path, required=True, help="what im2latex score --save wrote")
    parser.add_argument("--predictions", required=True, help="which model read which pictures, in a sentence")
    parser.add_argument(
        "--as-written",
        type=Path,
        nargs=2,
        metavar=("NORMAL", "WRITTEN"),
        help="evaluations of other predictions, against references in normal form and as their authors wrote them",
    )
    parser.add_argument("--out", type=Path, required=True, help="page to write")
    options = parser.parse_args(arguments)
    try:
        evaluation = read_evaluation(options.evaluation)
        pair = None
        if options.as_written:
            pair = (read_evaluation(options.as_written[0]), read_evaluation(options.as_written[1]))
        text = page(evaluation, options.predictions, Resampling(), pair)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    write_text_atomically(options.out, text)
    print(f"page: {options.out}")


if __name__ == "__main__":
    main()
