r"""What can be said of a formula before TeX sees it.

It may be unreadable, ordinary, or of a kind that gets a TeX process to itself.
"""

from __future__ import annotations

import re

_TOKEN = re.compile(r"\\(?:[A-Za-z]+|[\s\S]|$)|[{}%]|\n")
_ENVIRONMENT = re.compile(r"\\(begin|end)\s*\{([^{}]*)\}")
_ENVIRONMENT_COMMAND = re.compile(r"\\(?:begin|end)(?![A-Za-z])")
_ESCAPED = re.compile(r"\\\\|\\%")
_COMMENT = re.compile(r"(?<!\\)((?:\\\\)*)%[^\n]*")
_MAX_CHARACTERS = 20_000
_MAX_DEPTH = 100

# Environments of amsmath and article. Another name may be any macro in disguise: \begin{gdef}.
_ENVIRONMENTS = frozenset(
    """
    Bmatrix Vmatrix align alignat aligned alignedat array bmatrix cases center displaymath eqnarray equation
    flalign gather gathered math matrix minipage multline pmatrix smallmatrix split subarray subequations
    tabular vmatrix xalignat xxalignat
    """.split()
)

# Names through which a formula can change what comes after it, or talk to the outside. This is not a matter of
# safety (the process is confined) but of not disturbing neighbours.
_DISTURBING = frozenset(
    """
    global gdef xdef globaldefs setcounter addtocounter stepcounter refstepcounter newcounter newlength newsavebox
    newcount newdimen newskip newmuskip newbox newtoks newread newwrite newfam newif newinsert newlanguage newfont
    font fontdimen hyphenchar skewchar savebox sbox usebox textfont scriptfont scriptscriptfont hyphenation patterns
    count dimen skip muskip toks box copy setbox unhbox unvbox unskip unkern unpenalty lastbox vsplit insert mark

    csname endcsname catcode mathcode delcode lccode uccode sfcode makeatletter makeatother uppercase lowercase
    MakeUppercase MakeLowercase verb ExplSyntaxOn ExplSyntaxOff aftergroup afterassignment futurelet scantokens
    string detokenize meaning expandafter noexpand begingroup endgroup bgroup egroup

    if ifx ifnum ifdim ifcat ifodd ifmmode ifvmode ifhmode ifinner iftrue iffalse ifcase ifvoid ifhbox ifvbox ifeof
    ifdefined ifcsname iffontchar ifthenelse unless else fi or loop repeat

    input include endinput openin openout closein closeout read readline write immediate special message errmessage
    typeout typein show showthe showbox showlists batchmode nonstopmode scrollmode errorstopmode interactionmode
    shipout output bye dump everypar everymath everydisplay everyhbox everyvbox everycr everyjob everyeof
    tracingall tracingonline tracingmacros escapechar endlinechar newlinechar deadcycles pagestyle thispagestyle
    newpage clearpage eject mag vadjust primitive pdfprimitive documentclass usepackage AtBeginDocument
    AtEndDocument bibliography footnote footnotemark marginpar maketitle tableofcontents
    DeclareMathAlphabet DeclareSymbolFont SetSymbolFont DeclareMathSymbol DeclareMathAccent DeclareMathVersion
    """.split()
)


def why_unreadable(formula: str) -> str | None:
    """Return the reason, "slug: detail", why TeX can't read the formula, or None.

    Unbalanced braces and environments would make TeX read on into the next formula; they are found here for sure
    and at no cost.
    """
    if not formula.strip():
        return "empty: no formula"
    if len(formula) > _MAX_CHARACTERS:
        return f"too_long: {len(formula)} characters, at most {_MAX_CHARACTERS} are rendered"
    for position, character in enumerate(formula):
        if character == "\0" or "\ud800" <= character <= "\udfff":
            return f"invalid_character: U+{ord(character):04X} at character {position}"
    return _why_braces_unbalanced(formula) or _why_environments_unbalanced(formula)


def _why_braces_unbalanced(formula: str) -> str | None:
    depth = 0
    in_comment = False
    for match in _TOKEN.finditer(formula):
        token = match.group()
        if in_comment:
            # A backslash before it doesn't keep a line from ending.
            in_comment = not token.endswith("\n")
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
    return f"unbalanced_braces: {depth} {{ without }}" if depth else None


def _why_environments_unbalanced(formula: str) -> str | None:
    open_names: list[str] = []
    for match in _ENVIRONMENT.finditer(_ESCAPED.sub("  ", _COMMENT.sub(r"\1", formula))):
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
    if "^^" in formula:  # TeX's notation for any character
        return True
    if any(match.group()[1:] in _DISTURBING for match in _TOKEN.finditer(formula)):
        return True
    environments = _ENVIRONMENT.findall(formula)
    if len(_ENVIRONMENT_COMMAND.findall(formula)) != len(environments):
        return True  # a bare \end ends the run
    return any(re.sub(r"[\s*]", "", name) not in _ENVIRONMENTS for _, name in environments)
