from __future__ import annotations

import pytest

from im2latex_fairseq.latex.errors import LatexError
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.tokenizer import tokenize
from im2latex_fairseq.latex.unicode_math import UNICODE_COMMANDS, spell_unicode


@pytest.mark.parametrize(
    "formula, expected",
    [
        ("α≤β", r"\alpha \leq \beta"),
        ("∑ᵢ", None),  # a raised letter that has no command
        ("x²+y³", "x ^ { 2 } + y ^ { 3 }"),
        ("x¹²", "x ^ { 1 2 }"),
        ("a₁₂", "a _ { 1 2 }"),
        ("ℝⁿ", r"\mathbb { R } ^ { n }"),
        ("𝐱𝑦", r"\mathbf { x } y"),
        ("f′″", r"f ^ { \prime \prime \prime }"),
        ("a−b×c", r"a - b \times c"),
        ("90°", r"9 0 ^ { \circ }"),
        ("a\u200b\ufeffb", "a b"),  # zero-width characters draw nothing
        ("\u00a0x", "~ x"),
        ("é", r"\acute { e }"),
        ("x\u0302+\u03b1\u0304", r"\hat { x } + \bar { \alpha }"),  # a mark behind its letter
        ("\u0302", None),  # and one behind nothing
        ("ß", None),
        ("中", None),
    ],
)
def test_characters_beyond_ascii(formula, expected):
    if expected is None:
        with pytest.raises(LatexError) as caught:
            normalize(formula)
        assert caught.value.reason == "unsupported_character"
        assert "U+" in str(caught.value)
    else:
        assert " ".join(normalize(formula)) == expected


def test_every_replacement_is_made_of_tokens():
    for character, tokens in UNICODE_COMMANDS.items():
        assert len(character) == 1
        assert tokenize(" ".join(tokens)) == list(tokens)
        assert all(token.isascii() for token in tokens)


def test_ascii_is_left_alone():
    tokens = [r"\alpha", "x"]
    assert spell_unicode(tokens) is tokens
