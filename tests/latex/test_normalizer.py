from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import MAX_CHARACTERS, NORMALIZATION_RULES, normalize
from im2latex_fairseq.latex.tokenizer import tokenize

# Formulas of our own and what im2markup makes of their like; the forms that raw_and_normal pairs show.
BENCHMARK_STYLE = [
    ("x^2_i", "x _ { i } ^ { 2 }"),
    (r"{a\over b}", r"{ \frac { a } { b } }"),
    (r"a+b\over c", r"\frac { a + b } { c }"),
    (r"e^{2\over 1+x}", r"e ^ { \frac { 2 } { 1 + x } }"),
    (r"{{a}\over{b}}", r"{ \frac { a } { b } }"),
    (r"\left(a\over b\right)", r"\left( \frac { a } { b } \right)"),
    (r"{n\choose k}", r"{ \binom { n } { k } }"),
    ("f''(x)+g'", r"f ^ { \prime \prime } ( x ) + g ^ { \prime }"),
    (r"\hat N_3", r"\hat { N } _ { 3 }"),
    (r"\overline{z}", r"\overline { { z } }"),
    (r"{\rm const.}", r"\mathrm { c o n s t . }"),
    (r"x_{\rm eff}", r"x _ { \mathrm { e f f } }"),
    (r"{\cal L}_{\bf k}", r"{ \cal L } _ { \bf k }"),
    (r"{\bf\tilde x}", r"{ \bf \tilde { x } }"),
    (r"\mbox{for all}", r"\mathrm { f o r ~ a l l }"),
    (r"\hbox{Vol}_M", r"\mathrm { V o l } _ { M }"),
    (r"\sin x\cosh^2y", r"\operatorname { s i n } x \operatorname { c o s h } ^ { 2 } y"),
    (r"\lim_{x\to0}\max", r"\operatorname* { l i m } _ { x \to 0 } \operatorname* { m a x }"),
    (r"\left ( x \right \}", r"\left( x \right\}"),
    (r"\Big(x\Big)", r"\Big ( x \Big )"),
    (r"a\hskip 1.0cm b\hspace{-.15cm}c", r"a \hspace { 1 . 0 c m } b \hspace { - . 1 5 c m } c"),
    (
        r"\left(\begin{array}{cc}a&b\\c&d\end{array}\right)",
        r"\left( \begin{array} { c c } { a } & { b } \\ { c } & { d } \\ \end{array} \right)",
    ),
    (
        r"\pmatrix{1&0\cr0&1\cr}",
        r"\left( \begin{matrix} { 1 } & { 0 } \\ { 0 } & { 1 } \\ \end{matrix} \right)",
    ),
    (r"\,^{*}d", r"\, ^ { * } d"),
    (r"{}^xy", "{ } ^ { x } y"),
    (r"a\ \ b~c", r"a \ \ b ~ c"),
    (r"E=mc^2 .\label{einstein}", "E = m c ^ { 2 } ."),
    (r"%x=y", "x = y"),  # the first percent sign goes, as in the benchmark
    (r"x=y%z", "x = y"),
]


@pytest.mark.parametrize("formula, expected", BENCHMARK_STYLE)
def test_the_style_of_the_benchmark(formula, expected):
    assert " ".join(normalize(formula)) == expected


@pytest.mark.parametrize("formula", [expected for _, expected in BENCHMARK_STYLE])
def test_normal_forms_stay(formula):
    assert " ".join(normalize(formula)) == formula


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"\phi'^A", r"\phi ^ { \prime A }"),  # im2markup drops the prime
        (r"\rule{1pt}{2em}", r"\rule { 1 p t } { 2 e m }"),  # and makes `ule` of this
        (r"\frac12", r"\frac { 1 } { 2 }"),  # it leaves single arguments bare
        (r"\mathcal M", r"\mathcal { M }"),
        (r"\sqrt[3]{x}", r"\sqrt [ 3 ] { x }"),  # its index reads [object Object]
        (r"\int\limits_0^1", r"\int \limits _ { 0 } ^ { 1 }"),  # it drops what moves the limits
        (r"a\sp 2", "a ^ { 2 }"),  # it leaves the older names
        (r"\mbox{if $x>0$}", r"{ \mathrm { i f ~ } { x > 0 } }"),  # it sets a blank for every dollar
        (r"\mbox{\boldmath$\pi$}", r"{ \boldsymbol { \pi } }"),
        (r"x_{\mbox{\tiny max}}", r"x _ { { \scriptscriptstyle \mathrm { m a x } } }"),
        (r"x_{\mbox{max}}", r"x _ { \textstyle \mathrm { m a x } }"),  # a box keeps its size
        (r"x_{\text{max}}", r"x _ { \textrm { m a x } }"),  # and \text is the same as \textrm
        (r"a=b\nonumber", "a = b"),
        (r"\limsup", r"\operatorname* { l i m \, s u p }"),  # it loses the space
        (r"\cases{a&b\cr}", r"\begin{cases} { a } & { b } \\ \end{cases}"),  # it draws two braces
        (r"a\\b", "a { } b"),
        (r"a\ \quad\\\ b", r"a \ { } \ b"),  # LaTeX's line end takes one space away
        (r"a=b\\", "a = b"),
        (r"\\", r"\,"),
        (r"\operatorname{s i n}", r"\operatorname { s i n }"),
        (r"\textrm{for all}", r"\textrm { f o r ~ a l l }"),
    ],
)
def test_where_the_picture_is_followed_instead(formula, expected):
    assert " ".join(normalize(formula)) == expected
    assert " ".join(normalize(expected)) == expected


