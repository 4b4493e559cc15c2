"""When two formulas count as the same, for keeping evaluation formulas out of training data."""

from __future__ import annotations

import re
from collections.abc import Sequence

# What changes the look but not which formula it is: left out before comparing.
_FONTS = frozenset(
    r"""\rm \bf \it \cal \sf \tt \sl \sc \em \mit \mathrm \mathbf \mathit \mathcal \mathsf \mathtt \mathbb \mathfrak
    \mathscr \mathnormal \boldsymbol \bm \pmb \boldmath \unboldmath \frak \Bbb \textrm \textbf \textit \textsf
    \texttt \textnormal \textup \textsl \emph \text \mbox \hbox \fbox \operatorname \operatorname*
    \operatornamewithlimits
    \mathop \mathrel \mathbin \mathord \mathopen \mathclose \mathpunct \mathinner \ensuremath \mathstrut \strut
    \rmfamily \bfseries \itshape \protect \relax \vcenter""".split()
)
_SPACING = frozenset(
    r"""\, \: \; \! \> \  \/ ~ \ \quad \qquad \enspace \enskip \thinspace \medspace \thickspace \negthinspace
    \negmedspace \negthickspace \allowbreak \nobreak \hfill \hfil \null \space \nobreakspace \break \noindent
    \hspace \hspace* \vspace \vspace* \hskip \vskip \kern \mkern \mskip \smallskip \medskip \bigskip""".split()
)
_SPACING_WITH_LENGTH = frozenset(r"\hspace \hspace* \vspace \vspace*".split())
_SIZING = frozenset(
    r"""\displaystyle \textstyle \scriptstyle \scriptscriptstyle \tiny \scriptsize \footnotesize \small
    \normalsize \large \Large \LARGE \huge \Huge \limits \nolimits \displaylimits""".split()
)
_IGNORED = _FONTS | _SPACING | _SIZING | {"{", "}"}

# Other names of the same sign.
_ALIASES = {
    r"\dfrac": r"\frac",
    r"\tfrac": r"\frac",
    r"\le": r"\leq",
    r"\ge": r"\geq",
    r"\ne": r"\neq",
    r"\to": r"\rightarrow",
    r"\gets": r"\leftarrow",
    r"\lbrace": r"\{",
    r"\rbrace": r"\}",
    r"\lbrack": "[",
    r"\rbrack": "]",
    r"\vert": "|",
    r"\mid": "|",
    r"\lvert": "|",
    r"\rvert": "|",
    r"\Vert": r"\|",
    r"\parallel": r"\|",
    r"\lVert": r"\|",
    r"\rVert": r"\|",
    r"\ast": "*",
    r"\colon": ":",
    r"\land": r"\wedge",
    r"\lor": r"\vee",
    r"\lnot": r"\neg",
    r"\owns": r"\ni",
    r"\dots": r"\ldots",
    r"\cdots": r"\ldots",
    r"\dotsc": r"\ldots",
    r"\dotsb": r"\ldots",
    r"\widetilde": r"\tilde",
    r"\widehat": r"\hat",
    r"\overline": r"\bar",
    r"\prime": "'",
}
# Spelt out, `l n` in upright letters is `\ln`.
_FUNCTIONS = frozenset(
    r"""\arccos \arcsin \arctan \arg \cos \cosh \cot \coth \csc \deg \det \dim \exp \gcd \hom \inf \ker \lg \lim
    \liminf \limsup \ln \log \max \min \Pr \sec \sin \sinh \sup \tan \tanh""".split()
)
_SIZED_DELIMITER = re.compile(r"\\(?:left|right|middle|[bB]igg?[lrm]?)(?![a-zA-Z])")
_TRAILING_PUNCTUATION = ".,;:"


def comparison_key(tokens: Sequence[str]) -> str:
    r"""What is left of a formula without spaces, braces, fonts, spacing and sizing commands.

    Two formulas with the same key are taken as the same, so that none of them may be in both an evaluation
    split and the training data. It errs on the strict side: aliases (`\le`, `\leq`), spelt-out functions
    (`l n`, `\ln`) and final punctuation make no difference either, and `x _ { i j }` equals `x _ i j`.

    Args:
        tokens: Normalised tokens.

    Returns:
        The key; empty if nothing visible is left.
    """
    parts: list[str] = []
    position = 0
    while position < len(tokens):
        token = tokens[position]
        position += 1
        if token in _SPACING_WITH_LENGTH and position < len(tokens) and tokens[position] == "{":
            while position < len(tokens) and tokens[position] != "}":
                position += 1
            continue
        if (sized := _SIZED_DELIMITER.match(token)) is not None:
            # The benchmark writes `\\left(` as one token, other sources as two.
            token = token[sized.end() :]
            if token == "" and position < len(tokens) and tokens[position] == ".":
                position += 1
            if token in ("", "."):  # `\\left.` draws nothing
                continue
        if token in _IGNORED:
            continue
        token = _ALIASES.get(token, token)
        parts.append(token[1:] if token in _FUNCTIONS else token)
    return "".join(parts).replace("^'", "'").rstrip(_TRAILING_PUNCTUATION)
