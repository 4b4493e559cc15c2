r"""Multi-line displays cut into rows: what stands between top-level `\\` of an alignment."""

from __future__ import annotations

import re

# Control words, control symbols, braces and alignment marks; everything else can't end a row.
_LANDMARK = re.compile(
    r"\\begin\s*\{|\\end\s*\{|\\\\\s*(?:\*\s*)?(?:\[[^\]\\]*\])?|\\[a-zA-Z]+|\\.|[{}&]", re.DOTALL
)


def split_rows(formula: str) -> list[str]:
    r"""Cut a display at the `\\` that lie outside of braces and environments; drop its alignment marks.

    Rows of `align`, `eqnarray` and the like stand as formulas of their own in the lists that come without the
    environment around them. A matrix or `cases` inside stays whole. Broken nesting is none of this
    function's business: what it can't follow is returned whole, for the normaliser to refuse.

    Args:
        formula: LaTeX as its author wrote it, without the outer environment.

    Returns:
        The non-blank rows, stripped; `[formula]` (stripped) if there is one row only.
    """
    rows: list[str] = []
    row: list[str] = []
    depth = 0
    start = 0
    for landmark in _LANDMARK.finditer(formula):
        mark = landmark.group()
        if mark == "{":
            depth += 1
        elif mark == "}":
            depth -= 1
        elif mark.startswith(r"\begin") and mark.endswith("{"):
            depth += 2  # the environment, and its name's opening brace
        elif mark.startswith(r"\end") and mark.endswith("{"):
            pass  # the environment's end and its name's opening brace cancel out
        elif depth == 0 and mark.startswith("\\\\"):
            row.append(formula[start : landmark.start()])
            rows.append("".join(row))
            row, start = [], landmark.end()
        elif depth == 0 and mark == "&":
            row.append(formula[start : landmark.start()] + " ")
            start = landmark.end()
        if depth < 0:
            return [formula.strip()]
    if depth != 0:
        return [formula.strip()]
    row.append(formula[start:])
    rows.append("".join(row))
    stripped = [text.strip() for text in rows]
    return [text for text in stripped if text] or [formula.strip()]
