r"""Rules on trees: font switches and older font commands."""

from __future__ import annotations

from im2latex_fairseq.latex.tree import Command, Group, Leaf, Sequence

ROMAN = r"\rm"
# Old names of fonts that take an argument.
FONT_COMMANDS = {r"\bm": r"\boldsymbol"}


def roman_switch_to_command(sequence: Sequence) -> Sequence:
    r"""``{\rm x}`` to ``\mathrm{x}``, and ``a \rm x`` to ``a \mathrm{x}``, up to the end of the group.

    Other switches (``{\cal L}``, ``{\bf x}``) stay, as in the benchmark. Rewrites the outer sequence first,
    so that the braces that hold nothing but the switch and its text go.
    """
    for index, node in enumerate(sequence):
        if isinstance(node, Group) and node.children and _is_roman(node.children[0]):
            sequence[index] = _roman(node.children[1:])
    for index, node in enumerate(sequence):
        if _is_roman(node):
            return [*sequence[:index], _roman(sequence[index + 1 :])]
    return sequence


def _is_roman(node: object) -> bool:
    return isinstance(node, Leaf) and node.text == ROMAN


def _roman(inside: Sequence) -> Command:
    inside = [node for node in inside if not _is_roman(node)]
    if len(inside) == 1 and isinstance(inside[0], Group):
        return Command(r"\mathrm", [inside[0]])
    return Command(r"\mathrm", [Group(inside)])


def unify_font_commands(sequence: Sequence) -> Sequence:
    r"""``\bm`` to ``\boldsymbol``."""
    for node in sequence:
        if isinstance(node, Command):
            node.name = FONT_COMMANDS.get(node.name, node.name)
    return sequence
