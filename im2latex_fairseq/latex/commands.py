r"""What the parser has to know of commands: which arguments follow, and which environments align.

A signature has a letter per argument: ``m`` a formula, ``r`` raw tokens in braces (a dimension, a name),
``o`` an optional formula in brackets, ``b`` optional raw tokens in brackets, ``d`` a bare dimension
(``\kern 3pt``), ``D`` a delimiter. A command that isn't listed takes no arguments: authors' macros pass
through as they are, and their arguments as groups behind them.
"""

from __future__ import annotations

ACCENTS = frozenset(
    r"""\hat \tilde \bar \vec \dot \ddot \dddot \ddddot \check \breve \acute \grave \mathring
    \widehat \widetilde \widecheck \overrightarrow \overleftarrow \overleftrightarrow \underrightarrow
    \underleftarrow \underleftrightarrow \Hat \Tilde \Bar \Vec \Dot \Ddot""".split()
)
MATH_FONTS = frozenset(
    r"""\mathrm \mathbf \mathit \mathsf \mathtt \mathcal \mathbb \mathfrak \mathscr \mathnormal \mathds
    \mathbbm
    \boldsymbol \bm \pmb""".split()
)
LINES = frozenset(r"\overline \underline".split())
BIG_DELIMITERS = frozenset(
    r"""\big \Big \bigg \Bigg \bigl \Bigl \biggl \Biggl \bigr \Bigr \biggr \Biggr \bigm \Bigm \biggm
    \Biggm""".split()
)
FONT_SWITCHES = frozenset(r"\rm \bf \it \sf \tt \sl \sc \cal \mit \em \frak \Bbb \scr \normalfont".split())

SIGNATURES = {
    **dict.fromkeys(ACCENTS | MATH_FONTS | LINES, "m"),
    r"\frac": "mm",
    r"\dfrac": "mm",
    r"\tfrac": "mm",
    r"\cfrac": "bmm",
    r"\binom": "mm",
    r"\dbinom": "mm",
    r"\tbinom": "mm",
    r"\genfrac": "mmrrmm",
    r"\sqrt": "om",
    r"\stackrel": "mm",
    r"\overset": "mm",
    r"\underset": "mm",
    r"\sideset": "mmm",
    r"\overbrace": "m",
    r"\underbrace": "m",
    r"\operatorname": "m",
    r"\operatorname*": "m",
    r"\mathop": "m",
    r"\mathord": "m",
    r"\mathbin": "m",
    r"\mathrel": "m",
    r"\mathopen": "m",
    r"\mathclose": "m",
    r"\mathpunct": "m",
    r"\mathinner": "m",
    r"\phantom": "m",
    r"\hphantom": "m",
    r"\vphantom": "m",
    r"\smash": "bm",
    r"\mathsmaller": "m",
    r"\mathlarger": "m",
    r"\mathchoice": "mmmm",
    r"\xrightarrow": "om",
    r"\xleftarrow": "om",
    r"\xmapsto": "om",
    r"\pmod": "m",
    r"\mod": "m",
    r"\pod": "m",
    r"\boxed": "m",
    r"\ensuremath": "m",
    r"\skew": "rmm",
    r"\cancel": "m",
    r"\slashed": "m",
    r"\lefteqn": "m",
    r"\mathrlap": "m",
    r"\mathllap": "m",
    r"\mathclap": "m",
    r"\hspace": "r",
    r"\hspace*": "r",
    r"\vspace": "r",
    r"\vspace*": "r",
    r"\mspace": "r",
    r"\rule": "brr",
    r"\textcolor": "rm",
    r"\color": "r",
    r"\ref": "r",
    r"\eqref": "r",
    r"\cite": "r",
    r"\label": "r",
    r"\tag": "r",
    r"\tag*": "r",
    r"\kern": "d",
    r"\mkern": "d",
    r"\hskip": "d",
    r"\mskip": "d",
    r"\vskip": "d",
    r"\raise": "d",
    r"\lower": "d",
    r"\moveleft": "d",
    r"\moveright": "d",
    r"\multicolumn": "rrm",
    **dict.fromkeys(BIG_DELIMITERS, "D"),
}

INFIXES = frozenset(
    r"\over \atop \choose \above \brack \brace \overwithdelims \atopwithdelims \abovewithdelims".split()
)
# Rows between \begin and \end, with the number of brace arguments after \begin.
ALIGNMENTS = {
    "array": 1,
    "subarray": 1,
    "alignedat": 1,
    "alignat": 1,
    "alignat*": 1,
    **dict.fromkeys(
        """matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix smallmatrix cases dcases rcases aligned gathered
    split
        align align* gather gather* eqnarray eqnarray* multline multline* flalign flalign* multlined
        smallmatrix* matrix* pmatrix* bmatrix* Bmatrix* vmatrix* Vmatrix*""".split(),
        0,
    ),
}
# Plain TeX's alignments, which take their rows in braces, and the environments that they read as.
BRACED_ALIGNMENTS = {
    r"\matrix": "matrix",
    r"\pmatrix": "pmatrix",
    r"\cases": "cases",
    r"\eqalign": "aligned",
    r"\eqalignno": "aligned",
    r"\leqalignno": "aligned",
    r"\displaylines": "gathered",
    r"\substack": "substack",
}
NUMBERED_ALIGNMENTS = frozenset([r"\eqalignno", r"\leqalignno"])  # the third column is a number
ROW_ENDS = frozenset([r"\\", r"\cr", r"\crcr", r"\tabularnewline"])
ROW_RULES = {r"\hline": "", r"\hdashline": "", r"\cline": "r", r"\noalign": "r"}
# Environments that only say "this is mathematics".
DISPLAYS = frozenset("equation equation* displaymath math".split())
UNSUPPORTED_COMMANDS = frozenset(
    r"""\xymatrix \xy \diagram \verb \halign \valign \vbox \vtop \vcenter \setbox \write \input \openin
    \openout
    \read \special \catcode \csname \endcsname \expandafter \includegraphics \epsfbox \epsffile \bordermatrix
    \ooalign \begingroup \endgroup \put \ifmmode \if \else \fi \edef \gdef \xdef \futurelet \loop \repeat
    \mathpalette \bgroup \egroup \lineskip \baselineskip \vadjust \par \footnote""".split()
)
