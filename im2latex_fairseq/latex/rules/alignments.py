r"""Rules on trees: alignments by their one name, and rows of a formula that has no environment."""

from __future__ import annotations

from im2latex_fairseq.latex.rules.spaces import drop_last_glue
from im2latex_fairseq.latex.token_cursor import ParseError
from im2latex_fairseq.latex.tree import Environment, Fenced, Group, Infix, Leaf, Node, Row, Sequence, append
from im2latex_fairseq.latex.writer import OPEN_CELLS, without_outer_braces

_FENCES = {
    "pmatrix": ("(", ")"),
    "bmatrix": ("[", "]"),
    "Bmatrix": (r"\{", r"\}"),
    "vmatrix": ("|", "|"),
    "Vmatrix": (r"\|", r"\|"),
}
# Environments that can't stand inside a formula, and the one that looks like them.
INNER_NAMES = {
    "align": "aligned",
    "align*": "aligned",
    "flalign": "aligned",
    "flalign*": "aligned",
    "split": "aligned",
    "alignat": "alignedat",
    "alignat*": "alignedat",
    "gather": "gathered",
    "gather*": "gathered",
    "multline": "gathered",
    "multline*": "gathered",
    "multlined": "gathered",
}
_GAPS = frozenset(r"\vskip \vspace \smallskip \medskip \bigskip \kern \penalty".split())
_BOXES = frozenset(r"\hbox \vbox \mbox \text \hrule".split())
EQUATION_ARRAYS = frozenset(["eqnarray", "eqnarray*"])


def fence_matrices(sequence: Sequence) -> Sequence:
    r"""``pmatrix`` and relatives to a ``matrix`` between ``\left(`` and ``\right)``; inner names for outer.

    Gaps between rows (``\\[2mm]``) go, as in the benchmark.
    """
    return [_unified(node) if isinstance(node, Environment) else node for node in sequence]


def _unified(node: Environment) -> Node:
    for row in node.rows:
        if node.name not in OPEN_CELLS:
            row.cells = [without_outer_braces(cell) for cell in row.cells]
        row.rules = _with_ink(row.rules)
        row.gap = []
    if node.name in EQUATION_ARRAYS:
        return equation_array(node.rows)
    node.name = INNER_NAMES.get(node.name, node.name)
    if node.columns is not None:
        node.columns = _repeated_columns(node.columns)
    fences = _FENCES.get(node.name)
    if fences is None:
        return node
    node.name = "matrix"
    return Fenced(fences[0], [node], fences[1])


def _with_ink(rules: list[str]) -> list[str]:
    r"""Rules between rows but for ``\noalign{\vskip 2mm}``, which is a gap."""
    if r"\noalign" in rules and not _GAPS.isdisjoint(rules) and _BOXES.isdisjoint(rules):
        return rules[: rules.index(r"\noalign")]
    return rules


def _repeated_columns(columns: list[str]) -> list[str]:
    """``*{3}{c}`` to ``ccc``, so that one specification has one form."""
    out: list[str] = []
    index = 0
    while index < len(columns):
        count = columns[index + 2 : index + 3]
        if columns[index] == "*" and columns[index + 3 : index + 5] == ["}", "{"] and count[0].isdigit():
            end = columns.index("}", index + 5) if "}" in columns[index + 5 :] else -1
            if end > 0 and "{" not in columns[index + 5 : end]:
                out += columns[index + 5 : end] * int(count[0])
                index = end + 1
                continue
        out.append(columns[index])
        index += 1
    return out


def _as_part(cell: Sequence) -> Sequence:
    return [Group(cell)] if len(cell) == 1 and isinstance(cell[0], Infix) else cell


def equation_array(rows: list[Row]) -> Environment:
    r"""``eqnarray`` as an array: right, centred and left columns, the outer ones in display style."""
    for row in rows:
        for column, cell in enumerate(row.cells):
            if column != 1 and cell and cell[0] != Leaf(r"\displaystyle"):
                row.cells[column] = [Leaf(r"\displaystyle"), *_as_part(cell)]
    return Environment("array", rows, columns=["r", "c", "l"])


def join_rows(rows: list[Row], *, ends_with_row_end: bool) -> Sequence:
    r"""A formula of several rows without an environment, as files of display formulas have them.

    Without alignment marks a line end is ``{ }``, as LaTeX has it in a display, and takes a space in front of
    it away; one at the very end goes (the benchmark makes it ``\,``, which leaves no ink either, but moves a
    centred display by half its width). With marks the rows are what stood in ``align`` (one mark a row)
    or ``eqnarray`` (two), and get their environment back; a single row only loses its marks.
    """
    while len(rows) > 1 and all(not cell for cell in rows[-1].cells):
        rows.pop()
    marks = max(len(row.cells) for row in rows) - 1
    if marks == 0:
        nodes = rows[0].cells[0]
        for row in rows[1:]:
            try:
                drop_last_glue(nodes)
                nodes = append(append(nodes, [Group([])]), row.cells[0])
            except ValueError as error:
                raise ParseError("double_infix", str(error), 0, "put braces around one") from None
        if ends_with_row_end:
            drop_last_glue(nodes)
        return nodes or [Leaf(r"\,")]
    if len(rows) == 1:
        return [node for cell in rows[0].cells for node in _as_part(cell)]
    if marks == 2 and all(len(row.cells) < 3 or len(row.cells[1]) <= 1 for row in rows):
        return [equation_array(rows)]
    return [Environment("aligned", rows)]
