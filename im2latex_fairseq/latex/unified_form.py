r"""One form for formulas that differ in braces, and in spaces, alone: for comparing, not for rendering.

The benchmark's references keep the braces that authors wrote for no reason (`{ \bar { K } }`), and nobody can
read those in a picture. Scores on the tokens as they are count them as mistakes; scores in the unified form
don't. It is made from the normal form in two steps:

* `unify_braces`: without the braces around groups that are neither an argument nor a script. Kept are those
  that say something: around a switch, whose scope they end (`{ \cal L }`), around several atoms, or one with
  scripts, that bear a script (`{ a b } ^ { 2 }`), and around scripts of nothing (`{ ^ { * } } F`).
* `drop_spaces`: without `\,`, `\quad`, `~`, `\hspace { ... }` and their like.

The picture may change a little: `a { = } b` is set closer than `a = b`.
"""

from __future__ import annotations

from collections.abc import Sequence

from im2latex_fairseq.latex.atom_classes import SPACE, commands
from im2latex_fairseq.latex.commands import FONT_SWITCHES, INFIXES
from im2latex_fairseq.latex.formatter import TEXT_COMMANDS
from im2latex_fairseq.latex.token_tree import (
    Environment,
    Group,
    Node,
    Unit,
    flatten,
    parse_tree,
    split_units,
    table_cells,
)

# What acts until the end of its group, so that braces around it are not redundant.
_SWITCHES = (
    FONT_SWITCHES
    | INFIXES
    | commands(
        "displaystyle textstyle scriptstyle scriptscriptstyle boldmath unboldmath color tiny scriptsize "
        "footnotesize small normalsize large Large LARGE huge Huge bfseries rmfamily itshape sffamily "
        "ttfamily upshape"
    )
)
_FENCES = (r"\left", r"\right", r"\middle")
_SPACING_COMMANDS = commands("hspace hspace* vspace hskip kern mkern mspace")


def unified_form(tokens: Sequence[str]) -> list[str]:
    """Tokens of the normal form without redundant braces and spaces; unbalanced ones stay as they are."""
    return drop_spaces(unify_braces(tokens))


def unify_braces(tokens: Sequence[str]) -> list[str]:
    """Drop the braces of groups that are neither argument nor script; unbalanced tokens stay as they are."""
    nodes = parse_tree(tokens)
    return list(tokens) if nodes is None else flatten(_unify(nodes))


def drop_spaces(tokens: Sequence[str]) -> list[str]:
    """Drop spacing commands and their dimensions; unbalanced tokens stay as they are."""
    nodes = parse_tree(tokens)
    return list(tokens) if nodes is None else flatten(_without_spaces(nodes))


def _unify(nodes: Sequence[Node]) -> list[Node]:
    result: list[Node] = []
    for unit in split_units(nodes):
        first, rest = unit.nodes[0], unit.nodes[1:]
        if isinstance(first, Group):
            items = _unify(first.items)
            result += items if _is_redundant(items, unit) else [Group(items)]
        elif isinstance(first, Environment):
            result.append(_unify_environment(first))
        else:
            result.append(first)
            if first in TEXT_COMMANDS:  # their braces hold text, in which every brace and blank is as it is
                result += rest
                continue
            if first.startswith(_FENCES):  # which takes no braced argument: what follows stands for itself
                result += _unify(rest)
                continue
        result += [Group(_unify(node.items)) if isinstance(node, Group) else node for node in rest]
    return result


def _is_redundant(items: Sequence[Node], unit: Unit) -> bool:
    """Whether the group that a unit begins with, holding `items`, says nothing."""
    if any(isinstance(item, str) and item in _SWITCHES for item in items):
        return False
    if items and items[0] in ("^", "_", "'"):
        return False  # a script of nothing, that would slip to what stands before
    if not unit.scripts:
        return True
    content = split_units(items)
    return len(content) == 1 and not content[0].scripts


def _unify_environment(environment: Environment) -> Environment:
    head, cells = table_cells(environment)
    items: list[Node] = list(head)
    for cell, separator in cells:
        items += _unify(cell)
        if separator is not None:
            items.append(separator)
    return Environment(environment.begin, items, environment.end)


def _without_spaces(nodes: Sequence[Node]) -> list[Node]:
    result: list[Node] = []
    for unit in split_units(nodes):
        first = unit.nodes[0]
        if unit.atom_class is SPACE or (isinstance(first, str) and first in _SPACING_COMMANDS):
            continue
        if isinstance(first, str) and first in TEXT_COMMANDS:
            result += unit.nodes
            continue
        for node in unit.nodes:
            if isinstance(node, Group):
                node = Group(_without_spaces(node.items))
            elif isinstance(node, Environment):
                head, _ = table_cells(node)
                body = node.items[len(head) :]
                node = Environment(node.begin, [*head, *_without_spaces(body)], node.end)
            result.append(node)
    return result
