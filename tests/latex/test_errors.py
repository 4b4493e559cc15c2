from __future__ import annotations

import pickle

import pytest

from im2latex_fairseq.latex.errors import LatexError, excerpt


def test_the_message_says_what_where_and_what_to_do():
    error = LatexError(
        "unbalanced_braces", "'{' that is never closed", position=2, formula="x^{2", hint="close it"
    )
    assert str(error) == "unbalanced_braces: '{' that is never closed at offset 2, near 'x^{2'; close it"
    assert (error.reason, error.position, error.formula) == ("unbalanced_braces", 2, "x^{2")
    assert isinstance(error, ValueError)


@pytest.mark.parametrize(
    "position, expected",
    [
        (-3, 0),  # in front of the formula
        (99, 3),  # behind it
    ],
)
def test_the_position_lies_in_the_formula(position, expected):
    assert LatexError("empty", "nothing", position=position, formula="a+b").position == expected


def test_the_excerpt_is_short_and_printable():
    text = excerpt("x" * 1000 + "\x00\ud800é" + "y" * 1000, 1000)
    assert len(text) < 80
    assert text.isascii()
    assert text.isprintable()
    assert text.startswith("...") and text.endswith("...")


def test_a_worker_process_can_hand_it_over():
    error = LatexError("empty", "no formula", position=0, formula=" ", hint="skip it")
    copy = pickle.loads(pickle.dumps(error))
    assert str(copy) == str(error)
    assert copy.reason == "empty"
