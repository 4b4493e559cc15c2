"""Attention over the cells of pictures, with all beams of a picture in one product."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
import torch.nn.functional as F

_FEW_PICTURES = 16
_SLOTS_STEP = 8
_CELLS_STEP = 32


class PictureAttention:
    """Keys and values of pictures by head, put in order once for all steps, layers and beams.

    Pictures have slots. When some are finished, the last ones move into their slots: one copy a picture
    that leaves, and none of the others. Of many pictures, the numbers of slots and of cells that are looked
    at fall in steps of 8 and 32: oneDNN keeps code for every shape that it has met, and multiplies by 96 cells
    sooner than by 80. Slots beyond the pictures hold some that have left.

    Args:
        keys: (P, S, C), scaled as the decoder wants its logits.
        values: (P, S, C).
        counts: Cells of each picture, (P,) int64.
        heads: Dividing C.
        beams: Rows of a picture in most steps: what the keys are laid out for.

    Attributes:
        slots: How many are looked at: as many as there are pictures, or a few more.
    """

    slots: int

    def __init__(
        self, keys: torch.Tensor, values: torch.Tensor, counts: np.ndarray, heads: int, beams: int
    ) -> None:
        if len(keys) > _FEW_PICTURES:
            missing = -keys.shape[1] % _CELLS_STEP
            keys, values = (F.pad(table, (0, 0, 0, missing)) for table in (keys, values))
        pictures, cells, channels = keys.shape
        # P x S x C -> P x heads x S x C/heads
        by_head = (rows.view(pictures, cells, heads, -1).transpose(1, 2) for rows in (keys, values))
        all_keys, all_values = by_head
        # P x heads x C/heads x S. One row at a time reads faster along the channels, several along the cells.
        self._keys = (
            all_keys.contiguous().transpose(2, 3) if beams == 1 else all_keys.transpose(2, 3).contiguous()
        )
        self._values = all_values.contiguous()
        self._heads = heads
        self._channels = channels
        self._counts = counts.copy()
        self._bias = torch.zeros(pictures, 1, 1, cells, dtype=keys.dtype, device=keys.device)
        beyond = torch.arange(cells) >= torch.from_numpy(counts)[:, None]
        self._bias.masked_fill_(beyond.to(keys.device)[:, None, None, :], float("-inf"))
        self._look_at(pictures)

    def _look_at(self, pictures: int) -> None:
        """Views of the first slots, and of few more cells than their pictures have."""
        cells = int(self._counts[:pictures].max()) if pictures else 0
        if pictures > _FEW_PICTURES:
            cells = min(_rounded_up(cells, _CELLS_STEP), self._bias.shape[-1])
            pictures = min(_rounded_up(pictures, _SLOTS_STEP), len(self._counts))
        counts = self._counts[:pictures]
        self.slots = pictures
        self._cells = cells
        self._seen_keys = self._keys[:pictures, :, :, :cells].flatten(0, 1)
        self._seen_values = self._values[:pictures, :, :cells].flatten(0, 1)
        self._seen_bias = None if (counts >= cells).all() else self._bias[:pictures, :, :, :cells]

    def keep(self, slots: Sequence[int] | np.ndarray) -> None:
        """Keep the pictures of these slots; number i of them gets slot i.

        Args:
            slots: Distinct. Those that stay where they are cost nothing.
        """
        slots = np.asarray(slots)
        moved = np.flatnonzero(slots != np.arange(len(slots)))
        if len(moved):
            to = torch.from_numpy(moved).to(self._keys.device)
            source = torch.from_numpy(slots[moved]).to(self._keys.device)
            for table in (self._keys, self._values, self._bias):
                table[to] = table[source]
            self._counts[moved] = self._counts[slots[moved]]
        self._look_at(len(slots))

    def attend(self, query: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """What rows see.

        Args:
            query: (R, C), R = slots * beams, the beams of a slot side by side.

        Returns:
            Attended values (R, C), and the weights (slots, heads, beams, S).
        """
        pictures, heads = self.slots, self._heads
        beams = len(query) // pictures
        if beams == 1:
            query = query.view(pictures * heads, 1, -1)
        else:
            # (P * beams) x C -> (P * heads) x beams x C/heads
            query = (
                query.view(pictures, beams, heads, -1).transpose(1, 2).reshape(pictures * heads, beams, -1)
            )
        scores = torch.bmm(query, self._seen_keys).view(pictures, heads, beams, self._cells)
        if self._seen_bias is not None:
            scores += self._seen_bias
        weights = scores.softmax(dim=-1)
        attended = torch.bmm(weights.view(pictures * heads, beams, -1), self._seen_values)
        if beams > 1:
            # (P * heads) x beams x C/heads -> (P * beams) x C
            attended = attended.view(pictures, heads, beams, -1).transpose(1, 2)
        return attended.reshape(pictures * beams, self._channels), weights


def _rounded_up(number: int, step: int) -> int:
    """To a multiple of the step."""
    return -(-number // step) * step
