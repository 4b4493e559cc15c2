"""The tree of a formula: what the parser builds, the rules rewrite and the writer writes.

A sequence of nodes (`Sequence = list[Node]`) is TeX's math list. Nodes are mutable and hold no positions:
what can't be read is refused while parsing, and a rule on trees never refuses.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TypeAlias, Union


@dataclass(slots=True)
class Leaf:
    """One token that stands for itself: a character, a symbol, a space, a font or size switch."""

    text: str


@dataclass(slots=True)
class Group:
    """What stands between braces; to TeX one ordinary atom."""

    children: list[Node]


@dataclass(slots=True)
class Scripts:
    """A base with its sub- and superscript; `base` is None where TeX takes an empty one.

    `limits` is ``""``, ``"\\limits"``, ``"\\nolimits"`` or ``"\\displaylimits"``.
    """

    base: Node | None
    sub: Group | None = None
    sup: Group | None = None
    limits: str = ""


@dataclass(slots=True)
class Command:
    """A command with its arguments: formulas as groups, dimensions and names as raw tokens.

    `options` are the arguments in brackets; they come before the others.
    """

    name: str
    arguments: list[Group | Raw]
    options: list[Group | Raw] = field(default_factory=list)


@dataclass(slots=True)
class Raw:
    """Tokens that are no formula: a dimension, a column specification, a name."""

    tokens: list[str]


@dataclass(slots=True)
class Text:
    """A text command (``\\mbox``); in `children` the blank is the leaf ``~`` and `Inline` is mathematics."""

    name: str
    children: list[Node]
    prefix: list[str] = field(default_factory=list)  # tokens between the name and the brace


@dataclass(slots=True)
class Inline:
    """Mathematics between dollars inside text."""

    children: list[Node]


@dataclass(slots=True)
class Fenced:
    """``\\left`` ... ``\\right``; `left` and `right` are the delimiters alone."""

    left: str
    children: list[Node]
    right: str


@dataclass(slots=True)
class Infix:
    """``a \\over b`` and relatives: splits the sequence that it is the only node of.

    `delimiters` and `thickness` are raw tokens, empty where the command takes none.
    """

    name: str
    left: list[Node]
    right: list[Node]
    delimiters: list[str] = field(default_factory=list)
    thickness: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Row:
    """One row of an alignment: what comes before it (``\\hline``), its cells, and the gap below it."""

    cells: list[list[Node]]
    rules: list[str] = field(default_factory=list)
    gap: list[str] = field(default_factory=list)


@dataclass(slots=True)
class Environment:
    """An alignment: ``\\begin{array}{lc} ... \\end{array}``; ``\\matrix{...}`` reads as one as well.

    `rules_below` holds ``\\hline`` after the last row. `braced` marks ``\\substack``, which takes its rows in
    braces.
    """

    name: str
    rows: list[Row]
    option: list[str] = field(default_factory=list)
    columns: list[str] | None = None
    rules_below: list[str] = field(default_factory=list)
    braced: bool = False


Node: TypeAlias = Union[Leaf, Group, Scripts, Command, Text, Inline, Fenced, Infix, Environment]  # noqa: UP007
Sequence: TypeAlias = list[Node]
SequenceRule: TypeAlias = Callable[[Sequence], Sequence]


def append(sequence: Sequence, more: Sequence) -> Sequence:
    r"""Put sequences together that TeX reads as one; what follows ``a \over b`` belongs to its second half.

    Raises:
        ValueError: both have an infix command, which TeX refuses.
    """
    first, second = _infix(sequence), _infix(more)
    if first is not None and second is not None:
        raise ValueError("two infix commands in one group")
    if first is not None:
        first.right = [*first.right, *more]
        return [first]
    if second is not None:
        second.left = [*sequence, *second.left]
        return [second]
    return [*sequence, *more]


def _infix(sequence: Sequence) -> Infix | None:
    return sequence[0] if len(sequence) == 1 and isinstance(sequence[0], Infix) else None


def rewrite(sequence: Sequence, rule: SequenceRule, *, outer_first: bool = False) -> Sequence:
    """Apply a rule to every sequence of a tree.

    The base of scripts counts as a sequence of one node; if the rule makes several of it, they get braces.

    Args:
        sequence: Rewritten in place below its top.
        rule: Gets a sequence; returns what stands in its place.
        outer_first: Apply the rule to a sequence before those inside it; else after them.

    Returns:
        The rewritten sequence.
    """
    if outer_first:
        sequence = rule(sequence)
    for node in sequence:
        if type(node) is not Leaf:
            _rewrite_inside(node, rule, outer_first)
    return sequence if outer_first else rule(sequence)


def _can_be_base(node: Node) -> bool:
    """Whether a node keeps its meaning in front of scripts: scripts and primes would take them in."""
    return not isinstance(node, Scripts) and node != Leaf("'")


def _rewrite_inside(node: Node, rule: SequenceRule, outer_first: bool) -> None:
    if isinstance(node, Scripts):
        if node.base is not None:
            base = rewrite([node.base], rule, outer_first=outer_first)
            node.base = base[0] if len(base) == 1 and _can_be_base(base[0]) else Group(base)
        if node.sub is not None:
            node.sub.children = rewrite(node.sub.children, rule, outer_first=outer_first)
        if node.sup is not None:
            node.sup.children = rewrite(node.sup.children, rule, outer_first=outer_first)
    elif isinstance(node, (Group, Fenced, Text, Inline)):
        node.children = rewrite(node.children, rule, outer_first=outer_first)
    elif isinstance(node, Command):
        for argument in (*node.options, *node.arguments):
            if isinstance(argument, Group):
                argument.children = rewrite(argument.children, rule, outer_first=outer_first)
    elif isinstance(node, Infix):
        node.left = rewrite(node.left, rule, outer_first=outer_first)
        node.right = rewrite(node.right, rule, outer_first=outer_first)
    elif isinstance(node, Environment):
        for row in node.rows:
            row.cells = [rewrite(cell, rule, outer_first=outer_first) for cell in row.cells]
