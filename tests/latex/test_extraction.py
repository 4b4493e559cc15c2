r"""Formulas found in LaTeX sources: where, which, and what is said of those that can't be read."""

from __future__ import annotations

import time

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.latex.extraction import collect_definitions, extract_formulas
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.source_text import (
    LineMappedText,
    decode_source,
    drop_unset_text,
    included_names,
)

PAPER = r"""\documentclass{article} % costs $5
\def\be{\begin{equation}} \def\ee{\end{equation}}
\newcommand{\beql}[1]{\begin{equation}\label{#1}}
\newcommand{\bra}[2][x]{\langle #1 | #2 $ $ \rangle}
\newenvironment{eqn}{\begin{align}}{\end{align}}
\let\bea\eqnarray \let\eea=\endeqnarray
\begin{document}
It costs \$5, and $a % not $b$
 +b$ at line 8; $$ x = y $$ \verb|$z$| \[ \mbox{if $x>0$ then} q \]
\be
 E = mc^2
\ee
\beql{foo} F=ma \ee
\begin{eqn} a &= b \\ c &= d \end{eqn}
\bea x &=& y \nonumber\\ &=& z \eea
\begin{verbatim}
 $ no $
\end{verbatim}
\iffalse $ hidden $ \iftrue x \fi $ x \iff y $ \fi
\begin{gather*} p \\[5pt]
   q \end{gather*}
\\[5pt] \( u \) text
\end{document}
$after$
"""


def test_a_paper() -> None:
    extraction = extract_formulas(PAPER)
    found = [
        (formula.line, formula.environment, formula.kind, formula.text) for formula in extraction.formulas
    ]
    assert found == [
        (8, "$", "inline", "a +b"),
        (9, "$$", "display", "x = y"),
        (9, r"\[", "display", r"\mbox{if $x>0$ then} q"),
        (10, "equation", "display", "E = mc^2"),
        (13, "equation", "display", r"\label{foo} F=ma"),
        (14, "align", "display", r"\begin{aligned} a & = b \\ c & = d \end{aligned}"),
        (
            15,
            "eqnarray",
            "display",
            r"\begin{array}{rcl} {\displaystyle x} & {\displaystyle =} & {\displaystyle y} \\"
            r"  & {\displaystyle =} & {\displaystyle z} \end{array}",
        ),
        (20, "gather*", "display", r"\begin{gathered} p \\ q \end{gathered}"),
        (22, r"\(", "inline", "u"),
    ]
    assert extraction.problems == []


def test_rows_can_be_formulas_of_their_own() -> None:
    texts = [formula.text for formula in extract_formulas(PAPER, rows="split").formulas]
    assert texts[5:10] == ["a = b", "c = d", "x = y", "= z", "p"]


