r"""What TeX takes a symbol for: its class of atom, which decides the space around it.

The formatter may drop a pair of braces only where TeX would set the same line without it, and for that it
has to know what the braces hold (The TeXbook, chapters 17 and 18). The tables name what LaTeX with amsmath
and amssymb defines; a command they don't name has no known class, and whatever holds it is left as it was.
"""

from __future__ import annotations


def commands(names: str) -> frozenset[str]:
    r"""`"alpha beta"` -> `{r"\alpha", r"\beta"}`: tables that a person can read."""
    return frozenset("\\" + name for name in names.split())


ORDINARY = "ordinary"
OPERATOR = "operator"
BINARY = "binary"
RELATION = "relation"
OPENING = "opening"
CLOSING = "closing"
PUNCTUATION = "punctuation"
INNER = "inner"
SPACE = "space"  # glue and kerns, which are no atoms at all

# A single character or `\mathchardef`: TeX takes it as it is after ^ or _, braces or none.
ORDINARY_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789")
ORDINARY_SYMBOLS = commands(
    "alpha beta gamma delta epsilon varepsilon zeta eta theta vartheta iota kappa lambda mu nu xi pi "
    "varpi rho varrho sigma varsigma tau upsilon phi varphi chi psi omega Gamma Delta Theta Lambda Xi "
    "Pi Sigma Upsilon Phi Psi Omega infty partial ell wp Re Im aleph imath jmath nabla emptyset "
    "forall exists top bot natural flat sharp clubsuit diamondsuit heartsuit spadesuit beth gimel "
    "daleth digamma varkappa varnothing square lozenge nexists hslash"
)
# Ordinary too, but macros or characters that stand as an atom of another kind after ^ or _.
OTHER_ORDINARY = frozenset(["/", "|", "@"]) | commands(
    r"hbar | prime surd angle vert Vert backslash neg lnot triangle _ % # $ &"
)
BINARY_SYMBOLS = frozenset(["+", "-", "*"]) | commands(
    "pm mp times div ast star circ bullet cdot cap cup uplus sqcap sqcup vee lor wedge land setminus "
    "wr diamond bigtriangleup bigtriangledown triangleleft triangleright oplus ominus otimes oslash "
    "odot bigcirc amalg dagger ddagger"
)
RELATION_SYMBOLS = frozenset(["=", "<", ">", ":"]) | commands(
    "leq le geq ge equiv sim simeq approx asymp cong propto subset supset subseteq supseteq "
    "sqsubseteq sqsupseteq in ni owns perp parallel mid ll gg prec succ preceq succeq vdash dashv "
    "models smile frown doteq neq ne notin rightarrow to leftarrow gets leftrightarrow Rightarrow "
    "Leftarrow Leftrightarrow longrightarrow longleftarrow longleftrightarrow Longrightarrow "
    "Longleftarrow Longleftrightarrow mapsto longmapsto hookrightarrow hookleftarrow uparrow "
    "downarrow updownarrow Uparrow Downarrow nearrow searrow swarrow nwarrow rightharpoonup "
    "rightharpoondown leftharpoonup leftharpoondown rightleftharpoons iff implies leqslant geqslant "
    "lesssim gtrsim"
)
OPENING_SYMBOLS = frozenset(["(", "[", r"\{"]) | commands("lbrace lbrack langle lfloor lceil lvert lVert")
CLOSING_SYMBOLS = frozenset([")", "]", "!", "?", r"\}"]) | commands(
    "rbrace rbrack rangle rfloor rceil rvert rVert"
)
PUNCTUATION_SYMBOLS = frozenset([",", ";", r"\colon"])
OPERATOR_SYMBOLS = commands(
    "sum prod coprod int iint iiint oint bigcap bigcup bigsqcup bigvee bigwedge bigodot bigoplus "
    "bigotimes biguplus smallint"
)
INNER_SYMBOLS = frozenset([r"\ldots", r"\cdots", r"\vdots", r"\ddots", r"\dots"])
SPACE_SYMBOLS = frozenset(["\\", "~"]) | commands(
    ", ; : ! > quad qquad thinspace medspace thickspace enspace enskip nobreak"
)

ATOM_CLASSES: dict[str, str] = {
    **dict.fromkeys(ORDINARY_CHARACTERS | ORDINARY_SYMBOLS | OTHER_ORDINARY | {"."}, ORDINARY),
    **dict.fromkeys(BINARY_SYMBOLS, BINARY),
    **dict.fromkeys(RELATION_SYMBOLS, RELATION),
    **dict.fromkeys(OPENING_SYMBOLS, OPENING),
    **dict.fromkeys(CLOSING_SYMBOLS, CLOSING),
    **dict.fromkeys(PUNCTUATION_SYMBOLS, PUNCTUATION),
    **dict.fromkeys(OPERATOR_SYMBOLS, OPERATOR),
    **dict.fromkeys(INNER_SYMBOLS, INNER),
    **dict.fromkeys(SPACE_SYMBOLS, SPACE),
}

# What stands after ^ or _ without braces and still reads well: single characters and names of symbols that
# TeX defines as one character. `\dag`, `\hbar` or `\dots`, macros that expand to more, would break there.
BARE_SCRIPTS = (
    ORDINARY_CHARACTERS
    | ORDINARY_SYMBOLS
    | {"+", "-", "*"}
    | commands("pm mp ast star circ bullet dagger ddagger times otimes oplus perp parallel")
)

# Commands and how many braced arguments each takes, with the class of the atom they make (None: not said).
ARGUMENT_COMMANDS: dict[str, tuple[int, str | None]] = {
    r"\frac": (2, ORDINARY),
    r"\dfrac": (2, ORDINARY),
    r"\tfrac": (2, ORDINARY),
    r"\cfrac": (2, None),
    r"\binom": (2, None),
    r"\dbinom": (2, None),
    r"\tbinom": (2, None),
    r"\sqrt": (1, ORDINARY),
    **dict.fromkeys(
        commands(
            "bar hat tilde vec dot ddot check breve acute grave mathring widehat widetilde overline "
            "underline mathrm mathbf mathsf mathtt mathit mathcal mathbb mathfrak mathscr"
        ),
        (1, ORDINARY),
    ),
    **dict.fromkeys(
        commands(
            "dddot ddddot boldsymbol operatorname operatorname* bm pmb mathnormal overbrace underbrace "
            "overrightarrow overleftarrow overleftrightarrow underrightarrow underleftarrow phantom "
            "hphantom vphantom smash boxed fbox mathop mathbin mathrel mathord mathopen mathclose "
            "mathpunct mathinner pmod pod bmod lefteqn rlap llap mathrlap mathllap substack xrightarrow "
            "xleftarrow not text textrm textbf textit textsf texttt textup textsc textsl textnormal "
            "textmd emph mbox hbox hspace hspace* vspace hskip kern mkern label tag tag* ref begin end "
            "not big Big bigg Bigg bigl Bigl biggl Biggl bigr Bigr biggr Biggr bigm Bigm biggm Biggm"
        ),
        (1, None),
    ),
    **dict.fromkeys(commands("stackrel overset underset rule textcolor raisebox buildrel"), (2, None)),
}
ACCENTS = commands(
    "bar hat tilde vec dot ddot dddot ddddot check breve acute grave mathring widehat widetilde"
)
