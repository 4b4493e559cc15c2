"""Where a prepared picture's pixels lie in the picture that it was made from."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PreparedGeometry:
    """A shift and a factor for each axis: original = origin + step * prepared, in pixels from the upper left corner.

    Attributes:
        origin: (y, x) of the prepared picture's upper left corner in the original; negative where its margin
            reaches beyond.
        step: Pixels of the original for one of the prepared picture, (down, right).
        original_size: (height, width).
    """

    origin: tuple[float, float]
    step: tuple[float, float]
    original_size: tuple[int, int]

    def to_original(self, box: tuple[float, float, float, float]) -> tuple[float, float, float, float]:
        """Take a box (top, left, bottom, right; the last two exclusive) over to the original, cut at its edges."""
        top, left, bottom, right = box
        height, width = self.original_size
        return (
            self._place(top, 0, height),
            self._place(left, 1, width),
            self._place(bottom, 0, height),
            self._place(right, 1, width),
        )

    def within(self, origin: tuple[float, float], step: float, size: tuple[int, int]) -> PreparedGeometry:
        """In the picture that the original is a part of.

        Args:
            origin: (y, x) of the original's upper left corner there.
            step: Pixels there for one of the original.
            size: (height, width) of that picture.
        """
        return PreparedGeometry(
            (origin[0] + step * self.origin[0], origin[1] + step * self.origin[1]),
            (step * self.step[0], step * self.step[1]),
            size,
        )

    def _place(self, value: float, axis: int, size: int) -> float:
        return min(max(self.origin[axis] + self.step[axis] * value, 0.0), float(size))