SOURCES = [
    # source, formulas
    ("$x$", ["x"]),
    (r"\$5 and $x$ and \\$y$", ["x", "y"]),  # \\ is a line end, its second half escapes nothing
    (r"\\[2pt] $x$", ["x"]),  # a line end with an argument, no display
    ("$a$$b$", ["a", "b"]),
    ("$$a$$$b$", ["a", "b"]),
    (r"\begin{equation*}a\end{equation*}", ["a"]),
    (r"\begin {align} a \end {align}", ["a"]),
    (r"\equation a \endequation", ["a"]),
    (r"\begin{math} a \end{math}", ["a"]),
    (r"\begin{align} a&=b \end{align}", ["a =b"]),  # a single row needs no table
    (r"\begin{align} a \\ \label{x} \nonumber \end{align}", ["a"]),  # a row of marks alone is none
    (r"\begin{multline} a \\ b \end{multline}", [r"\begin{gathered} a \\ b \end{gathered}"]),
    (r"\begin{alignat}{2} a&b \\ c&d \end{alignat}", [r"\begin{aligned} a & b \\ c & d \end{aligned}"]),
    (
        r"\begin{align} \begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} {a \\ b} \end{align}",
        [r"\begin{pmatrix} 1 & 2 \\ 3 & 4 \end{pmatrix} {a \\ b}"],  # row ends inside belong to the inside
    ),
    (r"$\text{if $y$}$", [r"\text{if $y$}"]),
    ("a % $x$\n$y$", ["y"]),
    (r"50\% of $x$", ["x"]),
    ("$\\alpha%\nbeta$", [r"\alpha beta"]),  # TeX reads two words
    ("$a%\n  b$", ["ab"]),
    (r"\verb!$! $x$", ["x"]),
    (r"\begin{lstlisting} $no$ \end{lstlisting} $x$", ["x"]),
    (r"\begin{comment} $no$ \end{comment} $x$", ["x"]),
    (r"\begin{verbatim} $no$", []),  # unclosed: TeX reads on as well
    (r"\newcommand{\foo}{$no$} $x$", ["x"]),
    (r"\def\foo#1{$no$} $x$", ["x"]),
    (r"\newcommand*\foo[2][$no$]{$no$} $x$", ["x"]),
    (r"\newtheorem{t}{Theorem $n$}[section] $x$", ["x"]),
    (r"\def\eq#1\par{...} $x$", ["x"]),  # delimited parameters
    (r"\def\ba{\be} \def\be{\begin{equation}} \be x \end{equation}", ["x"]),
    (r"\def\be{\begin{equation}} \def\ba{\be} \ba x \end{equation}", ["x"]),  # an alias of an alias
    (r"\newcommand{\eqn}[1]{\begin{equation}#1\end{equation}} \eqn{x^2} \eqn y", ["x^2", "y"]),
    (r"\newcommand{\eqn}[2][k]{\begin{equation}#1#2\end{equation}} \eqn{x} \eqn[q]{y}", ["kx", "qy"]),
    (r"\def\be{\beta} $\be$", [r"\be"]),  # an ordinary macro is the normaliser's business
    (r"\def\bs{\[} \def\es{\]} \bs x \es", ["x"]),
    ("$x$\r\n$y$\r$z$", ["x", "y", "z"]),
    ("$a\u2028\x0c b$", ["a b"]),
    ("no formula at all", []),
    ("", []),
]


@pytest.mark.parametrize("source, formulas", SOURCES)
def test_finds(source: str, formulas: list[str]) -> None:
    extraction = extract_formulas(source.replace("\r\n", "\n").replace("\r", "\n"))
    assert [formula.text for formula in extraction.formulas] == formulas
    assert extraction.problems == []


PROBLEMS = [
    # source, reason, line, formulas that are still found
    ("$x\n\ny $z$", "paragraph_in_formula", 1, ["z"]),
    ("a\n$$ x $ y", "dollar_in_formula", 2, []),
    ("$x", "unclosed", 1, []),
    (r"\[ x", "unclosed", 1, []),
    (r"$x}$ \(y\)", "unbalanced_braces", 1, []),
    (r"\begin{align} \begin{cases} \end{align} \(y\)", "environments_crossed", 1, ["y"]),
    (r"\begin{equation} x \end{align} \(y\)", "environments_crossed", 1, ["y"]),
    (r"$ $ \(y\)", "empty", 1, ["y"]),
    (r"\begin{align} a \intertext{and} b \end{align}", "intertext", 1, []),
    ("\\(" + "x" * 30_000 + "\\)", "too_long_or_unclosed", 1, []),
]


@pytest.mark.parametrize("source, reason, line, formulas", PROBLEMS)
def test_says_what_it_could_not_read(source: str, reason: str, line: int, formulas: list[str]) -> None:
    extraction = extract_formulas(source)
    assert [(problem.reason, problem.line) for problem in extraction.problems][:1] == [(reason, line)]
    assert [formula.text for formula in extraction.formulas] == formulas


def test_definitions_of_another_file_hold() -> None:
    definitions = collect_definitions(
        "% \\def\\no{}\n\\def\\be{\\begin{equation}} text \\newcommand\\R{\\mathbb{R}}"
    )
    assert definitions == ["\\def\\be{\\begin{equation}}", "\\newcommand\\R{\\mathbb{R}}"]
    extraction = extract_formulas(r"\be \R \end{equation}", definitions="\n".join(definitions))
    assert [formula.text for formula in extraction.formulas] == [r"\R"]


