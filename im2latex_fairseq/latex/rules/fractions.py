r"""Rules on trees: ``\over``, ``\choose`` and relatives to commands in front of their arguments."""

from __future__ import annotations

from im2latex_fairseq.latex.commands import FONT_SWITCHES, INFIXES
from im2latex_fairseq.latex.rules.fonts import ROMAN
from im2latex_fairseq.latex.tree import Command, Group, Infix, Leaf, Raw, Sequence

INFIX_TRIGGERS = INFIXES - {r"\atop"}
_PREFIXES = {r"\over": r"\frac", r"\choose": r"\binom"}
_DELIMITERS = {r"\brack": ("[", "]"), r"\brace": (r"\{", r"\}")}


def infix_to_prefix(sequence: Sequence) -> Sequence:
    r"""``{a \over b}`` to ``{\frac{a}{b}}``, ``\choose`` to ``\binom``, the others to ``\genfrac``.

    ``\atop`` stays: it has no short prefix form, and the benchmark keeps it. A font switch in front of the
    first half holds for the second half too; ``\rm`` at the very front moves in front of the fraction.
    """
    if len(sequence) != 1 or not isinstance(sequence[0], Infix):
        return sequence
    node = sequence[0]
    if node.name == r"\atop":
        return sequence
    if node.left and node.left[0] == Leaf(ROMAN):
        node.left = node.left[1:]
        return [Leaf(ROMAN), *infix_to_prefix(sequence)]
    switches = [child for child in node.left if isinstance(child, Leaf) and child.text in FONT_SWITCHES]
    if switches:
        node.right = [Leaf(switches[-1].text), *node.right]
    numerator, denominator = _as_argument(node.left), _as_argument(node.right)
    prefix = _PREFIXES.get(node.name)
    if prefix is not None:
        return [Command(prefix, [numerator, denominator])]
    left, right = _DELIMITERS.get(node.name) or tuple(node.delimiters) or ("", "")
    thickness = node.thickness
    if not thickness and not node.name.startswith(r"\over"):
        thickness = ["0", "p", "t"]
    fences: list[Group | Raw] = [Raw([side] if side not in ("", ".") else []) for side in (left, right)]
    return [Command(r"\genfrac", [*fences, Raw(thickness), Raw([]), numerator, denominator])]


def _as_argument(sequence: Sequence) -> Group:
    if len(sequence) == 1 and isinstance(sequence[0], Group):
        return sequence[0]
    return Group(sequence)
