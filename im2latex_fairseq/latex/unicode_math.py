"""Unicode's mathematics as LaTeX: characters that authors paste, as the commands that they mean."""

from __future__ import annotations

import unicodedata

from im2latex_fairseq.latex.token_cursor import ParseError

_GREEK = """alpha beta gamma delta epsilon zeta eta theta iota kappa lambda mu nu xi o pi rho varsigma sigma
    tau upsilon phi chi psi omega""".split()
_GREEK_CAPITALS = r"""A B \Gamma \Delta E Z H \Theta I K \Lambda M N \Xi O \Pi P ? \Sigma T \Upsilon \Phi
    X \Psi
    \Omega""".split()

_SYMBOLS = {
    "×": r"\times", "÷": r"\div", "±": r"\pm", "∓": r"\mp", "·": r"\cdot", "⋅": r"\cdot", "∙": r"\bullet",
    "•": r"\bullet", "∗": r"\ast", "⋆": r"\star", "∘": r"\circ", "°": r"^ { \circ }", "−": "-", "–": "-",
    "—": "-",
    "‐": "-", "‑": "-", "∕": "/", "⁄": "/", "∶": ":", "≤": r"\leq", "≥": r"\geq", "⩽": r"\leqslant",
    "⩾": r"\geqslant", "≠": r"\neq", "≈": r"\approx", "≃": r"\simeq", "≅": r"\cong", "∼": r"\sim",
    "≡": r"\equiv",
    "∝": r"\propto", "≪": r"\ll", "≫": r"\gg", "≺": r"\prec", "≻": r"\succ", "∞": r"\infty", "∂": r"\partial",
    "∇": r"\nabla", "∑": r"\sum", "∏": r"\prod", "∐": r"\coprod", "∫": r"\int", "∬": r"\iint", "∭": r"\iiint",
    "∮": r"\oint", "√": r"\surd", "∈": r"\in", "∉": r"\notin", "∋": r"\ni", "⊂": r"\subset", "⊃": r"\supset",
    "⊆": r"\subseteq", "⊇": r"\supseteq", "∪": r"\cup", "∩": r"\cap", "∅": r"\emptyset", "∧": r"\wedge",
    "∨": r"\vee", "¬": r"\neg", "∀": r"\forall", "∃": r"\exists", "⊕": r"\oplus", "⊗": r"\otimes",
    "⊙": r"\odot",
    "⊥": r"\perp", "∥": r"\parallel", "∣": r"\mid", "∠": r"\angle", "△": r"\triangle", "▵": r"\triangle",
    "□": r"\square", "◻": r"\square", "∴": r"\therefore", "∵": r"\because", "→": r"\to", "←": r"\leftarrow",
    "↔": r"\leftrightarrow", "⇒": r"\Rightarrow", "⇐": r"\Leftarrow", "⇔": r"\Leftrightarrow",
    "↦": r"\mapsto",
    "↑": r"\uparrow", "↓": r"\downarrow", "⟶": r"\longrightarrow", "⟵": r"\longleftarrow",
    "↪": r"\hookrightarrow",
    "⇌": r"\rightleftharpoons", "⟨": r"\langle", "⟩": r"\rangle", "〈": r"\langle", "〉": r"\rangle",
    "⌊": r"\lfloor", "⌋": r"\rfloor", "⌈": r"\lceil", "⌉": r"\rceil", "‖": r"\|", "…": r"\ldots",
    "⋯": r"\cdots",
    "⋮": r"\vdots", "⋱": r"\ddots", "ℏ": r"\hbar", "ℓ": r"\ell", "ℜ": r"\Re", "ℑ": r"\Im", "ℵ": r"\aleph",
    "℘": r"\wp", "†": r"\dagger", "‡": r"\ddagger", "′": "'", "″": "' '", "‴": "' ' '", "’": "'", "‘": "`",
    "“": "` `", "”": "' '", "§": r"\S", "¶": r"\P", "£": r"\pounds", "ı": r"\imath", "ȷ": r"\jmath",
    "ϵ": r"\epsilon", "ϑ": r"\vartheta", "ϕ": r"\phi", "ϖ": r"\varpi", "ϱ": r"\varrho", "µ": r"\mu",
    "⊢": r"\vdash", "⊣": r"\dashv", "⊨": r"\models", "∖": r"\setminus", "≜": r"\triangleq", "≔": ": =",
    "⌢": r"\frown", "⌣": r"\smile", "⋀": r"\bigwedge", "⋁": r"\bigvee", "⋂": r"\bigcap", "⋃": r"\bigcup",
    "¯": r"\bar { }", "，": ",", "。": ".", "；": ";", "：": ":", "（": "(", "）": ")", "＝": "=", "＋": "+",
    "－": "-", "＜": "<", "＞": ">", "！": "!", "？": "?", "［": "[", "］": "]",
    "｛": r"\{", "｝": r"\}", "｜": "|",
}  # fmt: skip
_DOUBLE_STRUCK = {"ℂ": "C", "ℍ": "H", "ℕ": "N", "ℙ": "P", "ℚ": "Q", "ℝ": "R", "ℤ": "Z"}
_SCRIPT = {"ℬ": "B", "ℰ": "E", "ℱ": "F", "ℋ": "H", "ℐ": "I", "ℒ": "L", "ℳ": "M", "ℛ": "R"}
_SUPERSCRIPTS = dict(zip("⁰¹²³⁴⁵⁶⁷⁸⁹⁺⁻⁼⁽⁾ⁿⁱ", "0123456789+-=()ni", strict=True))
_SUBSCRIPTS = dict(zip("₀₁₂₃₄₅₆₇₈₉₊₋₌₍₎ₐₑₒₓₖₙ", "0123456789+-=()aeoxkn", strict=True))
# First code points of the mathematical alphabets, 26 capitals then 26 small letters each.
_ALPHABETS = {
    0x1D400: r"\mathbf", 0x1D434: "", 0x1D468: r"\boldsymbol", 0x1D49C: r"\mathcal", 0x1D4D0: r"\mathcal",
    0x1D504: r"\mathfrak", 0x1D538: r"\mathbb", 0x1D56C: r"\mathfrak", 0x1D5A0: r"\mathsf",
    0x1D670: r"\mathtt",
}  # fmt: skip