def test_lines_are_right_behind_comments_blocks_and_replaced_macros() -> None:
    source = (
        "\n% c\n  % c\n\\begin{verbatim}\n\n\\end{verbatim}\n\\def\\be{\\begin{equation}}%\n\\iffalse\n\n\\fi\n"
        "\\be\nx\n\\end{equation} $y$"
    )
    found = [(formula.text, formula.line) for formula in extract_formulas(source).formulas]
    assert found == [("x", 11), ("y", 13)]


def test_a_comment_before_an_empty_line_leaves_the_paragraph() -> None:
    assert drop_unset_text("a % c\n\nb").text == "a \n\nb"
    assert drop_unset_text("a % c\nb").text == "a b"


def test_bytes_become_text() -> None:
    assert decode_source("é\r\nx\ry".encode()) == "é\nx\ny"
    assert decode_source(b"caf\xe9") == "café"  # not UTF-8: ISO-8859-1
    assert decode_source(b"\xef\xbb\xbfx") == "x"


def test_included_names() -> None:
    source = r"\input{a} \input b.tex \include{c/d} \usepackage[x]{e,f} \inputx{no} \documentclass{g}"
    assert included_names(source) == ["a", "b.tex", "c/d", "e", "f", "g"]


@settings(deadline=None, max_examples=60)
@given(st.lists(st.tuples(st.text("ab\n", max_size=6), st.integers(1, 50)), max_size=8))
def test_every_character_knows_its_line(pieces: list[tuple[str, int]]) -> None:
    mapped = LineMappedText()
    expected: list[int] = []
    for text, line in pieces:
        mapped.append(text, line)
        for character in text:
            expected.append(line)
            line += character == "\n"
    assert [mapped.line_at(offset) for offset in range(len(mapped.text))] == expected
    copy = LineMappedText()
    copy.append_part(mapped, 0, len(mapped.text))
    assert [copy.line_at(offset) for offset in range(len(copy.text))] == expected


SHARDS = st.sampled_from(
    [
        "$",
        "$$",
        r"\[",
        r"\]",
        r"\(",
        r"\)",
        "{",
        "}",
        "%",
        "\n",
        "\n\n",
        "x",
        " ",
        r"\begin{align}",
        r"\end{align}",
        "&",
    ]
    + [
        r"\\",
        r"\def\be{\begin{equation}}",
        r"\be",
        r"\end{equation}",
        r"\verb|",
        "|",
        r"\iffalse",
        r"\fi",
        r"\newcommand",
    ]
    + [
        r"\begin{verbatim}",
        r"\end{verbatim}",
        r"\begin{document}",
        "[1]",
        "#1",
        r"\let\a=",
        "\\",
        r"\newenvironment{e}",
    ]
)


@settings(deadline=None, max_examples=60)
@given(st.lists(SHARDS, max_size=30).map("".join))
def test_any_source_is_read(source: str) -> None:
    extraction = extract_formulas(source)
    lines = source.count("\n") + 1
    for formula in extraction.formulas:
        assert formula.text.strip()
        assert "\n" not in formula.text
        assert 1 <= formula.line <= lines
    for problem in extraction.problems:
        assert 1 <= problem.line <= lines


@pytest.mark.parametrize(
    "piece",
    [
        "$",
        r"\[",
        "$$",
        "{",
        r"\begin{align}",
        r"\begin{verbatim}",
        r"\def\x{",
        r"\iffalse ",
        r"\verb|",
        "%",
        r"\newcommand{\a}{\[",
    ],
)
def test_time_stays_linear_for_hostile_files(piece: str) -> None:
    started = time.process_time()
    extract_formulas("x " + piece * (50_000 // len(piece)))
    assert time.process_time() - started < 5


def test_what_is_extracted_can_be_normalised() -> None:
    for formula in extract_formulas(PAPER).formulas:
        assert normalize(formula.text)
