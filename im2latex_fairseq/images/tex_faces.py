r"""The faces: font set-ups in which one formula can be drawn.

Every face uses only what Debian's ``texlive-latex-base``, ``texlive-latex-recommended`` and
``texlive-fonts-recommended`` hold, in PostScript (Type 1) form, so that dvipng never has to have a bitmap
font made. Where a text family has no mathematical companion there (Utopia, Charter, ...), its upright letters
and digits serve as operators and its italic as variables, and Greek and symbols come from Computer Modern:
that is what authors did before the families had one.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Face:
    """One font set-up.

    Attributes:
        name: The name by which `RenderSettings.face` picks it.
        description: What it looks like, for people.
        preamble: LaTeX that sets it up, between ``\\documentclass`` and ``\\begin{document}``.
        families: NFSS ``encoding/family`` pairs whose definitions are read beforehand: a formula's own process
            can't open files.
    """

    name: str
    description: str
    preamble: str
    families: tuple[str, ...] = ()


_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
_CAPITAL_GREEK = ("Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega")


def _letters_from_text(family: str, *, italic: str = "it") -> str:
    """Preamble that takes variables, digits and operator names from a text family, the rest from Computer Modern."""
    lines = [
        rf"\renewcommand{{\rmdefault}}{{{family}}}",
        rf"\DeclareSymbolFont{{operators}}{{OT1}}{{{family}}}{{m}}{{n}}",
        rf"\SetSymbolFont{{operators}}{{bold}}{{OT1}}{{{family}}}{{b}}{{n}}",
        rf"\DeclareSymbolFont{{textitalics}}{{OT1}}{{{family}}}{{m}}{{{italic}}}",
        rf"\SetSymbolFont{{textitalics}}{{bold}}{{OT1}}{{{family}}}{{b}}{{{italic}}}",
        r"\DeclareSymbolFontAlphabet{\mathrm}{operators}",
        rf"\DeclareMathAlphabet{{\mathbf}}{{OT1}}{{{family}}}{{b}}{{n}}",
        rf"\DeclareMathAlphabet{{\mathit}}{{OT1}}{{{family}}}{{m}}{{{italic}}}",
    ]
    # The text fonts hold no capital Greek: it stays with Computer Modern.
    lines.append(r"\DeclareSymbolFont{greek}{OT1}{cmr}{m}{n}")
    lines.append(r"\SetSymbolFont{greek}{bold}{OT1}{cmr}{bx}{n}")
    lines += [
        rf"\DeclareMathSymbol{{\{name}}}{{\mathord}}{{greek}}{{{code}}}"
        for code, name in enumerate(_CAPITAL_GREEK)
    ]
    lines += [
        rf"\DeclareMathSymbol{{{letter}}}{{\mathalpha}}{{textitalics}}{{`{letter}}}" for letter in _LETTERS
    ]
    lines += [
        rf"\DeclareMathSymbol{{{digit}}}{{\mathalpha}}{{operators}}{{`{digit}}}" for digit in "0123456789"
    ]
    return "\n".join(lines)


# mathptmx refuses the three symbols that Times and Symbol lack. Only the one that grows gets a family of its own:
# TeX has sixteen.
_TIMES = r"""\usepackage{mathptmx}
\DeclareSymbolFont{modernlargesymbols}{OMX}{cmex}{m}{n}
\let\coprod\relax \DeclareMathSymbol{\coprod}{\mathop}{modernlargesymbols}{"60}
\renewcommand{\jmath}{\mathord{\text{\usefont{OML}{cmm}{m}{it}\char"7C}}}
\renewcommand{\amalg}{\mathbin{\text{\usefont{OMS}{cmsy}{m}{n}\char"71}}}"""

# What Computer Modern's italic holds besides letters and Euler lacks: (name, class, place).
_BESIDES_LETTERS = (
    *((r"\leftharpoonup", "mathrel", 0x28), (r"\leftharpoondown", "mathrel", 0x29)),
    *((r"\rightharpoonup", "mathrel", 0x2A), (r"\rightharpoondown", "mathrel", 0x2B)),
    *((r"\lhook", "mathrel", 0x2C), (r"\rhook", "mathrel", 0x2D)),
    *((r"\triangleright", "mathbin", 0x2E), (r"\triangleleft", "mathbin", 0x2F)),
    *((".", "mathord", 0x3A), (r"\ldotp", "mathpunct", 0x3A), (",", "mathpunct", 0x3B)),
    *(("<", "mathrel", 0x3C), ("/", "mathord", 0x3D), (">", "mathrel", 0x3E), (r"\star", "mathbin", 0x3F)),
    *((r"\flat", "mathord", 0x5B), (r"\natural", "mathord", 0x5C), (r"\sharp", "mathord", 0x5D)),
    *((r"\smile", "mathrel", 0x5E), (r"\frown", "mathrel", 0x5F)),
    *((r"\varrho", "mathord", 0x25), (r"\varsigma", "mathord", 0x26)),
)
# The package `euler` leaves too few of TeX's sixteen families for \mathbf, \mathfrak and the like.
_EULER = "\n".join(
    [
        r"\usepackage{mathpazo}",
        r"\DeclareSymbolFont{letters}{U}{eur}{m}{n}",
        r"\SetSymbolFont{letters}{bold}{U}{eur}{b}{n}",
        r"\DeclareMathAlphabet{\mathcal}{U}{eus}{m}{n}",
        *(rf"\DeclareMathSymbol{{{digit}}}{{\mathalpha}}{{letters}}{{`{digit}}}" for digit in "0123456789"),
        r"\DeclareSymbolFont{besides}{OML}{zplm}{m}{it}",
        *(
            rf"\DeclareMathSymbol{{{name}}}{{\{kind}}}{{besides}}{{{place}}}"
            for name, kind, place in _BESIDES_LETTERS
        ),
        r"\DeclareMathAccent{\vec}{\mathord}{besides}{126}",
    ]
)

_FACES = (
    Face("computer_modern", "Knuth's Computer Modern, LaTeX's own", ""),
    Face(
        "times",
        "Times with Symbol (mathptmx)",
        _TIMES,
        ("OT1/ptm", "OT1/ztmcm", "OML/ztmcm"),
    ),
    Face(
        "times_tx",
        "Times with symbols of its own (txfonts)",
        r"\usepackage{txfonts}",
        ("OT1/txr", "OML/txmi"),
    ),
    Face("palatino", "Palatino (mathpazo)", r"\usepackage{mathpazo}", ("OT1/ppl", "OML/zplm")),
    Face(
        "palatino_px",
        "Palatino with symbols of its own (pxfonts)",
        r"\usepackage{pxfonts}",
        ("OT1/pxr", "OML/pxmi"),
    ),
    Face(
        "euler",
        "Zapf's upright AMS Euler with Palatino words",
        _EULER,
        ("OT1/ppl", "OML/zplm", "U/eur", "U/eus"),
    ),
    Face(
        "sans",
        "Computer Modern Sans (sansmath)",
        r"\usepackage{sansmath}\AtBeginDocument{\sansmath\sffamily}",
    ),
    Face(
        "helvetica",
        "Helvetica letters, Computer Modern symbols",
        _letters_from_text("phv", italic="sl"),
        ("OT1/phv",),
    ),
    Face("utopia", "Utopia letters, Computer Modern symbols", _letters_from_text("put"), ("OT1/put",)),
    Face("charter", "Charter letters, Computer Modern symbols", _letters_from_text("bch"), ("OT1/bch",)),
    Face(
        "century",
        "New Century Schoolbook letters, Computer Modern symbols",
        _letters_from_text("pnc"),
        ("OT1/pnc",),
    ),
    Face("bookman", "Bookman letters, Computer Modern symbols", _letters_from_text("pbk"), ("OT1/pbk",)),
)

FACES: dict[str, Face] = {face.name: face for face in _FACES}
