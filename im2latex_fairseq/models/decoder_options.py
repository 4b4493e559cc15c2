"""Options of decoders as they are written on command lines and in checkpoints; no fairseq, no torch."""

from __future__ import annotations

import ast


def parse_convolutions(text: str) -> tuple[tuple[int, ...], ...]:
    """Parse a sum of lists of tuples, each list possibly times a number, without evaluating code.

    Args:
        text: As fairseq's fconv takes it, e.g. "[(256, 3)] * 4 + [(512, 3)] * 3".

    Raises:
        ValueError: Anything else; the message names the text.
    """
    try:
        layers = _sum_of_lists(ast.parse(text, mode="eval").body)
        valid = layers and all(
            isinstance(layer, tuple)
            and len(layer) in (2, 3)
            and all(isinstance(n, int) and n >= 0 for n in layer)
            for layer in layers
        )
    except (SyntaxError, ValueError, TypeError) as error:
        raise ValueError(
            f"--decoder-layers {text!r}: expected a list such as [(256, 3)] * 7 ({error})"
        ) from error
    if not valid:
        raise ValueError(
            f"--decoder-layers {text!r}: expected (channels, kernel width[, residual]) of integers"
        )
    return tuple(layers)


def _sum_of_lists(node: ast.expr) -> list[tuple[int, ...]]:
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        return _sum_of_lists(node.left) + _sum_of_lists(node.right)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Mult):
        times = ast.literal_eval(node.right)
        if not isinstance(times, int) or not 0 <= times <= 100:
            raise ValueError(f"cannot repeat layers {times!r} times")
        return _sum_of_lists(node.left) * times
    return list(ast.literal_eval(node))


def parse_attention(text: str) -> bool | list[bool]:
    """Parse "True", "False", or a list of them.

    Raises:
        ValueError: Anything else.
    """
    try:
        value = ast.literal_eval(str(text))
    except (SyntaxError, ValueError) as error:
        raise ValueError(f"--decoder-attention {text!r}: expected True, False, or a list of them") from error
    if isinstance(value, bool):
        return value
    if isinstance(value, list) and value and all(isinstance(item, bool) for item in value):
        return value
    raise ValueError(f"--decoder-attention {text!r}: expected True, False, or a list of them")


def parse_attention_layers(text: str) -> frozenset[int] | None:
    """Parse "all" (None) or numbers of layers such as "0,3,6".

    Raises:
        ValueError: Anything else; the message names the text.
    """
    if text.strip() == "all":
        return None
    try:
        return frozenset(int(part) for part in text.split(","))
    except ValueError as error:
        raise ValueError(
            f"--decoder-attention-layers {text!r}: expected all, or numbers of layers such as 0,3,6"
        ) from error
