"""The groups, tables and atoms of a token list: the little tree that the formatter rewrites.

It is coarser than a parse of the formula: braces and environments are matched, commands know which groups are
their arguments, and nothing is refused but what doesn't match.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

from im2latex_fairseq.latex.atom_classes import (
    ACCENTS,
    ARGUMENT_COMMANDS,
    ATOM_CLASSES,
    ORDINARY,
    SPACE,
    commands,
)

# Deeper nesting than any formula of the corpora has; a decoder gone astray may write more: that is only
# joined.
MAX_DEPTH = 60
_ENVIRONMENTS_WITH_COLUMNS = ("array", "tabular", "alignedat", "alignat")


@dataclass
class Group:
    """What stands between a pair of braces."""

    items: list[Node]


@dataclass
class Environment:
    r"""`\begin{name}` to `\end{name}`; `begin` and `end` are those tokens as they came."""

    begin: str
    items: list[Node]
    end: str

    @property
    def name(self) -> str:
        """The environment's name."""
        return self.begin[len(r"\begin{") : -1]


Node: TypeAlias = "str | Group | Environment"


@dataclass
class Unit:
    """An atom with its scripts, or a space or switch: what a list of nodes falls into."""

    nodes: list[Node]
    atom_class: str | None
    scripts: bool = False
    nested_accent: bool = False  # which amsmath sets by a machinery of its own


def parse_tree(tokens: Sequence[str]) -> list[Node] | None:
    """Match braces and environments; None if they don't match or nest deeper than MAX_DEPTH."""
    root: list[Node] = []
    stack: list[tuple[list[Node], Group | Environment | None]] = [(root, None)]
    for token in tokens:
        items, owner = stack[-1]
        if token == "{":
            group = Group([])
            items.append(group)
            stack.append((group.items, group))
        elif token.startswith(r"\begin{"):
            environment = Environment(token, [], "")
            items.append(environment)
            stack.append((environment.items, environment))
        elif token == "}":
            if not isinstance(owner, Group):
                return None
            stack.pop()
        elif token.startswith(r"\end{"):
            if not isinstance(owner, Environment) or owner.name != token[len(r"\end{") : -1]:
                return None
            owner.end = token
            stack.pop()
        else:
            items.append(token)
        if len(stack) > MAX_DEPTH:
            return None
    return root if len(stack) == 1 else None


def split_units(nodes: Sequence[Node]) -> list[Unit]:
    """Cut a list into atoms with their arguments and scripts, spaces, and things of unknown kind."""
    units: list[Unit] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if isinstance(node, str) and node in ("^", "_"):
            script = list(nodes[at : at + 2])
            at += 2
            # A script after a space or at the beginning hangs on an empty atom of its own.
            if units and units[-1].atom_class is not SPACE:
                units[-1].nodes += script
                units[-1].scripts = True
            else:
                units.append(Unit(script, ORDINARY, scripts=True))
            continue
        end = end_of_arguments(nodes, at)
        unit = Unit(list(nodes[at:end]), _class_of(node))
        if isinstance(node, str) and node in ARGUMENT_COMMANDS and not isinstance(nodes[end - 1], Group):
            unit.atom_class = None  # `\frac 1 2`, or an argument missing: no business of ours
        if isinstance(node, str) and node in ACCENTS:
            unit.nested_accent = any(_holds_accent(argument) for argument in unit.nodes[1:])
        units.append(unit)
        at = end
    return units


def end_of_arguments(nodes: Sequence[Node], at: int) -> int:
    """The index after the arguments of the command at `at`, `[...]` included."""
    node = nodes[at]
    end = at + 1
    if not isinstance(node, str) or not node.startswith("\\") or node in ATOM_CLASSES:
        return end
    if node in ARGUMENT_COMMANDS:
        wanted = ARGUMENT_COMMANDS[node][0]
    elif node in _SWITCHES:
        return end
    else:
        wanted = len(nodes)  # an unknown command: whatever groups follow may be its arguments
    if end < len(nodes) and nodes[end] == "*" and node in (r"\operatorname", r"\hspace", r"\circle"):
        end += 1
    taken = 0
    while end < len(nodes) and taken < wanted:
        follower = nodes[end]
        if follower == "[" and node in _OPTIONAL_ARGUMENTS and "]" in nodes[end:]:
            end += nodes[end:].index("]") + 1
        elif isinstance(follower, Group) or (wanted < len(nodes) and follower not in ("^", "_", "&", r"\\")):
            taken += 1
            end += 1
        else:
            break
    return end


_OPTIONAL_ARGUMENTS = commands("sqrt raisebox rule smash makebox framebox")
_SWITCHES = commands(
    "bf rm it sf tt sl sc em cal mit frak boldmath unboldmath displaystyle textstyle scriptstyle "
    "scriptscriptstyle tiny scriptsize footnotesize small normalsize large Large LARGE huge Huge "
    "bfseries rmfamily itshape sffamily ttfamily upshape limits nolimits hline over atop choose above "
    "left right middle nonumber notag hfill relax"
)


def _class_of(node: Node) -> str | None:
    if isinstance(node, Group):
        return ORDINARY
    if isinstance(node, Environment):
        return None
    if node in ARGUMENT_COMMANDS:
        return ARGUMENT_COMMANDS[node][1]
    return ATOM_CLASSES.get(node)


def _holds_accent(node: Node) -> bool:
    if isinstance(node, str):
        return node in ACCENTS
    return any(_holds_accent(item) for item in node.items)


def table_cells(environment: Environment) -> tuple[list[Node], list[tuple[list[Node], str | None]]]:
    r"""A table's column argument and its cells, each with the `&` or `\\` that ends it (the last: None)."""
    items = environment.items
    head: list[Node] = []
    if items and isinstance(items[0], Group) and environment.name.rstrip("*") in _ENVIRONMENTS_WITH_COLUMNS:
        head = [items[0]]
    cells: list[tuple[list[Node], str | None]] = []
    cell: list[Node] = []
    for node in items[len(head) :]:
        if node == "&" or node == r"\\":
            cells.append((cell, str(node)))
            cell = []
        else:
            cell.append(node)
    cells.append((cell, None))
    return head, cells


def flatten(nodes: Sequence[Node]) -> list[str]:
    """The tokens of an argument that is text: as they came."""
    tokens: list[str] = []
    for node in nodes:
        if isinstance(node, Group):
            tokens += ["{", *flatten(node.items), "}"]
        elif isinstance(node, Environment):
            tokens += [node.begin, *flatten(node.items), node.end]
        else:
            tokens.append(node)
    return tokens
