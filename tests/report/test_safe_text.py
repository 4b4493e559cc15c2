from __future__ import annotations

import json

import pytest

from im2latex_fairseq.report.safe_text import (
    MOST_TOKENS,
    escaped,
    readable,
    script_json,
    shortened,
    shown_tokens,
)


@pytest.mark.parametrize(
    "text, html",
    [
        ("a < b & c", "a &lt; b &amp; c"),
        ("</script>", "&lt;/script&gt;"),
        ("\" onclick='x'", "&quot; onclick=&#x27;x&#x27;"),  # within an attribute
        ("中文", "中文"),
        ("a\x00b\ud800", "a\ufffdb\ufffd"),  # a page can't hold these
        ("\u202eabc", "\ufffdabc"),  # would turn round what follows
    ],
)
def test_text_as_html(text: str, html: str) -> None:
    assert escaped(text) == html


@pytest.mark.parametrize(
    "text", ["</script><script>alert(1)</script>", "<!--", "]]>", "&lt;", '"\\', "\u2028"]
)
def test_json_neither_ends_its_script_nor_loses_anything(text: str) -> None:
    written = script_json({"formula": text})
    assert not set("<>&") & set(written)
    assert json.loads(written) == {"formula": text}


def test_no_number_that_json_lacks() -> None:
    with pytest.raises(ValueError, match="JSON"):
        script_json([float("nan")])


def test_long_texts_are_cut() -> None:
    assert shortened("abc", 3) == "abc"
    assert shortened("abcd", 3) == "abc…"
    assert readable("a\tb\nc") == "a\tb\nc"


def test_tokens_have_no_blanks_in_them() -> None:
    assert shown_tokens(["a", "\\ ", "b\nc", ""]) == ("a", "\\␣", "b␣c", "␣")


def test_formulas_without_end_are_cut() -> None:
    assert len(shown_tokens(["a"] * 100_000)) == MOST_TOKENS
    assert len(shown_tokens(["a" * 100_000])[0]) < 200
