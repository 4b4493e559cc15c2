r"""How the normal form agrees with the benchmark's, whether it is stable, what it covers, and how fast it is.

Compares our normal form of authors' formulas with the official one (`raw_and_normal.tsv`) token by token and puts
every difference into a class; normalises the official lines of train and valid and all formula files, and each
normal form once more; counts what is refused by its reason.

    python examples/normalization/agreement.py --data ../shared/data --output examples/normalization/AGREEMENT.md
"""

from __future__ import annotations

import argparse
import platform
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize

PAIRS = "im2latex100k/raw_and_normal.tsv"
OFFICIAL = ("im2latex100k/train.tsv", "im2latex100k/valid.tsv")
FORMULAS = "formulas"
EXAMPLES_PER_CLASS = 1
EXCERPT_CHARACTERS = 150


@dataclass(frozen=True)
class Pair:
    """One formula: as its author wrote it, in the official form, and in ours (empty if refused)."""

    raw: str
    official: str
    ours: str
    refusal: str = ""


@dataclass(frozen=True)
class DifferenceClass:
    """Why two forms differ.

    Attributes:
        name: For the table.
        verdict: "same picture", or what the official form gets wrong.
        fits: Whether a pair shows it.
    """

    name: str
    verdict: str
    fits: Callable[[Pair], bool]


def _official_has(pattern: str) -> Callable[[Pair], bool]:
    compiled = re.compile(pattern)
    return lambda pair: compiled.search(pair.official) is not None


def _raw_has(pattern: str) -> Callable[[Pair], bool]:
    compiled = re.compile(pattern)
    return lambda pair: compiled.search(pair.raw) is not None


def _misaligned(pair: Pair) -> bool:
    """Fewer than half of the tokens in common, as sets: these are two formulas."""
    official, ours = set(pair.official.split()), set(pair.ours.split())
    return 2 * len(official & ours) < len(official | ours)


def _loses_primes(pair: Pair) -> bool:
    return pair.official.count(r"\prime") < pair.ours.count(r"\prime") and "'" in pair.raw


def _text_blanks(line: str) -> int:
    return sum(text.count("~") for text in re.findall(r"\\text[a-z]+ \{[^{}]*\}", line))


# A pair may show several; in the order of the report.
CLASSES = (
    DifferenceClass(
        r"single arguments without braces: `\frac 1 2`, `\sqrt 2`, `\mathcal M`, `\widetilde \phi`",
        "same picture; ours braces every argument",
        _official_has(
            r"\\(?:frac|sqrt|math[a-z]+|wide[a-z]+|[vh]?phantom) [^{\[]"
            r"|\\frac \{(?:[^{}]|\{[^{}]*\})*\} [^{]|[_^] [^{]"
        ),
    ),
    DifferenceClass(
        r"`\overline { x }` with one pair of braces",
        "same picture; ours has always two, as the benchmark has in six of seven lines",
        _official_has(r"\\(?:over|under)line \{ [^{]"),
    ),
    DifferenceClass(
        r"`\sp` and `\sb` left as they are",
        "same picture; ours writes `^` and `_`",
        _official_has(r"\\s[pb] "),
    ),
    DifferenceClass(
        r"`--` as one token in mathematics", "same picture: two minus signs", _official_has(r" -- ")
    ),
    DifferenceClass(
        r"`\nonumber`, `\hfill`, `\protect` kept",
        "same picture; ours drops what leaves no ink",
        _official_has(r"\\(?:nonumber|hfill|protect|label)"),
    ),
    DifferenceClass(
        "two pairs of braces around a cell or a line",
        "same picture; ours has one",
        lambda pair: pair.official.count("{ {") > pair.ours.count("{ {"),
    ),
    DifferenceClass(
        r"`\kern` and `\hspace *`",
        r"same picture; ours writes `\hspace`",
        _official_has(r"\\kern|\\hspace \*"),
    ),
    DifferenceClass(
        "primes in front of a superscript", r"official loses ink: `\phi'^A` without its prime", _loses_primes
    ),
    DifferenceClass(
        "dollars in text",
        "official adds blanks that nobody wrote, and sets the mathematics in roman",
        _raw_has(r"\\(?:mbox|hbox|text)\{[^{}]*\$"),
    ),
    DifferenceClass(
        r"`\boldmath`, `\tiny`, `\small` in text",
        "official adds a blank, and a size or weight that has no effect in mathematics",
        _raw_has(r"\\(?:mbox|hbox)\s*\{\s*\\(?:tiny|scriptsize|footnotesize|small|boldmath|bf|rm)"),
    ),
    DifferenceClass(
        r"`\mbox` in a script",
        "official shrinks it; TeX keeps the size of the line",
        _raw_has(r"[_^]\s*\{?\s*\\[mh]box\{(?!\\)"),
    ),
    DifferenceClass(
        r"blanks in `\textrm` and relatives",
        "official loses them: `s c a l a r p e r t u r b a t i o n`",
        lambda pair: _text_blanks(pair.official) < _text_blanks(pair.ours),
    ),
    DifferenceClass(
        "hyphens, full stops and commas in a box",
        r"official draws a minus sign, and marks of the italic font; ours keeps the text: `\textrm { L - l o o p }`",
        lambda pair: pair.official.count(r"\textrm") < pair.ours.count(r"\textrm"),
    ),
    DifferenceClass(
        r"`\limits` and `\nolimits` dropped", "official moves the limits", _raw_has(r"\\(?:no)?limits")
    ),
    DifferenceClass(
        "a line end outside an array",
        r"official draws a thin space; LaTeX an empty atom, and nothing at the end",
        lambda pair: (
            pair.ours.count("{ }") > pair.official.count("{ }")
            or (pair.official.endswith(r"\,") and not pair.ours.endswith(r"\,"))
        ),
    ),
    DifferenceClass(
        "punctuation inside text",
        "official sets it with the space of mathematics",
        lambda pair: re.search(r"\\math(?:rm|bf|it) \{[^{}]*\{ [,;:=+*<>-] \}", pair.ours) is not None,
    ),
    DifferenceClass(r"`\>`", "official drops the space", _raw_has(r"\\>")),
    DifferenceClass(
        "official artefacts",
        "`[object Object]`, `ule` for `\\rule`, two braces for `\\cases`, a command whose blank was lost",
        _official_has(r"\[object| ule |\\begin\{cases\}|\\int f "),
    ),
    DifferenceClass("the pair is off", "two formulas; the file is aligned by order", _misaligned),
)
OTHER = "other"


