"""How well the places that `im2latex explain` shows lie over the symbols: renderings whose boxes are known.

    python -m examples.decoding.attention_overlap --data data-bin/im2latex_100k --split valid --model base.safetensors

Formulas of the split are drawn, the model is made to write them token by token, and the box of each token is compared
with its ink: intersection over union (IoU), and whether the box's centre lies within the symbol's box.
"""

from __future__ import annotations

import argparse
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from examples.decoding.known_boxes import Box, KnownFormula, draw_known
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.renderer import PROCESSED_FACE, RELEASE_FACE_HALVED
from im2latex_fairseq.recognition.attention_boxes import token_boxes
from im2latex_fairseq.recognition.explanation import follow
from im2latex_fairseq.recognition.recognizer import Recognizer

FACES = {"release": RELEASE_FACE_HALVED, "processed": PROCESSED_FACE}
_WORST_LISTED = 15


@dataclass
class Overlap:
    """What was found.

    Attributes:
        ious: Token -> IoU of each of its symbols; 0 where no box was given.
        hits: Symbols whose box has its centre within the true one.
        without_box: Symbols for which no box was given.
        formulas: Formulas that were compared.
        left_out: Reason -> formulas that weren't.
    """

    ious: dict[str, list[float]] = field(default_factory=dict)
    hits: int = 0
    without_box: int = 0
    formulas: int = 0
    left_out: Counter[str] = field(default_factory=Counter)

    def add(self, tokens: Sequence[str], found: Sequence[Box | None], true: Mapping[int, Box]) -> None:
        """Compare the boxes of one formula."""
        self.formulas += 1
        for index, right in true.items():
            box = found[index]
            self.ious.setdefault(tokens[index], []).append(0.0 if box is None else iou(box, right))
            self.without_box += box is None
            self.hits += box is not None and is_hit(box, right)

    def __str__(self) -> str:
        values = np.array([value for listed in self.ious.values() for value in listed])
        if not len(values):
            return f"nothing to compare; left out: {dict(self.left_out)}"
        lines = [
            f"{self.formulas} formulas, {len(values):,} symbols; left out: {dict(self.left_out) or 'none'}",
            f"median IoU {np.median(values):.3f}, mean {values.mean():.3f}; IoU > 0.5: {np.mean(values > 0.5):.1%}, "
            f"> 0.9: {np.mean(values > 0.9):.1%}; centre within the symbol: {self.hits / len(values):.1%}; "
            f"without a box: {self.without_box}",
            "most is lost with: "
            + ", ".join(
                f"{token} ({len(listed)}, mean {np.mean(listed):.2f})" for token, listed in self._worst()
            ),
        ]
        return "\n".join(lines)

    def _worst(self) -> list[tuple[str, list[float]]]:
        return sorted(self.ious.items(), key=lambda item: sum(item[1]) - len(item[1]))[:_WORST_LISTED]


def iou(one: Box, other: Box) -> float:
    """Intersection over union."""
    height = min(one[2], other[2]) - max(one[0], other[0])
    width = min(one[3], other[3]) - max(one[1], other[1])
    shared = max(height, 0) * max(width, 0)
    return shared / (_area(one) + _area(other) - shared)


def is_hit(box: Box, true: Box) -> bool:
    """Whether the centre of a box lies within the true one."""
    return true[0] <= (box[0] + box[2]) / 2 <= true[2] and true[1] <= (box[1] + box[3]) / 2 <= true[3]


def _area(box: Box) -> int:
    return (box[2] - box[0]) * (box[3] - box[1])


def measure(recognizer: Recognizer, formulas: Sequence[KnownFormula | str]) -> Overlap:
    """Compare the boxes of drawn formulas."""
    overlap = Overlap()
    for formula in formulas:
        if isinstance(formula, str):
            overlap.left_out[formula.split(":", 1)[0]] += 1
            continue
        try:
            prepared = recognizer.prepare(formula.picture, None)
            look = follow(recognizer, prepared.image, formula.tokens)
        except ImageError as error:
            overlap.left_out[error.reason] += 1
            continue
        except ValueError:
            overlap.left_out["not_writable"] += 1
            continue
        boxes = token_boxes(look.attention, look.grid_size, look.stride, prepared.image, formula.tokens)
        placed = [None if box is None else prepared.geometry.to_original(box) for box in boxes]
        whole: list[Box | None] = [
            None if box is None else (round(box[0]), round(box[1]), round(box[2]), round(box[3]))
            for box in placed
        ]
        overlap.add(formula.tokens, whole, formula.boxes)
    return overlap


def main() -> None:
    """Parse the arguments, measure, print."""
    parser = argparse.ArgumentParser(
        description=__doc__.split("\n")[0], formatter_class=argparse.ArgumentDefaultsHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of prepared data")
    parser.add_argument("--split", default="valid", help="whose formulas are drawn")
    parser.add_argument("--model", type=Path, help="model file or checkpoint; the shipped one if left out")
    parser.add_argument("--count", type=int, default=300, help="formulas, drawn at random")
    parser.add_argument("--seed", type=int, default=1, help="of the draw")
    parser.add_argument("--face", choices=tuple(FACES), default="release", help="how formulas are drawn")
    arguments = parser.parse_args()

    entries = read_manifest(arguments.data / f"{arguments.split}.tsv")
    chosen = random.Random(arguments.seed).sample(entries, min(arguments.count, len(entries)))
    formulas = draw_known([entry.formula.split() for entry in chosen], FACES[arguments.face])
    print(f"face {arguments.face}:", measure(Recognizer.load(arguments.model), formulas))


if __name__ == "__main__":
    main()
