"""The weights of a model by the names that its modules give them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Weights:
    """Those weights of a model whose names begin with a prefix.

    Args:
        arrays: Of the whole model, by full name, e.g. "encoder.stem.weight".
        prefix: Of the names that count here, e.g. "encoder.".
    """

    def __init__(self, arrays: Mapping[str, NDArray[np.floating[Any]]], prefix: str = "") -> None:
        self._arrays = arrays
        self._prefix = prefix

    def below(self, *names: str | int) -> Weights:
        """The weights of a part: `below("trunk1", 0)` are those of "trunk1.0."."""
        return Weights(self._arrays, self._prefix + "".join(f"{name}." for name in names))

    def name(self, name: str) -> str:
        """The full name of a weight."""
        return self._prefix + name

    def array(self, name: str) -> NDArray[np.float32]:
        """One weight, float32.

        Raises:
            ValueError: The model has none of that name.
        """
        if not self.has(name):
            raise ValueError(
                f"the model has no weight {self.name(name)!r}; is it of the architecture it names?"
            )
        return np.asarray(self._arrays[self.name(name)], dtype=np.float32)

    def has(self, name: str) -> bool:
        """Whether there is a weight of that name."""
        return self.name(name) in self._arrays

    def parts(self, name: str) -> list[Weights]:
        """The weights of each part of a list of modules, in order."""
        start = self.name(f"{name}.")
        numbers = {key[len(start) :].split(".")[0] for key in self._arrays if key.startswith(start)}
        return [self.below(name, number) for number in sorted(map(int, numbers))]
