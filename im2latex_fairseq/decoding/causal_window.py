"""The tokens under a causal convolution, step by step."""

from __future__ import annotations

import torch


class CausalWindow:
    """The last k inputs of a convolution side by side, (R, k * C), as a linear map reads them.

    Args:
        width: k, tokens under the kernel.
    """

    def __init__(self, width: int) -> None:
        self._width = width
        self._last: torch.Tensor | None = None

    def push(self, newest: torch.Tensor, rows: torch.Tensor | None) -> torch.Tensor:
        """Add one input.

        Args:
            newest: (R, C).
            rows: Which row of the step before each row continues, (R,) int64; None: each its own.

        Returns:
            (R, k * C), the newest last; zero before the first token.
        """
        if self._width == 1:
            return newest
        channels = newest.shape[1]
        if self._last is None:
            past = newest.new_zeros(len(newest), (self._width - 1) * channels)
        else:
            past = self._last[:, channels:]
            if rows is not None:
                past = past.index_select(0, rows)
        self._last = torch.cat([past, newest], dim=1)
        return self._last
