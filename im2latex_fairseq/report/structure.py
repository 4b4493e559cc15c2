r"""What a formula is made of, told by its tokens: fractions, matrices, nested scripts, fonts, ...

Tokens are those of the project's tokenizer (`\begin{array}` is one); braces needn't match, since references that the
normaliser refuses are classified too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from im2latex_fairseq.latex.atom_classes import OPERATOR_SYMBOLS
from im2latex_fairseq.latex.commands import (
    ACCENTS,
    ALIGNMENTS,
    BRACED_ALIGNMENTS,
    FONT_SWITCHES,
    INFIXES,
    LINES,
    MATH_FONTS,
    SIGNATURES,
)

#: Name -> title, in the order in which they are shown. A formula has all that apply; "plain" is none of the others.
STRUCTURES: Mapping[str, str] = {
    "plain": "none of these",
    "scripts": "scripts",
    "nested_scripts": "nested scripts",
    "fraction": "fraction",
    "nested_fraction": "nested fraction",
    "root": "root",
    "big_operator": "sum, product, integral",
    "accent": "accent or line",
    "delimiters": "growing delimiters",
    "matrix": "matrix or array",
    "font": "change of font",
}

_FRACTIONS = frozenset(r"\frac \dfrac \tfrac \cfrac \binom \dbinom \tbinom \genfrac".split())
_ACCENTS = ACCENTS | LINES | frozenset(r"\overbrace \underbrace \stackrel \overset \underset".split())
_FONTS = (
    MATH_FONTS
    | FONT_SWITCHES
    | frozenset(r"\operatorname \operatorname* \text \textrm \textbf \textit \mbox \hbox".split())
)
_DELIMITERS = re.compile(r"\\(left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])")
_BEGIN = re.compile(r"\\begin\{(.*)\}")


@dataclass
class _Level:
    """What surrounds the tokens between a pair of braces.

    Attributes:
        scripts: Scripts around them.
        fractions: Fractions around them.
        arguments: Groups that still belong to a fraction that began here.
        in_script: What comes next is a script.
    """

    scripts: int = 0
    fractions: int = 0
    arguments: int = 0
    in_script: bool = False


def structures_of(tokens: Sequence[str]) -> tuple[str, ...]:
    """The names of `STRUCTURES` that apply to a formula, in that order; at least one.

    Args:
        tokens: Of the formula.
    """
    found: set[str] = set()
    levels = [_Level()]
    for token in tokens:
        level = levels[-1]
        if token == "{":
            levels.append(
                _Level(level.scripts + level.in_script, level.fractions + (level.arguments > 0)),
            )
            level.arguments = max(level.arguments - 1, 0)
            level.in_script = False
            continue
        if token == "}":
            if len(levels) > 1:
                levels.pop()
            continue
        if token in ("^", "_"):
            found.add("nested_scripts" if level.scripts else "scripts")
            level.in_script = True
            continue
        # A command that takes a formula is in the script together with it: `x ^ \mathrm { a _ b }`.
        level.in_script = level.in_script and SIGNATURES.get(token, "").startswith(("m", "o"))
        level.arguments = max(level.arguments - 1, 0)
        found.update(_kinds_of(token))
        if token in _FRACTIONS or token in INFIXES:
            found.add("nested_fraction" if level.fractions else "fraction")
            level.arguments = 2
    if "nested_scripts" in found:
        found.add("scripts")
    if "nested_fraction" in found:
        found.add("fraction")
    return tuple(name for name in STRUCTURES if name in found) or ("plain",)


def _kinds_of(token: str) -> list[str]:
    """The structures that a token alone tells of."""
    kinds = []
    if token in (r"\sqrt", r"\root"):
        kinds.append("root")
    if token in OPERATOR_SYMBOLS:
        kinds.append("big_operator")
    if token in _ACCENTS:
        kinds.append("accent")
    if token in _FONTS:
        kinds.append("font")
    if _DELIMITERS.match(token):
        kinds.append("delimiters")
    environment = _BEGIN.fullmatch(token)
    if token in BRACED_ALIGNMENTS or (environment and environment[1] in ALIGNMENTS):
        kinds.append("matrix")
    return kinds
