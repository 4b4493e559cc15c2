from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.latex.rows import split_rows


@pytest.mark.parametrize(
    ("formula", "rows"),
    [
        ("x", ["x"]),
        (r"a &= b \\ &= c", ["a  = b", "= c"]),
        (r"a \\[2pt] b \\* c \\*[1ex] d", ["a", "b", "c", "d"]),
        (r"a \\ \\ b \\", ["a", "b"]),  # blank rows are none
        (
            r"\begin{pmatrix} a & b \\ c & d \end{pmatrix} \\ e",
            [r"\begin{pmatrix} a & b \\ c & d \end{pmatrix}", "e"],
        ),
        (r"\begin {cases} a \\ b \end {cases}", [r"\begin {cases} a \\ b \end {cases}"]),
        (r"\substack{a \\ b} \\ c", [r"\substack{a \\ b}", "c"]),
        (r"a \& b \\ c", [r"a \& b", "c"]),  # an escaped ampersand is a sign
        (r"\{ a \\ b \}", [r"\{ a", r"b \}"]),  # so are escaped braces
        (r"{a \\ b", [r"{a \\ b"]),  # broken nesting is left whole
        (r"a} \\ b", [r"a} \\ b"]),
        (r"\\", [r"\\"]),
        ("", [""]),
    ],
)
def test_rows(formula, rows):
    assert split_rows(formula) == rows


@given(st.lists(st.sampled_from(["a", "{b}", r"\alpha", "^", r"\{", r"\,", "2"]), min_size=1, max_size=8))
def test_a_formula_without_landmarks_stays_as_it_is(parts):
    formula = " ".join(parts)
    assert split_rows(formula) == [formula]
    assert split_rows(formula + r" \\ & " + formula) == [formula, formula]
