r"""Rules on trees: text inside formulas becomes roman mathematics, as the benchmark has it.

``\mbox{for all $x$}`` is ``{ \mathrm { f o r ~ a l l ~ } x }``. The benchmark sets the ``x`` in roman as
well and puts a blank in place of every dollar; the picture has neither.
"""

from __future__ import annotations

from im2latex_fairseq.latex.commands import FONT_SWITCHES
from im2latex_fairseq.latex.tree import Command, Group, Inline, Leaf, Node, Scripts, Sequence, Text

TEXT_FONTS = {
    r"\mbox": r"\mathrm",
    r"\hbox": r"\mathrm",
    r"\text": r"\mathrm",
    r"\textrm": r"\mathrm",
    r"\textup": r"\mathrm",
    r"\textmd": r"\mathrm",
    r"\textnormal": r"\mathrm",
    r"\textbf": r"\mathbf",
    r"\textit": r"\mathit",
    r"\emph": r"\mathit",
    r"\textsf": r"\mathsf",
    r"\texttt": r"\mathtt",
}
_BOXES = frozenset([r"\mbox", r"\hbox"])  # their text keeps its size in scripts
# Characters that ``\mathrm`` draws otherwise than text: a minus sign, and marks of the italic font.
_OTHER_GLYPHS = frozenset("-.,;")
# The two sizes that agree with those of scripts.
_SIZES = {r"\tiny": r"\scriptscriptstyle", r"\scriptsize": r"\scriptstyle"}
TEXT_ACCENTS = {
    r"\'": r"\acute",
    r"\`": r"\grave",
    r"\^": r"\hat",
    r"\"": r"\ddot",
    r"\~": r"\tilde",
    r"\=": r"\bar",
    r"\.": r"\dot",
    r"\u": r"\breve",
    r"\v": r"\check",
}
# Sizes that mathematics doesn't have; without effect on it.
_OTHER_SIZES = frozenset(r"\footnotesize \small \normalsize \large \Large \LARGE \huge \Huge".split())
SIZE_SWITCHES = _OTHER_SIZES | frozenset(_SIZES)
_SWITCHES = FONT_SWITCHES | SIZE_SWITCHES
# Characters that mathematics sets with space around them and text doesn't.
_SPACED = frozenset(",;:=+-*<>")
_STYLED = frozenset(
    r"""\frac \dfrac \binom \sum \prod \int \oint \bigcup \bigcap \bigoplus \bigotimes \operatorname*
    \sqrt""".split()
)


def keep_size_of_boxes_in_scripts(sequence: Sequence) -> Sequence:
    r"""``_{\mbox{eff}}`` is set in the size of the line: ``_ { \textstyle \mathrm { e f f } }``."""
    for node in sequence:
        if isinstance(node, Scripts):
            for script in (node.sub, node.sup):
                if script is not None and any(_keeps_size(child) for child in script.children):
                    script.children = _with_text_style(script.children)
    return sequence


def _keeps_size(node: Node) -> bool:
    return isinstance(node, Text) and node.name in _BOXES and not _has_size(node.children)


def _has_size(children: Sequence) -> bool:
    return any(
        child.text in _SIZES
        if isinstance(child, Leaf)
        else isinstance(child, Group) and _has_size(child.children)
        for child in children
    )


def _with_text_style(children: Sequence) -> Sequence:
    if len(children) == 1:
        return [Leaf(r"\textstyle"), *children]
    return [Group([Leaf(r"\textstyle"), child]) if _keeps_size(child) else child for child in children]


def text_to_roman(sequence: Sequence) -> Sequence:
    r"""Text commands to ``\mathrm`` and relatives, ``~`` for blanks; what stood between dollars beside it."""
    out: Sequence = []
    for node in sequence:
        if isinstance(node, Text) and not node.prefix and _becomes_textrm(node):
            out.append(Text(r"\textrm", node.children))
        elif isinstance(node, Text) and node.name in TEXT_FONTS and not node.prefix and not _stays_text(node):
            pieces = _convert(node.children, TEXT_FONTS[node.name])
            alone = len(pieces) == 1 and (isinstance(pieces[0], Group) or _is_run(pieces[0]))
            out += pieces if alone else [Group(pieces)]
        else:
            out.append(node)
    return out


def _stays_text(text: Text) -> bool:
    r"""Whether a text command is kept: ``\textrm`` and relatives are, ``\mbox`` and ``\hbox`` aren't.

    So the benchmark has it, and TeX sets a box otherwise than mathematics: an ``f`` has no italic correction
    in it, scripts of a single letter sit lower. With formulas or sizes inside it becomes mathematics all the
    same.
    """
    return text.name not in _BOXES and _is_plain(text)


def _becomes_textrm(text: Text) -> bool:
    r"""Whether text is kept under the benchmark's name for it.

    ``\text`` is, which the benchmark doesn't know and which draws what ``\textrm`` draws; so is a box that
    ``\mathrm`` would draw with other glyphs (``\mbox{L-loop}``).
    """
    if not _is_plain(text):
        return False
    return text.name == r"\text" or (
        text.name in _BOXES
        and any(isinstance(child, Leaf) and child.text in _OTHER_GLYPHS for child in text.children)
    )