def read_pairs(path: Path) -> list[tuple[str, str]]:
    """Rows of raw and official form; the header is skipped."""
    rows = path.read_text(encoding="utf-8").split("\n")[1:]
    return [(row.split("\t")[0], row.split("\t")[1]) for row in rows if row]


def read_formulas(path: Path) -> list[str]:
    """Formulas of a file, blank lines left out; of a TSV, the second column below the header."""
    lines = path.read_text(encoding="utf-8").split("\n")
    if path.suffix == ".tsv":
        lines = [line.split("\t")[1] for line in lines[1:] if line]
    return [line for line in lines if line.strip()]


@dataclass
class Agreement:
    """What became of the pairs."""

    pairs: int = 0
    identical: int = 0
    refused: list[Pair] = field(default_factory=list)
    by_class: dict[str, list[Pair]] = field(default_factory=dict)

    @property
    def different(self) -> int:
        """Pairs that are neither identical nor refused."""
        return self.pairs - self.identical - len(self.refused)


def compare(rows: Iterable[tuple[str, str]]) -> Agreement:
    """Normalise the raw formulas and compare with the official tokens."""
    agreement = Agreement()
    for raw, official in rows:
        agreement.pairs += 1
        official = " ".join(official.split())
        try:
            ours = " ".join(normalize(raw))
        except LatexError as error:
            agreement.refused.append(Pair(raw, official, "", str(error)))
            continue
        if ours == official:
            agreement.identical += 1
            continue
        pair = Pair(raw, official, ours)
        for name in classes_of(pair):
            agreement.by_class.setdefault(name, []).append(pair)
    return agreement


def classes_of(pair: Pair) -> list[str]:
    """Names of all classes that a pair shows; `OTHER` if none."""
    names = [each.name for each in CLASSES if each.fits(pair)]
    return names or [OTHER]


@dataclass
class Stability:
    """What became of the formulas of one file."""

    name: str
    read: int = 0
    accepted: int = 0
    unchanged: int = 0
    unstable: list[str] = field(default_factory=list)
    refused: Counter[str] = field(default_factory=Counter)
    changes: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0


def measure(name: str, formulas: Sequence[str], *, official: bool = False) -> Stability:
    """Normalise every formula, and its normal form again.

    Args:
        name: For the report.
        formulas: Lines.
        official: The lines are in the official form: count why one changes.
    """
    result = Stability(name, read=len(formulas))
    forms: list[tuple[str, list[str]]] = []
    start = time.process_time()
    for formula in formulas:
        try:
            forms.append((formula, normalize(formula)))
        except LatexError as error:
            result.refused[error.reason] += 1
    result.seconds = time.process_time() - start
    result.accepted = len(forms)
    for formula, tokens in forms:
        line = " ".join(tokens)
        if tokens == formula.split():
            result.unchanged += 1
        elif official:
            result.changes.update(classes_of(Pair(formula, " ".join(formula.split()), line)))
        try:
            stable = normalize(line) == tokens
        except LatexError:
            stable = False
        if not stable:
            result.unstable.append(formula)
    return result


def _percent(part: int, whole: int) -> str:
    return f"{100 * part / whole:.2f} %" if whole else "-"


def _code(text: str) -> str:
    text = text if len(text) <= EXCERPT_CHARACTERS else text[:EXCERPT_CHARACTERS] + " ..."
    return "`` " + text.replace("|", "\\|") + " ``"


