"""What a checkpoint and the data it is used with have to agree in: the dictionary, beside the preparation."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from fairseq.data import Dictionary

from im2latex_fairseq.images.transforms import PreparationSettings


def load_target_dictionary(path: Path) -> Dictionary:
    """Read fairseq's dict.txt.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is malformed or holds no token.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no dictionary; run preprocess/build_dictionary.py first")
    try:
        dictionary = Dictionary.load(str(path))
    except (ValueError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"{path}: not a fairseq dictionary ('token count' a line): {error}") from error
    if len(dictionary) == dictionary.nspecial:
        raise ValueError(f"{path}: the dictionary holds no token; run preprocess/build_dictionary.py again")
    return dictionary


def read_task_state(state: dict[str, Any]) -> tuple[Dictionary, PreparationSettings]:
    """The dictionary and the preparation settings that `Im2LatexTask.state_dict` kept.

    Raises:
        ValueError: One of them isn't there.
    """
    missing = sorted({"dictionary", "preparation"} - set(state))
    if missing:
        raise ValueError(
            f"the checkpoint holds no {' and no '.join(missing)}; give the data folder it was trained with"
        )
    dictionary = Dictionary()
    for symbol in state["dictionary"][dictionary.nspecial :]:
        dictionary.add_symbol(symbol)
    return dictionary, PreparationSettings.from_dict(state["preparation"])


def dictionary_difference(checkpoint: Sequence[str], data: Sequence[str]) -> str | None:
    """Say where two dictionaries part, or None if they have the same tokens in the same order."""
    if list(checkpoint) == list(data):
        return None
    theirs, ours = set(checkpoint), set(data)
    if theirs == ours:
        number = next(i for i, (a, b) in enumerate(zip(checkpoint, data, strict=False)) if a != b)
        return (
            f"the same {len(ours)} types in another order, from number {number} on "
            f"({checkpoint[number]!r} in the checkpoint, {data[number]!r} in the data)"
        )
    return (
        f"{len(theirs)} types and {len(ours)}; only in the checkpoint {_some(theirs - ours)}; "
        f"only in the data {_some(ours - theirs)}"
    )


def _some(tokens: set[str]) -> str:
    listed = sorted(tokens)
    return (
        ", ".join(map(repr, listed[:5])) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
    ) or "none"