def _is_plain(text: Text) -> bool:
    return all(isinstance(child, Leaf) and child.text not in _SWITCHES for child in text.children)


def _is_run(node: Node) -> bool:
    return isinstance(node, Command) and node.name in TEXT_FONTS.values()


def _convert(children: Sequence, font: str) -> Sequence:
    """Text as a sequence of mathematics: runs of characters in the font, and what stood between dollars."""
    pieces: Sequence = []
    run: Sequence = []
    bold = False

    def flush() -> None:
        if run:
            blank = all(isinstance(node, Leaf) and node.text in ("~", "\\") for node in run)
            if not blank or len(children) == len(run):
                pieces.append(Command(font, [Group(_without_math_spaces(run))]))
            else:
                pieces.extend(run)
            run.clear()

    for child in children:
        if isinstance(child, Inline):
            flush()
            inside = _inline(child.children, bold)
            # A list of its own: nothing of it is set apart from the text beside it.
            grouped = len(inside) == 1 and isinstance(inside[0], Group)
            plain = all(isinstance(node, Leaf) and node.text.isalnum() for node in inside)
            pieces += inside if plain or grouped or len(children) == 1 else [Group(inside)]
        elif isinstance(child, Text) and child.name in TEXT_FONTS and not child.prefix:
            flush()
            pieces += _convert(child.children, TEXT_FONTS[child.name])
        elif isinstance(child, Leaf) and child.text == r"\boldmath":
            bold = True
        elif isinstance(child, Leaf) and child.text in _SIZES:
            flush()
            pieces.append(Leaf(_SIZES[child.text]))
        elif isinstance(child, Leaf) and child.text in _OTHER_SIZES:
            continue
        elif isinstance(child, Leaf) and child.text == "'":
            _add_prime(run)
        elif isinstance(child, Group) and _has_size(child.children):
            flush()
            pieces.append(Group(_convert(child.children, font)))
        elif isinstance(child, Group):
            run.append(_grouped(child, font))
        else:
            run.append(child)
    flush()
    if not pieces:
        pieces.append(Command(font, [Group([])]))
    return _with_accents(pieces)


def _without_math_spaces(run: Sequence) -> Sequence:
    """Braces around the characters inside a run that mathematics would set space around; hyphens stay text."""
    out: Sequence = []
    for index, node in enumerate(run):
        if node == Leaf("-"):
            out.append(Text(r"\textrm", [node]))  # mathematics would draw a minus sign
        elif 0 < index < len(run) - 1 and isinstance(node, Leaf) and node.text in _SPACED:
            out.append(Group([node]))
        else:
            out.append(node)
    return out


def _add_prime(run: Sequence) -> None:
    """A quote mark is a prime; what the parser makes of it in mathematics, so that the form is stable."""
    last = run[-1] if run else None
    if isinstance(last, Scripts) and last.sup is not None and last.sup.children[-1] == Leaf(r"\prime"):
        last.sup.children.append(Leaf(r"\prime"))
    else:
        run.append(Scripts(run.pop() if run else None, sup=Group([Leaf(r"\prime")])))


def _inline(children: Sequence, bold: bool) -> Sequence:
    if children and children[0] == Leaf("'"):
        children = [Scripts(None, sup=Group([Leaf(r"\prime")])), *children[1:]]
    styled = any(_is_styled(child) for child in children)
    if bold:
        children = [Command(r"\boldsymbol", [Group(children)])]
    if styled:
        return [Group([Leaf(r"\textstyle"), *children])]
    return children


def _is_styled(node: Node) -> bool:
    if isinstance(node, Scripts):
        # Superscripts stand higher in a display than in text.
        return node.sup is not None or (node.base is not None and _is_styled(node.base))
    if isinstance(node, Group):
        return any(_is_styled(child) for child in node.children)
    return (
        isinstance(node, (Leaf, Command)) and (node.text if isinstance(node, Leaf) else node.name) in _STYLED
    )


def _grouped(group: Group, font: str) -> Group:
    if any(isinstance(child, (Inline, Text)) for child in group.children):
        return Group(_convert(group.children, font))
    run: Sequence = []
    for child in group.children:
        if isinstance(child, Leaf) and child.text == "'":
            _add_prime(run)
        else:
            run.append(_grouped(child, font) if isinstance(child, Group) else child)
    return Group(_without_math_spaces(run))


def _with_accents(pieces: Sequence) -> Sequence:
    r"""``\"o`` of text to ``\ddot { o }`` of mathematics."""
    for piece in pieces:
        if isinstance(piece, Command) and isinstance(piece.arguments[0], Group):
            run = piece.arguments[0].children
            index = 0
            while index + 1 < len(run):
                node = run[index]
                accent = TEXT_ACCENTS.get(node.text) if isinstance(node, Leaf) else None
                if accent is not None:
                    letter = run[index + 1]
                    inside = letter if isinstance(letter, Group) else Group([letter])
                    run[index : index + 2] = [Command(accent, [inside])]
                index += 1
    return pieces
