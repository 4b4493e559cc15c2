r"""The TeX side of the renderer: the format that knows a face, and the file that holds a batch of formulas.

A format (TeX's dumped memory) is made once for each face and size, with every package and font loaded, so that a
batch starts in milliseconds. The primitives that reach outside are removed in it: a formula's process can neither
open a file nor write a ``\special``, whatever names it finds for them.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from .tex_faces import Face

# \read and \write stay (LaTeX talks through them); without \openin and \openout they reach the terminal only.
_REMOVED_PRIMITIVES = (
    *(
        "input",
        "endinput",
        "openin",
        "openout",
        "special",
        "dump",
        "readline",
        "pdfmdfivesum",
        "pdfprimitive",
    ),
    *("ifpdfprimitive", "pdffiledump", "pdffilesize", "pdffilemoddate", "pdfximage", "pdfrefximage"),
    *("pdfobj", "pdfrefobj", "pdfliteral", "pdfoutput", "pdfmapfile", "pdfmapline", "pdfcatalog", "pdfinfo"),
    *(
        "pdfshellescape",
        "pdffontattr",
        "pdfincludechars",
        "errorstopmode",
        "scrollmode",
        "batchmode",
        "interactionmode",
    ),
    *("pdfxform", "pdfglyphtounicode", "everyjob"),
)
# Control sequences, other than those that the batch itself uses, whose change would alter other formulas.
_WATCHED = (
    *(
        "begin",
        "end",
        "begingroup",
        "endgroup",
        "par",
        "hbox",
        "vbox",
        "shipout",
        "message",
        "frac",
        "sqrt",
        "left",
    ),
    *(
        "right",
        "displaystyle",
        "mathrm",
        "mathbf",
        "hsize",
        "vsize",
        "everypar",
        "everymath",
        "everydisplay",
        "output",
    ),
)
_WATCHED_REGISTERS = (
    *(
        "hsize",
        "parindent",
        "baselineskip",
        "lineskip",
        "lineskiplimit",
        "arraycolsep",
        "tabcolsep",
        "jot",
        "mathsurround",
    ),
    *("arrayrulewidth", "thinmuskip", "medmuskip", "thickmuskip", "nulldelimiterspace", "delimitershortfall"),
    *(
        "delimiterfactor",
        "scriptspace",
        "everymath",
        "everydisplay",
        "everypar",
        "everyhbox",
        "everyvbox",
        "everycr",
    ),
    *(
        "fam",
        "escapechar",
        "endlinechar",
        "newlinechar",
        "globaldefs",
        "tabskip",
        "mag",
        "hoffset",
        "voffset",
    ),
    *("tracinglostchars", "maxdepth", "boxmaxdepth", "predisplaypenalty"),
)
_LINE_ENDS = re.compile("\r\n|\r")
_ODD_BLANKS = re.compile("[\t\v\f\x1c-\x1f\x85\xa0\u2000-\u200b\u2028\u2029\u202f\u3000\ufeff]")
_CONTROL_WORD = re.compile(r"\\([A-Za-z]+)")

# Environments that are displays of their own and can't stand inside $$...$$; all are used without numbers.
_DISPLAY_ENVIRONMENT = re.compile(
    r"\s*\\begin\s*\{\s*(align|alignat|flalign|gather|multline|eqnarray|equation|displaymath|math|xalignat|xxalignat)"
    r"\s*\*?\s*\}"
)
# The argument of a length, its characters parted by spaces as the benchmark's tokens are: "{ 1 c m }".
_SPACED_LENGTH = re.compile(
    r"\\(hspace|vspace|mspace|raisebox|makebox|framebox|parbox|rule)(\s*\*)?((?:\s*(?:\[[^][{}\\]*\]|\{[^{}\\]*\}))+)"
)
_LENGTH_ARGUMENT = re.compile(r"([\[{])([-+.,\s]*\d[.,\d\s]*[a-z](?:\s*[a-z])*\s*)([\]}])")
# A position ("[ l ]"): with blanks around it, LaTeX knows none and leaves the box empty, without an error.
_POSITION_ARGUMENT = re.compile(r"\[\s*([a-z])\s*\]")
_SPACED_KERN = re.compile(
    r"\\(kern|mkern|hskip|mskip|vskip|raise|lower|moveleft|moveright)((?:\s*[-+.,\d])+(?:\s*t\s*r\s*u\s*e)?\s*"
    r"(?:e\s*m|e\s*x|p\s*t|m\s*u|c\s*m|m\s*m|i\s*n|p\s*c|s\s*p|b\s*p|d\s*d|c\s*c))"
)
# amsmath allows these in an environment only, not in $$...$$.
_NEEDS_EQUATION = re.compile(r"\\tag(?![A-Za-z])|\\begin\{split\}")
_SPACED_NAME = re.compile(r"\\(begin|end)\s*\{\s*([A-Za-z](?:\s*[A-Za-z])*)\s*(\*?)\s*\}")


def format_source(
    face: Face, size_pt: int, line_width_pt: float, nonce: str, colour_word: str, max_page_pt: float
) -> str:
    r"""LaTeX source which, run by ``-ini``, dumps the format of a face.

    Args:
        face: The font set-up.
        size_pt: Option of the class ``article``.
        line_width_pt: Width of the line in which displays are set, in TeX points.
        nonce: Letters that no formula knows; names of our own commands begin with it.
        colour_word: Letters that no formula knows, either; the command that sets a colour has this name, and
            within it hides the one primitive that is kept, since colours are specials. A formula that can spell
            out the commands around it could learn `nonce`; this word stands in no file with such a formula
            (`formula_screening.needs_own_process`).
        max_page_pt: A formula whose box is wider or higher is refused.
    """
    families = (
        *(
            "OT1/cmr",
            "OT1/cmss",
            "OT1/cmtt",
            "OML/cmm",
            "OMS/cmsy",
            "OMX/cmex",
            "OML/cmr",
            "OMS/cmr",
            "OMS/cmss",
        ),
        *("OMS/cmtt", "OML/cmss", "OML/cmtt", "U/msa", "U/msb", "U/euf", "U/rsfs", "TS1/cmr", "U/lasy"),
        *face.families,
        *(f"OMS/{family.split('/')[1]}" for family in face.families),
        *(f"TS1/{family.split('/')[1]}" for family in face.families),
    )
    load_families = "\n".join(
        rf"\InputIfFileExists{{{encoding.lower()}{family}.fd}}{{}}{{}}"
        for encoding, family in (pair.split("/") for pair in families)
    )
    # LaTeX's kernel and its programming layer keep second names for the primitives.
    second_names = [f"tex_{name.removeprefix('pdf')}:D" for name in _REMOVED_PRIMITIVES]
    second_names += [f"tex_{name}:D" for name in _REMOVED_PRIMITIVES] + [
        "tex_mdfivesum:D",
        "@@input",
        "primitive",
    ]
    removed = "\n".join(
        rf"\expandafter\let\csname {name}\endcsname\{nonce}undefined"
        for name in (*second_names, *_REMOVED_PRIMITIVES)
    )
    registers = "".join(rf"\the\{name}," for name in _WATCHED_REGISTERS)
    codes = "".join(rf"\the\catcode{code},\the\mathcode{code},\the\delcode{code}," for code in range(128))
    return rf"""\documentclass[{size_pt}pt]{{article}}
