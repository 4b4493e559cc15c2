"""What the encoder's graph says of a batch of pictures, and one step of the decoder's graph over it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@dataclass(frozen=True)
class PictureMemory:
    """Keys and values of pictures, once a picture however many beams read it.

    Attributes:
        keys: (P, heads, C / heads, S) float32.
        values: (P, heads, S, C / heads) float32.
        unread: (P, S) bool, True where attention must not go.
    """

    keys: Floats
    values: Floats
    unread: NDArray[np.bool_]

    def packed(self) -> PictureMemory:
        """The same without the cells that no attention goes to, three quarters of a formula's, say.

        The cells that are read keep their order; S becomes the most that a picture has of them.
        """
        order = np.argsort(self.unread, axis=1, kind="stable")  # cells that are read come first
        cells = int((~self.unread).sum(axis=1).max())
        chosen = order[:, :cells]
        return PictureMemory(
            np.take_along_axis(self.keys, chosen[:, None, None, :], axis=3),
            np.take_along_axis(self.values, chosen[:, None, :, None], axis=2),
            np.take_along_axis(self.unread, chosen, axis=1),
        )

    @staticmethod
    def join(memories: Sequence[PictureMemory]) -> PictureMemory:
        """The pictures of several batches, one after the other.

        Args:
            memories: At least one.
        """
        most = max(memory.unread.shape[1] for memory in memories)
        missing = [most - memory.unread.shape[1] for memory in memories]
        return PictureMemory(
            np.concatenate([_widened(m.keys, 3, n, 0) for m, n in zip(memories, missing, strict=True)]),
            np.concatenate([_widened(m.values, 2, n, 0) for m, n in zip(memories, missing, strict=True)]),
            np.concatenate([_widened(m.unread, 1, n, True) for m, n in zip(memories, missing, strict=True)]),
        )

    def select(self, pictures: NDArray[np.int64]) -> PictureMemory:
        """Some of the pictures, by their places."""
        return PictureMemory(self.keys[pictures], self.values[pictures], self.unread[pictures])


def _widened(table: NDArray[Any], axis: int, by: int, value: float) -> NDArray[Any]:
    """With that value at so many more places along an axis."""
    added = [(0, by if number == axis else 0) for number in range(table.ndim)]
    return np.pad(table, added, constant_values=value)


class StepDecoder:
    """Runs the decoder's graph.

    Args:
        session: onnxruntime's session of `decoder_step.onnx`.
    """

    def __init__(self, session: Any) -> None:
        self._session = session
        inputs = {value.name: value for value in session.get_inputs()}
        self._state_width = int(inputs["state"].shape[2])

    def first_state(self, pictures: int) -> Floats:
        """The state before any token, of one beam a picture: (P, 1, M) float32."""
        return np.zeros((pictures, 1, self._state_width), dtype=np.float32)

    def step(
        self, tokens: NDArray[np.int64], position: int, state: Floats, memory: PictureMemory
    ) -> tuple[Floats, Floats]:
        """Score what follows.

        Args:
            tokens: Last token of each of K beams of P pictures, (P, K) int64.
            position: How many tokens came before them.
            state: (P, K, M) float32.
            memory: Of the P pictures.

        Returns:
            Log-probabilities (P, K, V) float32, writable; the state for the next step, (P, K, M).
        """
        log_probabilities, new_state = self._session.run(
            ["log_probabilities", "new_state"],
            {
                "tokens": tokens,
                "position": np.array(position, dtype=np.int64),
                "state": state,
                "keys": memory.keys,
                "values": memory.values,
                "unread": memory.unread,
            },
        )
        return log_probabilities, new_state
