r"""The normal form: one way to write each picture, in the token style of IM2LATEX-100K.

The style is that of im2markup (Deng et al. 2017), which passes formulas through KaTeX's parser:
space-separated tokens, braces around every script and argument, the subscript before the superscript,
``\over`` as ``\frac``, ``\sin`` as ``\operatorname { s i n }``. The rules are those of
`NORMALIZATION_RULES`, in their order. Where the benchmark's form loses ink (a prime before a superscript)
or shows what nobody wrote (a blank for every dollar in text), ours follows the picture;
examples/normalization/AGREEMENT.md counts the differences.

Undefined macros of authors pass through as tokens, with their arguments as groups behind them: whether they
can be drawn is the renderer's to say.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from im2latex_fairseq.latex.commands import ALIGNMENTS, BRACED_ALIGNMENTS, ROW_ENDS
from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.macros import MacroTable, expand_macros, has_definitions
from im2latex_fairseq.latex.parser import parse_tokens
from im2latex_fairseq.latex.rules.alignments import fence_matrices, join_rows
from im2latex_fairseq.latex.rules.fonts import (
    FONT_COMMANDS,
    ROMAN,
    roman_switch_to_command,
    unify_font_commands,
)
from im2latex_fairseq.latex.rules.fractions import INFIX_TRIGGERS, infix_to_prefix
from im2latex_fairseq.latex.rules.marks import (
    DISPLAY_MARKS,
    MARKS,
    SCRIPT_NAMES,
    drop_invisible_marks,
    drop_math_delimiters,
    unify_script_names,
)
from im2latex_fairseq.latex.rules.operators import OPERATOR_NAMES, spell_operator_names
from im2latex_fairseq.latex.rules.spaces import (
    LINE_END_TRIGGERS,
    SPACE_TRIGGERS,
    WRAPPERS,
    line_ends_to_empty_groups,
    open_wrappers,
    unify_spaces,
)
from im2latex_fairseq.latex.rules.text import TEXT_FONTS, keep_size_of_boxes_in_scripts, text_to_roman
from im2latex_fairseq.latex.token_cursor import ParseError
from im2latex_fairseq.latex.tokenizer import tokenize, tokenize_with_positions
from im2latex_fairseq.latex.tree import Sequence, rewrite
from im2latex_fairseq.latex.unicode_math import spell_unicode
from im2latex_fairseq.latex.writer import write_tokens


@dataclass(frozen=True)
class TokenRule:
    """A rule on tokens, tried where one of its triggers is among them (None: always)."""

    apply: Callable[[list[str]], list[str]]
    triggers: frozenset[str] | None = None


@dataclass(frozen=True)
class TreeRule:
    """A rule on every sequence of the tree, tried where one of its triggers is among the tokens."""

    apply: Callable[[Sequence], Sequence]
    triggers: frozenset[str]
    outer_first: bool = False


_ENVIRONMENTS = frozenset(f"\\begin{{{name}}}" for name in ALIGNMENTS) | frozenset(BRACED_ALIGNMENTS)
_TEXTS = frozenset(TEXT_FONTS)

NORMALIZATION_RULES: tuple[TokenRule | TreeRule, ...] = (
    TokenRule(spell_unicode),
    TokenRule(drop_invisible_marks, MARKS),
    TokenRule(drop_math_delimiters, DISPLAY_MARKS),
    TokenRule(unify_script_names, frozenset(SCRIPT_NAMES)),
    TokenRule(spell_operator_names, frozenset(OPERATOR_NAMES)),
    TreeRule(open_wrappers, WRAPPERS),
    TreeRule(infix_to_prefix, INFIX_TRIGGERS | {r"\atop"}),
    TreeRule(keep_size_of_boxes_in_scripts, _TEXTS),
    TreeRule(text_to_roman, _TEXTS, outer_first=True),
    TreeRule(roman_switch_to_command, frozenset([ROMAN]), outer_first=True),
    TreeRule(unify_font_commands, frozenset(FONT_COMMANDS)),
    TreeRule(unify_spaces, SPACE_TRIGGERS),
    TreeRule(line_ends_to_empty_groups, LINE_END_TRIGGERS),
    TreeRule(fence_matrices, _ENVIRONMENTS),
)
_TOKEN_RULES = tuple(rule for rule in NORMALIZATION_RULES if isinstance(rule, TokenRule))
_TREE_RULES = tuple(rule for rule in NORMALIZATION_RULES if isinstance(rule, TreeRule))
MAX_CHARACTERS = 50_000


def normalize(formula: str, *, macros: MacroTable | None = None) -> list[str]:
    r"""Bring a formula into the normal form.

    ``normalize(" ".join(tokens)) == tokens`` holds for its own output.

    Args:
        formula: LaTeX as authors write it, with or without dollars or an equation environment around it, or
        a line of
            the benchmark. A ``%`` in front of everything is dropped, as the benchmark does; any other
            begins a comment. Macros that the formula defines are expanded.
        macros: Macros of the formula's source, expanded as well.

    Returns:
        The tokens.

    Raises:
        LatexError: what can't be read: its `reason` counts, its `position` points into the formula as it
        stands
            after macro expansion.
    """
    text = formula.lstrip()
    text = text.lstrip("%") if text.startswith("%") else formula
    if len(text) > MAX_CHARACTERS:
        raise LatexError(
            "formula_too_long",
            f"{len(text)} characters, more than {MAX_CHARACTERS}",
            position=MAX_CHARACTERS,
            formula=text,
            hint="give one formula at a time",
        )
    if macros is not None or ("\\" in text and has_definitions(text)):
        text = expand_macros(text, macros)
    tokens = source = tokenize(text)
    try:
        present = frozenset(tokens)
        for rule in _TOKEN_RULES:
            if rule.triggers is None or not present.isdisjoint(rule.triggers):
                tokens = rule.apply(tokens)
        return _normal_tree(tokens)
    except ParseError as error:
        raise _located(error, tokens, source, text) from None


def _normal_tree(tokens: list[str]) -> list[str]:
    if not tokens:
        raise ParseError("empty", "no formula", 0, "skip it")
    rows = parse_tokens(tokens)
    present = frozenset(tokens)
    sequence = rows[0].cells[0]
    ends_with_row_end = tokens[-1] in ROW_ENDS
    if ends_with_row_end or len(rows) > 1 or len(rows[0].cells) > 1:
        sequence = join_rows(rows, ends_with_row_end=ends_with_row_end)
        present |= _ENVIRONMENTS
    for rule in _TREE_RULES:
        if not present.isdisjoint(rule.triggers):
            sequence = rewrite(sequence, rule.apply, outer_first=rule.outer_first)
    written = write_tokens(sequence)
    if not written:
        raise ParseError("empty", "nothing but marks", 0, "skip it")
    return written


def _located(error: ParseError, tokens: list[str], source: list[str], text: str) -> LatexError:
    """Find the place in the text of a token that a rule may have moved: count its like from the end."""
    positions = tokenize_with_positions(text)
    behind = len(tokens) - error.index
    index = len(source) - behind if tokens[error.index :] == source[len(source) - behind :] else error.index
    position = positions[index].start if 0 <= index < len(positions) else len(text)
    return LatexError(error.reason, error.detail, position=position, formula=text, hint=error.hint)
