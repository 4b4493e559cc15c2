r"""What TeX demands of commands beyond the signatures that `latex.commands` holds.

Each table was tried in TeX (LaTeX 2e with amsmath and amssymb); `tests/decoding/latex_grammar/test_tex.py`
compiles what the grammar allows.
"""

from __future__ import annotations

from im2latex_fairseq.latex.atom_classes import OPERATOR_SYMBOLS, SPACE_SYMBOLS, commands
from im2latex_fairseq.latex.commands import ALIGNMENTS, FONT_SWITCHES
from im2latex_fairseq.latex.rules.alignments import EQUATION_ARRAYS, INNER_NAMES
from im2latex_fairseq.latex.rules.operators import OPERATOR_NAMES
from im2latex_fairseq.latex.rules.text import SIZE_SWITCHES, TEXT_ACCENTS
from im2latex_fairseq.latex.token_cursor import UNITS

#: Columns that a table may have at most; the longest of IM2LATEX-100K has 17.
MAX_COLUMNS = 20
#: Rules beside each other in a column specification: `| |`.
MAX_BARS = 2

# Environments that can stand inside a formula, with their number of columns; None: the specification says.
# amsmath's matrices have ten (MaxMatrixCols). `align` and its like are displays of their own, the starred
# matrices are of mathtools.
_COLUMN_LIMITS: dict[str, int | None] = {
    "array": None,
    "subarray": None,
    **dict.fromkeys("matrix pmatrix bmatrix Bmatrix vmatrix Vmatrix".split(), 10),
    "smallmatrix": MAX_COLUMNS,
    "cases": 2,
    "dcases": 2,
    "rcases": 2,
    "aligned": MAX_COLUMNS,
    "gathered": 1,
}
TABLE_COLUMNS = {
    name: columns
    for name, columns in _COLUMN_LIMITS.items()
    if name in ALIGNMENTS and name not in INNER_NAMES and name not in EQUATION_ARRAYS
}
#: Environments that take a position in brackets, and read any bracket as its beginning.
POSITIONED_TABLES = frozenset(["array", "aligned", "gathered"])
COLUMN_LETTERS = frozenset("clr")

#: Behind these `\limits` and `\nolimits` may stand.
OPERATORS = (
    OPERATOR_SYMBOLS
    | frozenset(OPERATOR_NAMES)
    | commands("operatorname operatorname* mathop overbrace underbrace")
)

# Fonts that are commands with an argument in LaTeX, though authors write them like switches.
FONTS_WITH_ARGUMENT = commands("frak Bbb bold scr")
#: Change what follows without being anything themselves: scripts behind them belong to what is before them.
SWITCHES = (FONT_SWITCHES - FONTS_WITH_ARGUMENT) | SIZE_SWITCHES | commands("boldmath unboldmath")
#: In a formula LaTeX prepares for the font that these don't have there, and sets the next one without a group.
LEAKING = commands("sc sl")
STYLES = commands("displaystyle textstyle scriptstyle scriptscriptstyle")
#: No ink, no atom.
SPACES = SPACE_SYMBOLS | commands("smallskip medskip bigskip / negthinspace negmedspace negthickspace")

# Alphabets that lack glyphs of letters, digits or capital Greek, which would be lost without an error.
CAPITALS_ONLY = commands("mathscr scr")
BLACKBOARD = commands("mathbb Bbb")
FRAKTUR = commands("mathfrak frak")

#: Typeset several times (\mathpalette, \mathchoice, measuring): nesting multiplies.
REPEATED = commands(
    "boldsymbol bm pmb overset underset sideset phantom hphantom vphantom smash overrightarrow overleftarrow "
    "overleftrightarrow underrightarrow underleftarrow underleftrightarrow xrightarrow xleftarrow xmapsto "
    "mathrlap mathllap mathclap mathsmaller mathlarger mathchoice"
)
# Text that is set once; amsmath sets the others in the four sizes of mathematics.
TEXT_BOXES = commands("mbox hbox fbox makebox framebox raisebox parbox")
#: Take an argument apart, token by token, and stumble over switches, tables, macros that do the same, and these.
BOLD = commands("boldsymbol bm")
NOT_IN_BOLD = commands(
    "boldsymbol bm operatorname operatorname* dfrac tfrac binom dbinom tbinom underset overset sideset mod substack "
    "phantom hphantom vphantom smash lefteqn llap rlap mathrlap mathllap mathclap raisebox makebox framebox hspace "
    "hspace* vspace vspace* mspace rule kern hskip mkern mskip raise lower smallskip medskip bigskip b c d "
    "prod coprod setminus dots iint iiint implies iff Longrightarrow Longleftarrow Longleftrightarrow l L AA"
)
#: TeX takes one of these, scripts and all, out of a group that holds nothing else (tex.web, section 1187).
TEX_ACCENTS = commands(
    "hat tilde bar vec dot ddot check breve acute grave mathring widehat widetilde widecheck"
)
INVISIBLE = commands("phantom hphantom vphantom")
# amsmath reads these arguments without braces of their own, so that an infix command in them would take hold of more.
OPEN_ARGUMENTS = {
    **dict.fromkeys(commands("frac dfrac tfrac cfrac binom dbinom tbinom"), frozenset([0, 1])),
    **dict.fromkeys(commands("pmod pod"), frozenset([0])),
}
LOOSE = r"\mod"  # the same, and nothing stands behind the argument

#: Commands with raw arguments: what each of these is.
LENGTHS = {
    **dict.fromkeys(commands("hspace hspace* vspace vspace*"), ("length",)),
    r"\mspace": ("mu",),
    r"\rule": ("length", "length"),
}
BARE_LENGTHS = {
    r"\kern": "length",
    r"\hskip": "length",
    r"\mkern": "mu",
    r"\mskip": "mu",
    r"\raise": "length",
    r"\lower": "length",
}
LABELS = commands("ref eqref cite")
LIFTS = commands("raise lower")
#: Boxes that \raise takes. The first two are plain text in braces, without dollars for the parser.
PLAIN_BOXES = commands("llap rlap")
BOXES = PLAIN_BOXES | commands("hbox")
#: The letter in brackets of commands that take one.
POSITIONS = {r"\cfrac": "lrc", r"\smash": "tb"}
#: Text commands with a width and a position in brackets before the text, and with gaps behind the first argument.
SIZED_BOXES = commands("makebox framebox")
RAISED_BOX = r"\raisebox"
DISPLAYED_TEXT = commands("intertext shortintertext tag tag*")

LENGTH_UNITS = UNITS - {"mu"}
#: Units of which ten or more would not fit the page that they are drawn on.
LARGE_UNITS = ("cm", "in", "pc", "cc")
TRUE_UNITS = frozenset("pt mm cm in".split())

#: Accents of text that LaTeX also draws on a character within a formula; \c on capitals, since TeX's own accent,
#: which small letters would get, is refused there.
DRAWN_TEXT_ACCENTS = commands("b c d")
CEDILLA = r"\c"
#: Accents of text that TeX refuses in a formula.
ACCENTS_OF_TEXT = frozenset(TEXT_ACCENTS) | commands("H t r k")

# What text may hold besides letters, digits and punctuation; not what some of its fonts lack (\dag).
TEXT_SYMBOLS = frozenset([r"\{", r"\}", r"\_", r"\%", r"\#", r"\$", r"\&"]) | commands(
    "L l O o AA aa AE ae OE oe ss i j ldots dots lbrack rbrack slash"
)
TEXT_SPACES = frozenset(["~", "\\"]) | commands(", ; : ! > quad qquad thinspace enspace enskip")