def _commands() -> dict[str, tuple[str, ...]]:
    table = {character: tuple(text.split()) for character, text in _SYMBOLS.items()}
    for offset, name in enumerate(_GREEK):
        table[chr(0x3B1 + offset)] = (f"\\{name}",) if name != "o" else ("o",)
    table["ε"] = (r"\varepsilon",)
    table["φ"] = (r"\varphi",)
    for offset, name in enumerate(_GREEK_CAPITALS):
        if name != "?":
            table[chr(0x391 + offset)] = (name,)
    for font, letters in ((r"\mathbb", _DOUBLE_STRUCK), (r"\mathcal", _SCRIPT)):
        table.update({character: (font, "{", letter, "}") for character, letter in letters.items()})
    for first, font in _ALPHABETS.items():
        for offset in range(52):
            letter = chr(ord("A") + offset) if offset < 26 else chr(ord("a") + offset - 26)
            table[chr(first + offset)] = (font, "{", letter, "}") if font else (letter,)
    return table


UNICODE_COMMANDS = _commands()
_COMBINING = {
    "\u0300": r"\grave",
    "\u0301": r"\acute",
    "\u0302": r"\hat",
    "\u0303": r"\tilde",
    "\u0304": r"\bar",
    "\u0306": r"\breve",
    "\u0307": r"\dot",
    "\u0308": r"\ddot",
    "\u030a": r"\mathring",
    "\u030c": r"\check",
    "\u20d7": r"\vec",
}


def _accented(token: str) -> tuple[str, ...] | None:
    """A letter with an accent as a command with a letter."""
    letters = unicodedata.normalize("NFD", token)
    if len(letters) != 2 or not letters[0].isascii() or letters[1] not in _COMBINING:
        return None
    return (_COMBINING[letters[1]], "{", letters[0], "}")


def spell_unicode(tokens: list[str]) -> list[str]:
    """Characters beyond ASCII to commands; runs of raised and lowered digits to scripts.

    Characters that change nothing (zero-width, marks of direction) are dropped.

    Raises:
        ParseError: ``unsupported_character`` for one that means nothing in mathematics.
    """
    if all(token.isascii() for token in tokens):
        return tokens
    out: list[str] = []
    index = 0
    while index < len(tokens):
        token = tokens[index]
        if token.isascii():
            out.append(token)
        elif token in UNICODE_COMMANDS:
            out += UNICODE_COMMANDS[token]
        elif token in _SUPERSCRIPTS or token in _SUBSCRIPTS:
            table, mark = (_SUPERSCRIPTS, "^") if token in _SUPERSCRIPTS else (_SUBSCRIPTS, "_")
            out += [mark, "{"]
            while index < len(tokens) and tokens[index] in table:
                out.append(table[tokens[index]])
                index += 1
            out.append("}")
            continue
        elif _accented(token) is not None:
            out += _accented(token) or ()
        elif token in _COMBINING and out and out[-1] not in ("{", "}"):
            out[-1:] = [_COMBINING[token], "{", out[-1], "}"]
        elif not (len(token) == 1 and unicodedata.category(token) == "Cf"):
            raise ParseError(
                "unsupported_character",
                f"character {token!r} (U+{ord(token[-1]):04X})",
                index,
                "write it as a LaTeX command",
            )
        index += 1
    return out
