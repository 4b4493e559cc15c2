"""The page on confidences: what they are worth, and from which one to accept a reading."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from examples.calibration.cross_fitting import Cases, Quality, qualities
from im2latex_fairseq.decoding.calibration_measures import Acceptance, accept_right, accept_share

_SHARES = (0.05, 0.1, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0)
_RIGHTS = (0.99, 0.95, 0.9, 0.8, 0.7, 0.5)
_FORMS = {
    "given": "equal tokens as they are",
    "normal": "equal tokens of the normal form",
    "unified": "equal tokens of the normal form without redundant braces and spaces",
}


@dataclass(frozen=True)
class Page:
    """What the page tells.

    Attributes:
        model: What decoded.
        split: What was decoded.
        seed: Of the halves.
        pictures: Of the split.
        decoded: Those of them in the log.
        has_leads: Whether formulas were judged knowing how far the reading leads the next.
        form: Meaning of right in the calibration that was written.
        tokens: By halves.
        formulas: By halves, by each meaning of right.
    """

    model: str
    split: str
    seed: int
    pictures: int
    decoded: int
    has_leads: bool
    form: str
    tokens: Cases
    formulas: Mapping[str, Cases]


def write_page(page: Page) -> str:
    """The page as Markdown."""
    chosen = page.formulas[page.form]
    lead = (
        "of each picture and its lead over the second"
        if page.has_leads
        else "of each picture, its lead unknown"
    )
    nbest = " --nbest 2" if page.has_leads else ""
    lines = [
        "# How far to trust a reading",
        "",
        "By `python -m examples.calibration.calibrate`, with [calibration.json](calibration.json) and the plot.",
        "",
        f"- **Read**: {page.decoded:,} of the {page.pictures:,} pictures of `{page.split}` by {page.model}; the best "
        f"reading {lead}.",
        f"- **Measured by halves**: the pictures were cut in two (seed {page.seed}); each half was judged by a "
        "calibration fitted to the other. The one in calibration.json is fitted to all.",
        f"- **A formula is right** if it is equal to the reference: {_FORMS[page.form]}. "
        "**A token is right** if the shortest way of editing the reading into the normal form of the reference "
        "leaves it alone; all are in a formula that is right. The end counts as a token.",
        "",
        "![Confidence against the share that is right, of tokens and of formulas](reliability.png)",
        "",
        "| | confidence | right | ECE | of that by chance | Brier | AUROC |",
        "|---|---|---:|---:|---:|---:|---:|",
        *_quality_rows(f"{len(page.tokens.outcomes):,} tokens", page.tokens),
    ]
    for form, cases in page.formulas.items():
        lines += _quality_rows(f"{len(cases.outcomes):,} formulas, {_FORMS[form]}", cases)
    lines += [
        "",
        "ECE, the expected calibration error, is the mean over cases of |mean confidence - share right| of their "
        "bin, in 15 bins of as many cases each; *by chance*: what confidences that are exactly true would have with "
        "so few cases. Brier is the mean squared error of the confidence. AUROC is the probability that a "
        "right case is the more confident one. *Mean* is the geometric mean of the decoder's own probabilities, "
        "*product* their product.",
        "",
        "## From which confidence to accept",
        "",
        f"Accept the most confident x% and be right y% ({_FORMS[page.form]}):",
        "",
        "| accept | of confidence | and be right |",
        "|---:|---:|---:|",
        *(_share_row(accept_share(chosen.after, chosen.outcomes, share)) for share in _SHARES),
        "",
        "To be right at least so often:",
        "",
        "| right | accept | of confidence |",
        "|---:|---:|---:|",
        *(_right_row(right, accept_right(chosen.after, chosen.outcomes, right)) for right in _RIGHTS),
        "",
        "## Again",
        "",
        "```bash",
        f"bash examples/im2latex_100k/generate.sh DATA CHECKPOINT RUN {page.split}{nbest}",
        f"python -m examples.calibration.calibrate --generated RUN/generate-{page.split}.txt --data DATA "
        f"--split {page.split} \\",
        f"    --form {page.form} --seed {page.seed} --out OUT",
        "python -m examples.calibration.foreign_pictures --model CHECKPOINT --calibration OUT/calibration.json",
        "```",
        "",
        "The last prints how sure the model is of pictures without a formula.",
        "",
    ]
    return "\n".join(lines)


def _quality_rows(title: str, cases: Cases) -> list[str]:
    right = f"{100 * cases.outcomes.mean():.1f}%"
    rows = []
    for quality in qualities(cases):
        rows.append(_quality_row(title, right, quality))
        title = right = ""
    return rows


def _quality_row(title: str, right: str, q: Quality) -> str:
    return (
        f"| {title} | {q.name} | {right} | {q.calibration_error:.4f} | {q.error_of_chance:.4f} | "
        f"{q.brier:.4f} | {q.area_under_roc:.3f} |"
    )


def _share_row(found: Acceptance) -> str:
    return f"| {100 * found.accepted:.0f}% | {found.threshold:.3f} | {100 * found.right:.1f}% |"


def _right_row(right: float, found: Acceptance | None) -> str:
    if found is None:
        return f"| {100 * right:.0f}% | none | |"
    return f"| {100 * right:.0f}% | {100 * found.accepted:.1f}% | {found.threshold:.3f} |"
