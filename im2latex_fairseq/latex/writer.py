r"""Tree to tokens, in the benchmark's style: braces around every script, argument and cell.

``\overline`` and ``\underline`` get two pairs of braces and every row of an array ends with ``\\``, since
that is how the benchmark's lines have it; neither changes the picture.
"""

from __future__ import annotations

from im2latex_fairseq.latex.commands import BIG_DELIMITERS, LINES, SIGNATURES
from im2latex_fairseq.latex.tree import (
    Command,
    Environment,
    Fenced,
    Group,
    Infix,
    Inline,
    Leaf,
    Raw,
    Scripts,
    Sequence,
    Text,
)

# Alignments whose cells stand between relations: braces around a cell would change the space at its ends.
OPEN_CELLS = frozenset("aligned gathered split alignedat multlined substack".split())
_LONE_PRIME = ["{", "}", "^", "{", r"\prime", "}"]
_BARE = BIG_DELIMITERS | {name for name, signature in SIGNATURES.items() if signature == "d"}


def write_tokens(sequence: Sequence) -> list[str]:
    """Write a sequence as tokens.

    Args:
        sequence: What the parser made and the rules rewrote.

    Returns:
        Tokens; each construct in its one form.
    """
    out: list[str] = []
    _write(sequence, out)
    return out


def _write(sequence: Sequence, out: list[str]) -> None:
    for index, node in enumerate(sequence):
        if type(node) is Leaf:
            if node.text == "'" and index:  # or it would be the node's before
                out += _LONE_PRIME
            else:
                out.append(node.text)
        elif isinstance(node, Scripts):
            if node.base is None and index:  # or they would become those of the node before
                out += ["{", "}"]
            _write_scripts(node, out)
        elif isinstance(node, Group):
            _write_group(node, out)
        elif isinstance(node, Command):
            _write_command(node, out)
        elif isinstance(node, Fenced):
            out.append(r"\left" + node.left)
            _write(node.children, out)
            out.append(r"\right" + node.right)
        elif isinstance(node, Environment):
            _write_environment(node, out)
        elif isinstance(node, Infix):
            _write(node.left, out)
            out += [node.name, *node.delimiters, *node.thickness]
            _write(node.right, out)
        elif isinstance(node, Inline):
            out.append("$")
            _write(node.children, out)
            out.append("$")
        elif isinstance(node, Text):
            out += [node.name, *node.prefix, "{"]
            for child in node.children:
                _write([child], out)
            out.append("}")


def _write_group(group: Group, out: list[str]) -> None:
    out.append("{")
    _write(group.children, out)
    out.append("}")


def _write_scripts(node: Scripts, out: list[str]) -> None:
    if node.base is not None:
        _write([node.base], out)
    if node.limits:
        out.append(node.limits)
    if node.sub is not None:
        out.append("_")
        _write_group(node.sub, out)
    if node.sup is not None:
        out.append("^")
        _write_group(node.sup, out)


def _write_command(node: Command, out: list[str]) -> None:
    out.append(node.name)
    for option in node.options:
        out.append("[")
        if isinstance(option, Raw):
            out += option.tokens
        else:
            _write_option(option.children, out)
        out.append("]")
    for argument in node.arguments:
        if isinstance(argument, Raw):
            out += argument.tokens if node.name in _BARE else ["{", *argument.tokens, "}"]
        elif node.name in LINES:
            _write_group(Group([Group(without_outer_braces(argument.children))]), out)
        else:
            _write_group(argument, out)


def _write_option(sequence: Sequence, out: list[str]) -> None:
    inside = write_tokens(sequence)
    if "]" in inside and not (len(sequence) == 1 and isinstance(sequence[0], Group)):
        inside = ["{", *inside, "}"]  # or the first bracket would close the option
    out += inside


def without_outer_braces(sequence: Sequence) -> Sequence:
    """The inside of a sequence that is one group, however many pairs of braces it has."""
    while len(sequence) == 1 and isinstance(sequence[0], Group):
        sequence = sequence[0].children
    return sequence


def _write_environment(node: Environment, out: list[str]) -> None:
    out += [rf"\{node.name}", "{"] if node.braced else [f"\\begin{{{node.name}}}"]
    if node.option:
        out += ["[", *node.option, "]"]
    if node.columns is not None:
        out += ["{", *node.columns, "}"]
    open_cells = node.name in OPEN_CELLS
    for index, row in enumerate(node.rows):
        out += row.rules
        for column, cell in enumerate(row.cells):
            if column:
                out.append("&")
            if open_cells or (cell and isinstance(cell[0], Command) and cell[0].name == r"\multicolumn"):
                inside = write_tokens(cell)
                if index and not column and inside[:1] in (["*"], ["["]):
                    inside[:1] = ["{", inside[0], "}"]  # or they would belong to the line end
                out += inside
            else:
                _write_group(Group(without_outer_braces(cell)), out)
        if index + 1 < len(node.rows) or not open_cells or node.rules_below or not any(row.cells):
            out.append(r"\\")
    out += node.rules_below
    out.append("}" if node.braced else f"\\end{{{node.name}}}")