@pytest.mark.parametrize(
    "formula, expected",
    [
        (r"$x$", "x"),
        (r"$$x$$", "x"),
        (r"\[x\]", "x"),
        (r"\(x\)", "x"),
        (r"\begin{equation*}x\label{a}\end{equation*}", "x"),
        (
            r"\begin{equation}\begin{aligned}a&=b\end{aligned}\end{equation}",
            r"\begin{aligned} a & = b \end{aligned}",
        ),
    ],
)
def test_math_delimiters_around_the_whole_go(formula, expected):
    assert " ".join(normalize(formula)) == expected


@pytest.mark.parametrize(
    "formula, reason, position",
    [
        ("", "empty", 0),
        (" \n", "empty", 2),
        (r"\label{a}", "empty", 9),
        (r"x^{2", "unbalanced_braces", 2),
        (r"\label{a}x^{2", "unbalanced_braces", 11),  # found behind tokens that a rule dropped
        (r"x+\label{never", "unbalanced_braces", 2),
        ("x" * (MAX_CHARACTERS + 1), "formula_too_long", MAX_CHARACTERS),
        ("a\x00", "control_character", 1),
        ("ж", "unsupported_character", 0),
        (r"\begin{tabular}{c}a\end{tabular}", "unsupported_environment", 0),  # its cells are text
    ],
)
def test_refusals(formula, reason, position):
    with pytest.raises(LatexError) as caught:
        normalize(formula)
    assert (caught.value.reason, caught.value.position) == (reason, position)


def test_authors_macros_pass_through():
    assert normalize(r"\vx^2\norm{x}") == r"\vx ^ { 2 } \norm { x }".split()


def test_the_rules_are_an_ordered_list_of_named_functions():
    names = [rule.apply.__name__ for rule in NORMALIZATION_RULES]
    assert len(set(names)) == len(names) >= 12
    assert all(rule.apply.__doc__ for rule in NORMALIZATION_RULES)


# Structured formulas, as an author might type them.
ATOMS = (
    r"""x y 1 23 + - = < , . ( ] | * \alpha \Gamma \partial \cdots \to \infty \sum \int \sin \lim \det \limsup
    \, \; ~ \quad \{ \| \not \prime \foo \hbar \displaystyle \cal \bf \rm \it \hspace{1cm} \kern2pt \label{a}
    \nonumber \hfill \bmod \dots α ≤ ℝ ² ₁ ′ \rule{1pt}{2pt} \mbox{} \limits ' ''""".split()
    + ["\\ ", r"\mbox{ }"]
)
WORDS = [
    "a",
    "if ",
    " ",
    ", ",
    "-",
    "'",
    "$x^2$",
    r"\small ",
    r"{\bf b}",
    "$'$",
    r"\tiny ",
    "{a, b}",
    r"\textit{c}",
]
SHAPES = (
    r"""{@};\sqrt{@};\hat{@};\hat x;\overline{@};\overline\beta;\mathrm{@};\mathcal L;\operatorname{@};\frac{@}{@};
    \frac12;\frac{@}2;\stackrel{@}{@};\sqrt[3]{@};\sqrt[{@}]{@};{@}^{@};z_x'^{@};)^{@}_\beta;x\sp{@};{@\over@};
    {@\atop@};{@\choose@};{@\brack@};{@\above1pt@};\left(@\right];\left . @\right|;\mbox{#};\text{#};\textbf{#};
    \fbox{#};x_{\mbox{#}};\begin{array}{c|c}@&@\\@\end{array};\begin{pmatrix}@\\{@}\\\end{pmatrix};\pmatrix{@&@\cr};
    \begin{aligned}@&@\\@&@\\\end{aligned};\cases{@&@\cr@};\substack{@\\@};\phantom{@};\root@\of{@};@&@;@\\@;
    \ensuremath{@};\boldsymbol{@};\bm{@};\buildrel@\over{@}""".replace("\n", "")
    .replace("    ", "")
    .split(";")
)


@st.composite
def formulas(draw: st.DrawFn, depth: int = 3) -> str:
    """Atoms and shapes side by side; ``@`` in a shape is another formula, ``#`` is text."""
    pieces = []
    for _ in range(draw(st.integers(0, 3))):
        if depth and draw(st.booleans()):
            shape = draw(st.sampled_from(SHAPES))
            for part in shape:
                if part == "@":
                    pieces.append(" " + draw(formulas(depth - 1)))
                elif part == "#":
                    pieces += draw(st.lists(st.sampled_from(WORDS), max_size=4))
                else:
                    pieces.append(part)
        else:
            pieces.append(draw(st.sampled_from(ATOMS)))
        pieces.append(draw(st.sampled_from(["", " "])))
    return "".join(pieces)


@settings(max_examples=400, deadline=None)
@given(formulas())
def test_the_normal_form_is_stable(formula):
    tokens = normal_form_or_nothing(formula)
    line = " ".join(tokens)
    assert line.split() == tokens
    assert tokenize(line) == tokens
    assert not tokens or normalize(line) == tokens


RUBBLE = st.sampled_from([*ATOMS, *"{}^_&$%#[]", r"\\", r"\left(", r"\right)", r"\over", r"\mbox{"])


@settings(max_examples=200, deadline=None)
@given(st.lists(RUBBLE).map("".join))
def test_rubble_is_read_or_refused(formula):
    tokens = normal_form_or_nothing(formula)
    assert not tokens or normalize(" ".join(tokens)) == tokens


def normal_form_or_nothing(formula: str) -> list[str]:
    try:
        return normalize(formula)
    except LatexError:
        return []
