"""The tokens under the causal convolutions of a decoder, step by step."""

from __future__ import annotations

from collections.abc import Sequence

import torch


class CausalWindows:
    """Of each layer, the last k inputs side by side, (R, k * C), as a linear map reads them.

    Args:
        widths: k of each layer, tokens under its kernel.
    """

    def __init__(self, widths: Sequence[int]) -> None:
        self._widths = widths
        self._windows: list[torch.Tensor | None] = [None] * len(widths)

    def push(self, layer: int, newest: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """Add one input.

        Args:
            layer: Its number.
            newest: (R, C).
            rows: Which row of the step before each row continues, (R,) int64; None: each its own.

        Returns:
            (R, k * C), the newest last; zero before the first token.
        """
        width = self._widths[layer]
        if width == 1:
            return newest
        channels = newest.shape[1]
        window = self._windows[layer]
        if window is None:
            past = newest.new_zeros(len(newest), (width - 1) * channels)
        else:
            past = window[:, channels:]
            if rows is not None:
                past = past.index_select(0, rows)
        self._windows[layer] = window = torch.cat([past, newest], dim=1)
        return window
