r"""Tokens -> LaTeX that a person would have written, and that TeX sets exactly as it sets the tokens.

    >>> format_tokens(r"\operatorname { l n } x ^ { \prime } _ { i } = { \frac { 1 } { 2 } }".split())
    "\\ln x'_i=\\frac{1}{2}"

What is changed, and why the picture stays:

* Blanks: only where two tokens would run together, around `&` and `\\`, and after a bare script that a
  letter or digit follows (`x_i j`, which `x_ij` would hide).
* Scripts lose their braces around one character or one simple symbol: TeX sets `x_{i}` and `x_i` alike. The
  arguments of commands keep theirs: `\frac{a}{b}`, `\bar{K}`.
* Superscripts that begin with `\prime` become `'`, which LaTeX defines as just that.
* `\operatorname { l n }` becomes `\ln`, and `\operatorname* { l i m }` becomes `\lim`, where LaTeX has an
  operator of that name and of that manner of limits.
* Groups. `{...}` in a formula makes one ordinary atom of what it holds (The TeXbook, chapter 18), so a pair
  of braces is superfluous only if what it holds is one ordinary atom by itself: a letter, a fraction
  (amsmath's `\frac` brings braces of its own), a root, an accented letter, a letter in its font. Braces
  around operators, relations, `\left...\right`, font switches or several atoms stay: without them the
  spaces, the fonts or the rounding to pixels could change. A group that is all of an argument, of a script
  or of a table's cell goes.
* The row end that the normal form puts before `\end{array}` goes: TeX drops it too.

`format_tokens(tokens, keep_groups=True)` drops only those braces that `normalize` puts back, so that
normalising the result gives the same tokens again.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from im2latex_fairseq.latex.atom_classes import BARE_SCRIPTS, ORDINARY, commands
from im2latex_fairseq.latex.token_tree import (
    Environment,
    Group,
    Node,
    Unit,
    end_of_arguments,
    flatten,
    parse_tree,
    split_units,
    table_cells,
)
from im2latex_fairseq.latex.tokenizer import TEXT_ARGUMENTS

# Operators of LaTeX by how they set limits in display: beside (`\operatorname`) or below it
# (`\operatorname*`).
OPERATORS_WITHOUT_LIMITS = commands(
    "arccos arcsin arctan arg cos cosh cot coth csc deg dim exp hom ker lg ln log sec sin sinh tan tanh"
)
OPERATORS_WITH_LIMITS = commands("det gcd inf lim max min sup Pr")

# Arguments that are text or dimensions, where ^, _ and blanks don't mean what they mean in mathematics.
TEXT_COMMANDS = frozenset(TEXT_ARGUMENTS) | commands(
    "hspace hspace* vspace vspace* hskip vskip kern mkern rule label ref eqref"
)

_ENDS_IN_LETTER = re.compile(r"\\[A-Za-z@]+\Z|\\(?:left|right|middle)\\[A-Za-z]+\Z")
_STARTS_WITH_LETTER = re.compile(r"[A-Za-z@]|[^\x00-\x7f]")
# Their cells are formulas of their own, so that a group which is the whole cell makes no difference.
_GRIDS = frozenset(
    ("array", "matrix", "pmatrix", "bmatrix", "Bmatrix", "vmatrix", "Vmatrix", "smallmatrix", "cases")
)


def format_tokens(tokens: Sequence[str], *, keep_groups: bool = False, multiline: bool = False) -> str:
    r"""Write tokens as readable LaTeX that renders the same.

    Args:
        tokens: Tokens of one formula, best in normal form. Lists that no parser would take (a decoder may
            leave braces open) are only joined, with the blanks they need.
        keep_groups: Drop only the braces that `normalize` puts back, so that `normalize(format_tokens(tokens,
            keep_groups=True)) == tokens` for tokens in normal form.
        multiline: Begin a new line after each `\\` of an array, a matrix or an alignment, instead of a space.

    Returns:
        One line of LaTeX mathematics, without dollar signs; several with `multiline`.
    """
    nodes = parse_tree(tokens)
    if nodes is None:
        return _join(list(tokens))
    simplified = _simplify(nodes, keep_groups=keep_groups)
    pieces: list[str] = []
    _write(simplified, pieces, multiline=multiline)
    return _join(pieces)


# ------------------------------------------------------------------------------------------------ simplifying


def _simplify(nodes: Sequence[Node], *, keep_groups: bool) -> list[Node]:
    """Drop superfluous groups and name operators, from the inside out."""
    result: list[Node] = []
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if isinstance(node, Environment):
            result.append(_simplify_environment(node, keep_groups=keep_groups))
            at += 1
        elif isinstance(node, Group):
            result.append(Group(_simplify(node.items, keep_groups=keep_groups)))
            at += 1
        elif node in ("^", "_") and at + 1 < len(nodes) and isinstance(nodes[at + 1], Group):
            result += [node, _simplify_argument(nodes[at + 1], keep_groups=keep_groups)]
            at += 2
        else:
            end = end_of_arguments(nodes, at)
            arguments = list(nodes[at + 1 : end])
            if node not in TEXT_COMMANDS:
                arguments = [_simplify_argument(argument, keep_groups=keep_groups) for argument in arguments]
            result += _name_operator([node, *arguments])
            at = end
    return result if keep_groups else _drop_groups(result)


def _simplify_argument(node: Node, *, keep_groups: bool) -> Node:
    """Simplify a group that is an argument, a script or a cell; one that is its whole content goes."""
    if isinstance(node, str):
        return node
    if isinstance(node, Environment):
        return _simplify_environment(node, keep_groups=keep_groups)
    group = Group(_simplify(node.items, keep_groups=keep_groups))
    if not keep_groups:
        group.items = _without_sole_group(group.items)
    return group


def _without_sole_group(items: list[Node]) -> list[Node]:
    """`{{a+b}}` -> `{a+b}`: within an argument a group around all of it changes nothing."""
    while len(items) == 1 and isinstance(items[0], Group) and items[0].items:
        items = items[0].items
    return items


def _name_operator(nodes: list[Node]) -> list[Node]:
    r"""`\operatorname { l n }` -> `\ln` if LaTeX has it, with the same manner of limits."""
    command = nodes[0]
    if command == r"\operatorname" and len(nodes) == 3 and nodes[1] == "*":
        command = r"\operatorname*"
    if command not in (r"\operatorname", r"\operatorname*") or not isinstance(nodes[-1], Group):
        return nodes
    letters = nodes[-1].items
    if not all(isinstance(letter, str) and letter.isascii() and letter.isalpha() for letter in letters):
        return nodes
    name = "\\" + "".join(letter for letter in letters if isinstance(letter, str))
    names = OPERATORS_WITHOUT_LIMITS if command == r"\operatorname" else OPERATORS_WITH_LIMITS
    return [name] if name in names else nodes


def _drop_groups(nodes: list[Node]) -> list[Node]:
    """Take away the groups of a list that TeX sets the same without."""
    units = split_units(nodes)
    result: list[Node] = []
    for index, unit in enumerate(units):
        group = unit.nodes[0]
        if isinstance(group, Group):
            before = units[index - 1] if index else None
            if _is_superfluous(group, before):
                result += [*group.items, *unit.nodes[1:]]
                continue
        result += unit.nodes
    return result


def _is_superfluous(group: Group, before: Unit | None) -> bool:
    """Whether the group, standing after `before`, holds one ordinary atom without scripts, and no more.

    TeX itself takes such an atom out of its group (tex.web, section 1186). Groups of several atoms stay, even
    where the same spaces would be set without them: letters could be kerned over the brace, and a box of
    their own is rounded to whole pixels by itself.
    """
    if before is not None and before.atom_class is None and not _is_fence(before):
        return False  # perhaps a command whose argument this is, or that looks at what follows
    content = split_units(group.items)
    if len(content) != 1:
        return False
    only = content[0]
    return only.atom_class == ORDINARY and not only.scripts and not only.nested_accent


def _is_fence(unit: Unit) -> bool:
    return isinstance(unit.nodes[0], str) and unit.nodes[0].startswith((r"\left", r"\right", r"\middle"))


def _simplify_environment(environment: Environment, *, keep_groups: bool) -> Environment:
    """Simplify each cell of a table; drop the row end before its end."""
    head, cells = table_cells(environment)
    in_grid = environment.name in _GRIDS
    result: list[Node] = list(head)
    after_row_end = False
    for cell, separator in cells:
        rules = 0
        while rules < len(cell) and cell[rules] == r"\hline":
            rules += 1
        content = _simplify(cell[rules:], keep_groups=keep_groups)
        if in_grid and len(content) == 1 and isinstance(content[0], Group):
            # The normal form braces each cell once; a second pair it wouldn't put back.
            inside = content[0].items if keep_groups else _without_sole_group(content[0].items)
            # `\\ [` and `\\ *` would read as the row end's own arguments.
            if not (after_row_end and inside and inside[0] in ("[", "*")):
                content = inside
        result += [*cell[:rules], *content]
        if separator is not None:
            result.append(separator)
        after_row_end = separator == r"\\"
    if result and result[-1] == r"\\":
        result.pop()
    return Environment(environment.begin, result, environment.end)


# ---------------------------------------------------------------------------------------------------- writing


def _write(nodes: Sequence[Node], pieces: list[str], *, multiline: bool) -> None:
    """Append the strings that, joined by `_join`, are the formula."""
    at = 0
    while at < len(nodes):
        node = nodes[at]
        if isinstance(node, Group):
            _write_group(node, pieces, multiline=multiline)
        elif isinstance(node, Environment):
            _write_environment(node, pieces, multiline=multiline)
        elif node in ("^", "_") and at + 1 < len(nodes):
            # `^{^{\prime}}` has no base: the normaliser takes a ' alone for a character.
            has_base = at > 0
            at += 1
            script_again = at + 1 < len(nodes) and nodes[at + 1] in (node, "'")
            _write_script(
                node, nodes[at], pieces, bare_prime=has_base and not script_again, multiline=multiline
            )
        elif node in TEXT_COMMANDS:
            pieces.append(node)
            while at + 1 < len(nodes) and isinstance(argument := nodes[at + 1], Group):
                pieces += ["{", *flatten(argument.items), "}"]
                at += 1
        else:
            pieces.append(node)
        at += 1


def _write_group(group: Group, pieces: list[str], *, multiline: bool) -> None:
    pieces.append("{")
    _write(group.items, pieces, multiline=multiline)
    pieces.append("}")


def _write_environment(environment: Environment, pieces: list[str], *, multiline: bool) -> None:
    head, cells = table_cells(environment)
    line_end = "\n" if multiline else " "
    pieces += [environment.begin, *flatten(head), line_end]
    for cell, separator in cells:
        _write(cell, pieces, multiline=multiline)
        if separator is not None:
            pieces += [" ", separator, line_end if separator == r"\\" else " "]
    pieces += [line_end, environment.end]


def _write_script(mark: str, script: Node, pieces: list[str], *, bare_prime: bool, multiline: bool) -> None:
    if not isinstance(script, Group):
        pieces.append(mark)
        _write([script], pieces, multiline=multiline)
        return
    items = script.items
    if mark == "^" and bare_prime and items and items[0] == r"\prime":
        primes = next((n for n, item in enumerate(items) if item != r"\prime"), len(items))
        # `x'^{...}` is `x^{\prime ...}` by LaTeX's own definition of '; scripts of a prime have no such form.
        if primes == len(items) or items[primes] not in ("^", "_", "'"):
            pieces += ["'"] * primes
            items = items[primes:]
            if not items:
                return
    if len(items) == 1 and isinstance(items[0], str) and items[0] in BARE_SCRIPTS:
        pieces += [mark, items[0], _SCRIPT_END]
        return
    pieces.append(mark)
    _write_group(Group(items), pieces, multiline=multiline)


_SCRIPT_END = ""  # asks for a space if a letter or a digit follows


def _join(pieces: Sequence[str]) -> str:
    """Join pieces with a space only where one is needed."""
    parts: list[str] = []
    last = ""
    after_script = False
    for piece in pieces:
        if piece == _SCRIPT_END:
            after_script = True
            continue
        if piece in (" ", "\n"):
            if last == " ":
                parts.pop()
            if last not in ("", "\n"):
                parts.append(piece)
                last = piece
            after_script = False
            continue
        if _needs_space(last, piece) or (after_script and piece[0].isalnum()):
            parts.append(" ")
        # The token `\` is the control space: the space belongs to it.
        parts.append("\\ " if piece == "\\" else piece)
        last = piece
        after_script = False
    return "".join(parts)


def _needs_space(before: str, after: str) -> bool:
    if _ENDS_IN_LETTER.match(before):
        return _STARTS_WITH_LETTER.match(after) is not None or after == "*"
    if before == r"\\":
        return after in ("[", "*")
    return False