\nofiles
\usepackage{{amsmath,amssymb}}
{face.preamble}
\newcommand{{\bmmax}}{{0}}\newcommand{{\hmmax}}{{0}}% bm would reserve seven of TeX's sixteen families
\usepackage{{mathrsfs,bm}}
\pagestyle{{empty}}
\begin{{document}}
\makeatletter
{load_families}
{_CONVENIENCES}
\hbadness=10000 \vbadness=10000 \hfuzz=\maxdimen \vfuzz=\maxdimen
\tracinglostchars=2 \showboxbreadth=-1 \showboxdepth=-1 \errorcontextlines=-1
\parindent=0pt \parskip=0pt \topskip=0pt
\hsize={line_width_pt}pt \linewidth=\hsize \columnwidth=\hsize \textwidth=\hsize
\setbox0\hbox{{{_WARM_UP}}}\setbox0\box\voidb@x
\let\{nonce}par\par \let\{nonce}egroup\egroup \let\{nonce}box\box
\let\{nonce}shipout\shipout \let\{nonce}message\message \let\{nonce}endinput\endinput
\let\{nonce}global\global \let\{nonce}count\count \let\{nonce}dead\deadcycles
\let\{nonce}advance\advance \let\{nonce}stop\@@end
\let\{nonce}digest\pdfmdfivesum \let\{nonce}dump\dump
\let\{colour_word}primitive\special \protected\def\{colour_word}#1{{\{colour_word}primitive{{color #1}}}}
\long\def\IfFileExists#1#2#3{{#3}}\long\def\InputIfFileExists#1#2#3{{#3}}\def\@input#1{{}}\let\@input@\@input
\long\def\{nonce}say#1{{\{nonce}message{{^^J[{nonce} #1]^^J}}}}
\def\{nonce}fail#1{{\{nonce}say{{refused \the\{nonce}count200 \space #1}}}}
\def\{nonce}begin#1.{{%
  \ifnum\currentgrouplevel=0 \ifvmode\else\{nonce}lost\fi\else\{nonce}lost\fi
  \global\count200=#1 \global\count0=#1
  \{nonce}say{{begin #1}}%
  \setbox200\vbox\bgroup}}