def _difference(pair: Pair) -> tuple[str, str]:
    """The first place where two forms differ, in both, with a few tokens around it."""
    official, ours = pair.official.split(), pair.ours.split()
    first = next((i for i, (a, b) in enumerate(zip(official, ours, strict=False)) if a != b), 0)
    start = max(0, first - 4)
    return " ".join(official[start : first + 8]), " ".join(ours[start : first + 8])


def write_report(agreement: Agreement, official: Sequence[Stability], files: Sequence[Stability]) -> str:
    """The report as Markdown."""
    lines = [
        "# Agreement with the benchmark's normal form",
        "",
        "Written by `examples/normalization/agreement.py`; run it again rather than edit it.",
        "",
        f"Of {agreement.pairs} formulas as authors wrote them, **{agreement.identical} "
        f"({_percent(agreement.identical, agreement.pairs)}) have the official token sequence**, "
        f"{agreement.different} differ and {len(agreement.refused)} are refused.",
        "",
        "## Why the others differ",
        "",
        "A pair may show several classes. Where the picture says otherwise than the official form, ours follows the",
        "picture on purpose.",
        "",
        "| class | pairs | verdict |",
        "|---|---|---|",
    ]
    verdicts = {each.name: each.verdict for each in CLASSES} | {OTHER: "listed below"}
    for name, verdict in verdicts.items():
        pairs = agreement.by_class.get(name, [])
        if pairs:
            lines.append(f"| {name} | {len(pairs)} | {verdict} |")
    lines += ["", "First differing place, official above ours:", ""]
    for name in verdicts:
        pairs = agreement.by_class.get(name, [])
        shown = pairs if name == OTHER else sorted(pairs, key=lambda pair: len(pair.raw))[:EXAMPLES_PER_CLASS]
        for pair in shown:
            theirs, ours = _difference(pair)
            lines += [f"- {name}", f"  - {_code(theirs)}", f"  - {_code(ours)}"]
    lines += ["", "Refused:", ""]
    lines += [f"- {_code(pair.refusal)}" for pair in agreement.refused] or ["- none"]
    lines += [
        "",
        "## Official lines as input",
        "",
        "| file | lines | refused | unchanged | unstable |",
        "|---|---|---|---|---|",
    ]
    for each in official:
        lines.append(
            f"| {each.name} | {each.read} | {each.read - each.accepted} | {each.unchanged} "
            f"({_percent(each.unchanged, each.read)}) | {len(each.unstable)} |"
        )
    changes: Counter[str] = Counter()
    for each in official:
        changes.update(each.changes)
    lines += ["", "Why the others change:", "", "| class | lines |", "|---|---|"]
    lines += [f"| {name} | {count} |" for name, count in changes.most_common()]
    lines += [
        "",
        "## Coverage, stability, speed",
        "",
        "Unstable: lines whose normal form has another normal form. Reasons are `LatexError.reason`. Speed is accepted",
        "and refused formulas per processor second on one core,",
        f"{platform.machine()}, Python {platform.python_version()}; other processes shared the processor.",
        "",
        "| file | lines | accepted | unstable | formulas/s | refused by reason |",
        "|---|---|---|---|---|---|",
    ]
    for each in files:
        reasons = ", ".join(f"{reason} {count}" for reason, count in each.refused.most_common())
        lines.append(
            f"| {each.name} | {each.read} | {_percent(each.accepted, each.read)} | {len(each.unstable)} "
            f"| {each.read / each.seconds:,.0f} | {reasons or '-'} |"
        )
    total = sum(each.read for each in files)
    unstable = [formula for each in files for formula in each.unstable]
    lines += ["", f"All files: {total} lines, {len(unstable)} unstable.", ""]
    lines += [f"- {_code(formula)}" for formula in unstable[:20]]
    return "\n".join(lines).rstrip() + "\n"


def main(arguments: Sequence[str] | None = None) -> None:
    """Command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with im2latex100k/ and formulas/")
    parser.add_argument("--output", type=Path, help="write the report here instead of printing it")
    parser.add_argument("--limit", type=int, help="read only so many lines of each file (for a try)")
    options = parser.parse_args(arguments)

    agreement = compare(read_pairs(options.data / PAIRS))
    official = []
    for name in OFFICIAL:
        official.append(measure(name, read_formulas(options.data / name)[: options.limit], official=True))
    files = []
    for path in sorted((options.data / FORMULAS).glob("*.txt")):
        print(f"reading {path.name}", file=sys.stderr)
        files.append(measure(path.name, read_formulas(path)[: options.limit]))
    report = write_report(agreement, official, files)
    if options.output is None:
        print(report)
    else:
        options.output.write_text(report, encoding="utf-8")
        print(f"{options.output}: {agreement.identical} of {agreement.pairs} identical", file=sys.stderr)


if __name__ == "__main__":
    main()
