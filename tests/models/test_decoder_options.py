"""Options of the decoders are parsed, never evaluated."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from im2latex_fairseq.models.decoder_options import (
    parse_attention,
    parse_attention_layers,
    parse_convolutions,
)


@pytest.mark.parametrize(
    "text, layers",
    [
        ("[(256, 3)]", ((256, 3),)),
        ("[(256, 3)] * 3", ((256, 3),) * 3),
        ("[(256, 3)] * 2 + [(512, 5)]", ((256, 3), (256, 3), (512, 5))),
        ("[(256, 3, 2)] * 2", ((256, 3, 2),) * 2),  # a residual over two layers
        ("[(256, 3), (128, 1)] * 2", ((256, 3), (128, 1)) * 2),
        ("[ (8,3) ] ", ((8, 3),)),
    ],
)
def test_convolutions(text: str, layers: tuple[tuple[int, ...], ...]) -> None:
    assert parse_convolutions(text) == layers


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "[] * 3",
        "7",
        "(256, 3)",  # a tuple of numbers, no list of layers
        "[256, 3]",
        "[(256,)]",
        "[(256, 3.5)]",
        "[(256, -3)]",
        "[('a', 3)]",
        "[(256, 3)] * -1",
        "[(256, 3)] * 2.5",
        "[(256, 3)] * 1000000000",  # would fill the memory
        "[(256, 3)] - [(256, 3)]",
        "[(256, 3)] * x",
        "[(i, 3) for i in (1, 2)]",
        "__import__('os').system('true')",
        "[(256, 3)",
        "[(256, 3)] * 7\n[(1, 1)]",
    ],
)
def test_refused_convolutions(text: str) -> None:
    with pytest.raises(ValueError, match="--decoder-layers"):
        parse_convolutions(text)


@given(st.lists(st.tuples(st.integers(1, 600), st.integers(1, 9)), min_size=1), st.integers(1, 9))
def test_what_python_prints_is_read_back(layers: list[tuple[int, int]], times: int) -> None:
    assert parse_convolutions(f"{layers} * {times}") == tuple(layers * times)


@pytest.mark.parametrize(
    "text, value", [("True", True), ("False", False), ("[True, False]", [True, False]), (True, True)]
)
def test_attention(text: str, value: bool | list[bool]) -> None:
    assert parse_attention(text) == value


@pytest.mark.parametrize("text", ["", "1", "[]", "[True, 1]", "None", "true", "print()", "{True}"])
def test_refused_attention(text: str) -> None:
    with pytest.raises(ValueError, match="--decoder-attention"):
        parse_attention(text)


@pytest.mark.parametrize(
    "text, layers",
    [
        ("all", None),
        ("6", {6}),
        ("0,3,6", {0, 3, 6}),
        ("0, 3", {0, 3}),  # spaces, as in a yaml
    ],
)
def test_attention_layers(text: str, layers: set[int] | None) -> None:
    assert parse_attention_layers(text) == layers


@pytest.mark.parametrize("text", ["", "none", "0,", "[0]"])
def test_refused_attention_layers(text: str) -> None:
    with pytest.raises(ValueError, match="expected all, or numbers of layers"):
        parse_attention_layers(text)
