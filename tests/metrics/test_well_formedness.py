"""Balanced groups, compile rate, loops: tables that say why each row is there."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from im2latex_fairseq.metrics.metric import corpus_score
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.metrics.well_formedness import (
    BALANCED_RATE,
    COMPILE_RATE,
    REPETITION_RATE,
    ends_in_loop,
    has_balanced_groups,
)


@pytest.mark.parametrize(
    "tokens, balanced",
    [
        (r"\frac { a } { b }", True),
        ("", True),  # nothing is left open
        ("x ^ {", False),  # left open, as decoders do at the length limit
        ("x }", False),  # closed, never opened
        ("} {", False),  # as many, in the wrong order
        (r"\{ x", True),  # a brace that is drawn groups nothing
        (r"\begin{array} { c } x \end{array}", True),
        (r"\begin{array} { c } x \end{matrix}", False),  # another environment's end
        (r"\begin{array} { c } x", False),
        (r"x \end{array}", False),
        (r"{ \begin{array} { c } } \end{array}", False),  # crossed
        (r"\begin x \end", False),  # of which environment?
        (r"\left( x \right]", True),  # TeX asks for a pair, not for the same kind
        (r"\left( x", False),
        (r"x \right)", False),
        (r"\left\langle x \right.", True),
        (r"\left ( x \right )", True),  # as two tokens each
        (r"{ \left( } \right)", False),  # crossed
        (r"\left( \left[ x \right] \right)", True),  # nested
        (r"a \leftarrow b \rightarrow c \leftrightarrow d", True),  # arrows are no fences
        (r"\left\lfloor x \middle| y \right\rfloor", True),
    ],
)
def test_balanced_groups(tokens: str, balanced: bool) -> None:
    assert has_balanced_groups(tokens.split()) is balanced


def test_balanced_rate_is_of_the_hypotheses() -> None:
    pairs = [make_pair("1", "{x}", "{"), make_pair("2", "{x", "x"), make_pair("3", None, "x")]
    assert corpus_score(BALANCED_RATE, pairs) == pytest.approx(200 / 3)
    assert corpus_score(BALANCED_RATE, []) == 100.0


BLOCK = "a _ { 1 } +"  # six tokens


@pytest.mark.parametrize(
    "tokens, loop",
    [
        ("x " * 40, True),  # one token for ever
        ("y = " + "x " * 12, True),
        ("y = " + "x " * 11, False),  # three times and more, but short of twelve tokens
        ("y = " + f"{BLOCK} " * 3, True),  # a block three times
        ("y = " + f"{BLOCK} " * 2, False),  # twice is no loop
        ("y = " + f"{BLOCK} " * 3 + "a _", True),  # cut off by the length limit
        ("y = " + f"{BLOCK} " * 2 + "a _ { 1 }", False),  # not three whole times
        (f"{BLOCK} " * 5 + "b", False),  # came to an end after all
        (r"x ^ { a ^ { b ^ { c ^ { d } } } }", False),  # braces that must close
        (r"1 , 2 , . . . . .", False),  # dots
        (r"0 & 0 & 0 & 0 \\ 0 & 0", False),  # a matrix
        ("a b", False),
        ("", False),
    ],
)
def test_loops(tokens: str, loop: bool) -> None:
    assert ends_in_loop(tokens.split()) is loop


def test_what_a_loop_is_can_be_set() -> None:
    tokens = "a b a b".split()
    assert ends_in_loop(tokens, repeats=2, least_tokens=4)
    assert not ends_in_loop(tokens, repeats=2, least_tokens=5)
    assert not ends_in_loop(tokens, repeats=3, least_tokens=1)


def test_repetition_rate() -> None:
    pairs = [make_pair("1", "x " * 30, "x"), make_pair("2", "x", "x " * 30), make_pair("3", None, "x")]
    assert corpus_score(REPETITION_RATE, pairs) == pytest.approx(100 / 3)
    assert corpus_score(REPETITION_RATE, []) == 0.0  # lower is better: no pairs, no loops
    assert not REPETITION_RATE.higher_is_better


def test_compile_rate() -> None:
    ink = np.zeros((3, 4), np.uint8)
    drawn = replace(make_pair("1", "x", "y"), hypothesis_image=ink)
    failed = replace(make_pair("2", "x ^ {", "y"), hypothesis_render_error="unbalanced_braces: ...")
    # What draws pictures may draw a blank one of an empty hypothesis: it isn't a formula that compiles.
    missing = replace(make_pair("3", None, "y"), hypothesis_image=ink)
    empty = make_pair("4", "", "y")
    assert COMPILE_RATE.needs_images
    assert corpus_score(COMPILE_RATE, [drawn]) == 100.0
    assert corpus_score(COMPILE_RATE, [drawn, failed, missing, empty]) == 25.0


def test_compile_rate_of_what_was_never_drawn_is_refused() -> None:
    with pytest.raises(ValueError, match="page 7: the hypothesis was not rendered"):
        corpus_score(COMPILE_RATE, [make_pair("page 7", "x", "y")])