\def\{nonce}lost{{\{nonce}say{{lost}}\expandafter\{nonce}endinput}}
\def\{nonce}end{{\{nonce}par\{nonce}egroup
  \ifnum\currentgrouplevel=0 \else\{nonce}lost\fi
  \ifdim\wd200>{max_page_pt}pt \{nonce}fail{{too_large: \the\wd200 \space wide}}\else
  \ifdim\ht200>{max_page_pt}pt \{nonce}fail{{too_large: \the\ht200 \space high}}\else
  \ifdim\dp200>{max_page_pt}pt \{nonce}fail{{too_large: \the\dp200 \space deep}}\else
  \{nonce}global\{nonce}count0=\{nonce}count200
  \{nonce}shipout\{nonce}box200
  \{nonce}say{{end \the\{nonce}count200 }}%
  \fi\fi\fi
  \{nonce}global\{nonce}dead=0 }}
\def\{nonce}displayopen{{$$}}
\def\{nonce}displayclose{{$$}}
\def\{nonce}inlineopen{{\hbox\bgroup$}}
\def\{nonce}inlineclose{{$\{nonce}egroup}}
\long\def\{nonce}state#1{{\{nonce}say{{state \{nonce}digest{{#1{registers}{codes}}}}}}}
\makeatother
{removed}
\{nonce}dump
"""


# Commands that change nothing in a picture or need what a confined process lacks; plain TeX's fractions, which
# amsmath would change globally at their first use; and plain TeX's matrices, which amsmath refuses.
_CONVENIENCES = r"""
\renewcommand{\label}[1]{}
\renewcommand{\ref}[1]{??}
\renewcommand{\index}[1]{}
\providecommand{\color}[2][]{}
\providecommand{\textcolor}[3][]{#3}
\let\over\@@over \let\atop\@@atop \let\above\@@above
\let\overwithdelims\@@overwithdelims \let\atopwithdelims\@@atopwithdelims \let\abovewithdelims\@@abovewithdelims
\def\renderer@table#1{\vcenter{\normalbaselines\m@th
  \ialign{\hfil$##$\hfil&&\quad\hfil$##$\hfil\crcr\mathstrut\crcr\noalign{\kern-\baselineskip}
  #1\crcr\mathstrut\crcr\noalign{\kern-\baselineskip}}}}
\long\def\renderer@plainmatrix#1{\null\,\renderer@table{#1}\,}
\long\def\renderer@plainpmatrix#1{\left(\renderer@table{#1}\right)}
\long\def\renderer@plaincases#1{\left\{\,\vcenter{\normalbaselines\m@th
  \ialign{$##\hfil$&\quad##\hfil\crcr#1\crcr}}\right.}
\def\renderer@both#1{%
  \expandafter\let\csname renderer@env#1\expandafter\endcsname\csname #1\endcsname
  \expandafter\def\csname renderer@name#1\endcsname{#1}%
  \expandafter\edef\csname #1\endcsname{%
    \noexpand\ifx\noexpand\@currenvir\expandafter\noexpand\csname renderer@name#1\endcsname
    \noexpand\expandafter\expandafter\noexpand\csname renderer@env#1\endcsname\noexpand\else
    \noexpand\expandafter\expandafter\noexpand\csname renderer@plain#1\endcsname\noexpand\fi}}
\renderer@both{matrix}\renderer@both{pmatrix}\renderer@both{cases}
"""

# Each alphabet used once, so that its fonts are in the format and no formula changes TeX's state by being first.
_WARM_UP = r"""$\displaystyle x^{x^{x}}\mathrm{x^{x^x}}\mathbf{x^{x^x}}\mathit{x^{x^x}}\mathcal{X^{X^X}}
\mathbb{X^{X^X}}\mathfrak{x^{x^x}}\boldsymbol{x^{x^x}}$
$\mathsf{x}$ $\mathtt{x}$ $\mathscr{X}$ $\text{x\textit{x}\textbf{x}}^{\text{x}^{\text{x}}}$
{\tiny$x$}{\scriptsize$x$}{\footnotesize$x$}{\small$x$}{\large$x$}{\Large$x$}{\LARGE$x$}{\huge$x$}{\Huge$x$}"""


def batch_source(formulas: Sequence[tuple[int, str]], nonce: str, *, display: bool) -> str:
    """The file that sets a batch, each formula on a page whose number is the formula's.

    Args:
        formulas: Pairs of number (0 to 10**6) and LaTeX.
        nonce: As in `format_source`.
        display: Display style, in a line of its own; otherwise inline.
    """
    words = sorted(
        {word for _, formula in formulas for word in _CONTROL_WORD.findall(formula)} | set(_WATCHED)
    )
    watched = "".join(rf"\meaning\{word} " for word in words)
    state = rf"\{nonce}state{{{watched}}}"
    lines = [state]
    shift = "display" if display else "inline"
    for number, formula in formulas:
        formula = _ODD_BLANKS.sub(" ", _LINE_ENDS.sub("\n", formula))
        formula = _SPACED_KERN.sub(_join_length_unbraced, formula)
        formula = _SPACED_LENGTH.sub(_join_length, _SPACED_NAME.sub(_join_name, formula.strip()))
        if display and _NEEDS_EQUATION.search(formula) and not _DISPLAY_ENVIRONMENT.match(formula):
            formula = f"\\begin{{equation*}}\n{formula}\n\\end{{equation*}}"
        if _DISPLAY_ENVIRONMENT.match(formula):
            formula = _unnumbered(formula)
            lines.append(f"\\{nonce}begin{number}.\n{formula}\n\\{nonce}end")
        else:
            # A blank line would end the formula; TeX reads a comment up to its line's end.
            body = re.sub(r"\n\s*\n", "\n", formula)
            lines.append(
                f"\\{nonce}begin{number}.\\{nonce}{shift}open\n{body}\n\\{nonce}{shift}close\\{nonce}end"
            )
        lines.append("")
    lines.append(state)
    lines.append(rf"\{nonce}stop")
    return "\n".join(lines) + "\n"


def _join_name(match: re.Match[str]) -> str:
    r"""``\begin { a r r a y }`` -> ``\begin{array}``."""
    name = re.sub(r"\s", "", match.group(2))
    return rf"\{match.group(1)}{{{name}{match.group(3)}}}"


def _join_length(match: re.Match[str]) -> str:
    r"""``\hspace { 1 c m }`` -> ``\hspace{1cm}``, ``\makebox [ 1 c m ] [ l ]`` -> ``\makebox [1cm] [l]``."""
    arguments = _LENGTH_ARGUMENT.sub(
        lambda part: part.group(1) + re.sub(r"\s", "", part.group(2)) + part.group(3), match.group(3)
    )
    arguments = _POSITION_ARGUMENT.sub(r"[\1]", arguments)
    return rf"\{match.group(1)}{(match.group(2) or '').strip()}{arguments}"


def _join_length_unbraced(match: re.Match[str]) -> str:
    r"""``\kern - 0 . 7 e x`` -> ``\kern-0.7ex``; the blank ends the length."""
    return rf"\{match.group(1)}" + re.sub(r"\s", "", match.group(2)) + " "


def _unnumbered(formula: str) -> str:
    """Star the numbered environments: a running number is no part of a formula."""
    return re.sub(
        r"\\(begin|end)\{(align|alignat|flalign|gather|multline|eqnarray|equation|xalignat)\}",
        r"\\\1{\2*}",
        formula,
    )
