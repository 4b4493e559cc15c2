"""A recurrent network along each row of the feature grid, both ways."""

from __future__ import annotations

import torch
from torch import nn

from im2latex_fairseq.models.image_encoders import PaddingMask


class RowRnn(nn.Module):
    """A bidirectional LSTM over each row, begun in a learned state of that row (Deng et al. 2017, section 4.2).

    The row's state tells the decoder how high a cell lies. Both ways are LSTMs from left to right, one over the
    rows turned round within the width of their picture: padding then comes last both times and changes
    nothing, without packing, which leaves torch's fast kernels on CPUs.

    Args:
        channels: C of the grid.
        hidden: Units each way; where two times as many aren't C, a linear map brings them to C.
        max_rows: Rows with a state of their own; those below share the last one's.
    """

    def __init__(self, channels: int, hidden: int, max_rows: int = 32) -> None:
        super().__init__()
        self.hidden = hidden
        self.forwards = nn.LSTM(channels, hidden, batch_first=True)
        self.backwards = nn.LSTM(channels, hidden, batch_first=True)
        # rows x (state and cell, forwards and backwards) x hidden
        self.start = nn.Parameter(torch.randn(max_rows, 4, hidden) * 0.1)
        self.output = nn.Identity() if 2 * hidden == channels else nn.Linear(2 * hidden, channels)
        for lstm in (self.forwards, self.backwards):
            _initialise_lstm(lstm)

    def forward(self, grid: torch.Tensor, mask: PaddingMask) -> torch.Tensor:
        """(B, C, H', W'); shape stays. What lies on padding in the result is of no meaning."""
        batch, _, height, width = grid.shape
        rows = grid.permute(0, 2, 3, 1).flatten(0, 1)  # B x C x H' x W' -> (B * H') x W' x C
        turned = _turning(mask, height, width)
        starts = self.start[torch.arange(height, device=grid.device).clamp(max=len(self.start) - 1)]
        starts = starts.repeat(batch, 1, 1).unsqueeze(0)  # 1 x (B * H') x 4 x hidden
        states = [starts[:, :, part].contiguous() for part in range(4)]
        forwards, _ = self.forwards(rows, (states[0], states[1]))
        backwards, _ = self.backwards(_take(rows, turned), (states[2], states[3]))
        result = self.output(torch.cat([forwards, _take(backwards, turned)], dim=2))
        return result.view(batch, height, width, -1).permute(0, 3, 1, 2).to(grid.dtype)


def _turning(mask: PaddingMask, height: int, width: int) -> torch.Tensor:
    """(B * H', W') int64: the column that comes to each column when a picture's rows are turned round.

    Columns of padding stay. Turning twice changes nothing.
    """
    widths = mask.cells(height, width).any(dim=1).sum(dim=1)[:, None]  # B x 1, cells
    columns = torch.arange(width, device=widths.device)
    turned = torch.where(columns < widths, widths - 1 - columns, columns)
    return turned.repeat_interleave(height, dim=0)


def _take(rows: torch.Tensor, columns: torch.Tensor) -> torch.Tensor:
    """Rows (N, W', C) with their columns in another order (N, W')."""
    return rows.gather(1, columns[:, :, None].expand(-1, -1, rows.shape[2]))


def _initialise_lstm(lstm: nn.LSTM) -> None:
    """Glorot for inputs, orthogonal for states, and forget gates that begin open (Jozefowicz et al. 2015)."""
    for name, parameter in lstm.named_parameters():
        if name.startswith("weight_ih"):
            nn.init.xavier_uniform_(parameter)
        elif name.startswith("weight_hh"):
            nn.init.orthogonal_(parameter)
        else:
            nn.init.zeros_(parameter)
            if name.startswith("bias_ih"):
                with torch.no_grad():
                    parameter[lstm.hidden_size : 2 * lstm.hidden_size] = 1.0
