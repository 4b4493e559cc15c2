r"""What can be said of a formula before TeX sees it: unreadable, ordinary, or one that gets a TeX process to itself."""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|[\s\S]|$)|[{}%]|\n")
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_ESCAPED = re.compile(r"\\\\|\\%")
_MAX_CHARACTERS = 20_000
_MAX_DEPTH = 100

# Environments of amsmath and article; another one may be any macro's name in disguise: \begin{gdef}.
_ENVIRONMENTS = frozenset(
    [
        "align",
        "alignat",
        "aligned",
        "alignedat",
        "array",
        "Bmatrix",
        "bmatrix",
        "cases",
        "CD",
        "center",
        "displaymath",
        "eqnarray",
        "equation",
        "flalign",
        "gather",
        "gathered",
        "math",
        "matrix",
        "minipage",
        "multline",
        "pmatrix",
        "smallmatrix",
        "split",
        "subarray",
        "subequations",
        "tabular",
        "Vmatrix",
        "vmatrix",
        "xalignat",
        "xxalignat",
    ]
)

# Names through which a formula can change what comes after it, or talk to the outside. Not a matter of safety
# (the process is confined): of not disturbing its neighbours.
_DISTURBING = frozenset(
    # global assignments and definitions
    "global gdef xdef globaldefs setcounter addtocounter stepcounter refstepcounter newcounter newlength newsavebox "
    "newcount newdimen newskip newmuskip newbox newtoks newread newwrite newfam newif newinsert newlanguage newfont "
    "font fontdimen hyphenchar skewchar savebox sbox usebox textfont scriptfont scriptscriptfont "
    # names and characters in disguise
    "csname endcsname catcode mathcode delcode lccode uccode sfcode makeatletter makeatother uppercase lowercase "
    "MakeUppercase MakeLowercase verb ExplSyntaxOn ExplSyntaxOff aftergroup afterassignment futurelet scantokens "
    "string detokenize meaning expandafter noexpand begingroup endgroup nameuse "
    # conditionals, which can skip what follows
    "if ifx ifnum ifdim ifcat ifodd ifmmode ifvmode ifhmode ifinner iftrue iffalse ifcase ifvoid ifhbox ifvbox ifeof "
    "ifdefined ifcsname iffontchar ifthenelse unless else fi or newif loop repeat "
    # the run itself: input, output, modes, pages, tracing
    "input include endinput openin openout closein closeout read readline write immediate special message errmessage "
    "typeout typein show showthe showbox showlists batchmode nonstopmode scrollmode errorstopmode interactionmode "
    "shipout output end bye dump everypar everymath everydisplay everyhbox everyvbox everycr everyjob everyeof "
    "tracingall tracingonline tracingmacros escapechar endlinechar newlinechar deadcycles pagestyle thispagestyle "
    "newpage clearpage eject mag insert mark vsplit vadjust jobname primitive documentclass usepackage "
    "AtBeginDocument AtEndDocument bibliography cite footnote footnotemark marginpar maketitle tableofcontents "
    "DeclareMathAlphabet DeclareSymbolFont SetSymbolFont DeclareMathSymbol DeclareMathAccent DeclareMathVersion "
    "mathversion unhbox unvbox unskip unkern unpenalty lastbox aligntab hline noalign omit span crcr "
    "count dimen skip muskip toks box copy setbox".split()
)
# Ordinary in tables, though TeX can be made to loop by them: judged by where they stand.
_TABLE_COMMANDS = frozenset({"hline", "noalign", "omit", "span", "crcr"})


def why_unreadable(formula: str) -> str | None:
    """Return the reason, "slug: detail", why TeX can't read the formula, or None.

    Unbalanced braces and environments would make TeX read on into the next formula; they are found here for sure
    and at no cost.
    """
    if not formula.strip():
        return "empty: no formula"
    if len(formula) > _MAX_CHARACTERS:
        return f"too_long: {len(formula)} characters, at most {_MAX_CHARACTERS} are rendered"
    if "\0" in formula:
        return "invalid_character: a null character"
    depth = 0
    in_comment = False
    for match in _TOKEN.finditer(formula):
        token = match.group()
        if token == "\n":
            in_comment = False
        elif in_comment:
            continue
        elif token == "%":
            in_comment = True
        elif token == "{":
            depth += 1
            if depth > _MAX_DEPTH:
                return f"too_deep: braces nested deeper than {_MAX_DEPTH} at character {match.start()}"
        elif token == "}":
            depth -= 1
            if depth < 0:
                return f"unbalanced_braces: }} without {{ at character {match.start()}"
    if depth:
        return f"unbalanced_braces: {depth} {{ without }}"
    return _why_environments_unbalanced(formula)


def _why_environments_unbalanced(formula: str) -> str | None:
    open_names: list[str] = []
    for match in _ENVIRONMENT.finditer(_ESCAPED.sub("  ", formula)):
        name = re.sub(r"\s", "", match.group(2))
        if match.group(1) == "begin":
            open_names.append(name)
        elif not open_names:
            return f"unbalanced_environment: \\end{{{name}}} without \\begin"
        elif open_names.pop() != name:
            return f"unbalanced_environment: \\end{{{name}}} closes another environment"
    if open_names:
        return f"unbalanced_environment: \\begin{{{open_names[-1]}}} without \\end"
    return None


def needs_own_process(formula: str) -> bool:
    """Tell whether the formula holds anything that could change how formulas behind it are read."""
    if "^^" in formula:
        return True
    for match in _TOKEN.finditer(formula):
        word = match.group()[1:]
        if word == "end":
            continue  # only before {name}: checked below
        if word in _DISTURBING and word not in _TABLE_COMMANDS:
            return True
    bare_end = len(re.findall(r"\\(?:begin|end)(?![A-Za-z])", formula))
    environments = _ENVIRONMENT.findall(formula)
    if bare_end != len(environments):
        return True
    return any(re.sub(r"[\s*]", "", name) not in _ENVIRONMENTS for _, name in environments)
