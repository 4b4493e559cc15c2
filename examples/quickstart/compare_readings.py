"""Shows what `im2latex predict --json` read in pictures whose formulas are known, and how much of it is right.

python -m examples.quickstart.compare_readings --readings readings.jsonl --formulas formulas.tsv
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from examples.quickstart.draw_pictures import read_formulas
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize


def is_same_formula(latex: str | None, formula: str) -> bool:
    """Whether both have the same normal form."""
    if latex is None:
        return False
    try:
        return normalize(latex) == normalize(formula)
    except LatexError:
        return False


def table(readings: Mapping[str, Mapping[str, Any]], formulas: Mapping[str, str]) -> str:
    """A line a picture: name, confidence, LaTeX; below a misread one the true formula; at the end, how many are right.

    Args:
        readings: Name of a picture -> object of its line.
        formulas: Name of a picture -> true formula.
    """
    width = max(map(len, formulas))
    lines, right = [], 0
    for name, formula in formulas.items():
        reading = readings.get(name, {"error": "not read"})
        if reading.get("error"):
            lines.append(f"{name:<{width}}       {reading['error']}")
            continue
        lines.append(f"{name:<{width}}  {reading['confidence']:4.0%}  {reading['latex']}")
        if is_same_formula(reading["latex"], formula):
            right += 1
        else:
            lines.append(f"{'':<{width}}  true  {formula}")
    lines.append(f"{right} of {len(formulas)} are right, by their normal form")
    return "\n".join(lines)


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(description="Compare what was read in pictures with their formulas.")
    parser.add_argument("--readings", type=Path, required=True, help="what im2latex predict --json wrote")
    parser.add_argument("--formulas", type=Path, required=True, help="id and formula of each picture, as TSV")
    arguments = parser.parse_args()
    readings = {}
    for line in arguments.readings.read_text(encoding="utf-8").split("\n"):
        if line:
            reading = json.loads(line)
            readings[Path(reading["path"]).name] = reading
    print(table(readings, read_formulas(arguments.formulas)))


if __name__ == "__main__":
    main()
