"""Formulas are strokes, photographs aren't."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image, ImageFilter

from im2latex_fairseq.images.transforms import prepare
from im2latex_fairseq.recognition.plausibility import plausibility
from tests.synthetic_data import draw_formula, random_formula


def test_formulas_are_plausible() -> None:
    rng = np.random.default_rng(1)
    for _ in range(30):
        formula = random_formula(rng, int(rng.integers(1, 7)))
        assert plausibility(prepare(draw_formula(formula))) == 1.0, formula


def test_a_black_square_is_less_so_than_a_formula_with_one() -> None:
    r"""\blacksquare ends proofs."""
    square = np.full((24, 24), 255, dtype=np.uint8)
    square[8:16, 8:16] = 0
    both = np.full((40, 200), 255, dtype=np.uint8)
    both[8:32, 170:194] = square
    formula = prepare(draw_formula(["a", "+", "b", "=", "c", "+", "x", "+", "y", "+", "z"]))
    both[: formula.shape[0], : formula.shape[1]] = formula
    assert 0.2 < plausibility(square) < 0.7
    assert 0.7 < plausibility(both) < 1.0


def photograph(seed: int) -> np.ndarray:
    """Half-tones everywhere, some of them sharp edges: (120, 160)."""
    rng = np.random.default_rng(seed)
    patches = Image.fromarray(rng.integers(0, 256, (12, 16), dtype=np.uint8)).resize((160, 120))
    edges = np.asarray(Image.fromarray(rng.integers(0, 256, (6, 8), dtype=np.uint8)).resize((160, 120), 0))
    smooth = np.asarray(patches.filter(ImageFilter.GaussianBlur(3)))
    return ((smooth.astype(np.uint16) + edges) // 2).astype(np.uint8)


@pytest.mark.parametrize("seed", range(5))
def test_photographs_are_not(seed: int) -> None:
    assert plausibility(prepare(photograph(seed))) == 0.02


def test_smudges_are_not() -> None:
    """However small: without half-tones in the middle, their edges tell."""
    smudge = np.full((30, 60), 255, dtype=np.uint8)
    smudge[12:18, 10:50] = 0
    assert plausibility(smudge) == 1.0
    blurred = np.asarray(Image.fromarray(smudge).filter(ImageFilter.GaussianBlur(3)))
    assert plausibility(blurred) == 0.02


def test_paper_alone_is_not() -> None:
    assert plausibility(np.full((40, 60), 255, dtype=np.uint8)) == 0.02
