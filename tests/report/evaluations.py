"""Evaluations to make pages of."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.metrics.edit_distance import EditDistance
from im2latex_fairseq.metrics.pair import FormulaPair, make_pair
from im2latex_fairseq.metrics.registry import metric

GreyImage = npt.NDArray[np.uint8]

#: What an attacker would write, in every place where users' strings come in.
HOSTILE = "</script><script>document.title='broken into'</script><img src=x onerror=document.title='broken'>"

_TEXTS: tuple[tuple[str, str | None, str, float | None], ...] = (
    ("first", r"\alpha + b", r"\alpha + b", 0.99),
    ("second", r"x ^ { 2 }", r"x ^ { 3 }", 0.5),
    ("third", r"\frac { a } { b }", r"\frac { a } { \beta }", 0.75),
    ("fourth", None, r"\sqrt { x }", None),
    ("fifth", r"\beta", r"\frac { \mathbf { p } } { q } + \hat { r }", 0.1),
    ("sixth", r"x ^ { 2 } + y", r"x ^ { 3 } + y", 0.6),
    (f"seventh {HOSTILE}", HOSTILE, rf"\int {HOSTILE}", 0.2),
)


def small_evaluation(*, drawn: bool = True) -> Evaluation:
    """Seven pairs with everything that a page tells apart; "drawn" by numbers, not by TeX."""
    random = np.random.default_rng(1)
    pairs = []
    for id_, said, right, confidence in _TEXTS:
        pair = make_pair(id_, said, right, confidence=confidence)
        if drawn:
            pair = dataclasses.replace(
                pair,
                reference_image=scribble(random, 20 * len(pair.reference_tokens)),
                **(
                    {"hypothesis_image": scribble(random, 80)}
                    if said and said != HOSTILE
                    else {"hypothesis_render_error": f"unbalanced: {HOSTILE}"}
                ),
            )
        pairs.append(pair)
    return evaluate(
        pairs,
        [EditDistance("edit_accuracy"), metric("exact_match")],
        left_out={} if drawn else {"image_match": "latex isn't on the PATH"},
        remarks=[f"read from {HOSTILE}"],
    )


def large_evaluation(count: int, seed: int = 1) -> Evaluation:
    """So many pairs of 60 tokens on average, of which a good system got most right, with drawings."""
    random = np.random.default_rng(seed)
    tokens = np.array(
        r"\frac { } ^ _ \alpha \beta \mathbf \left( \right) x y z 1 2 3 + - = \sum \int \partial".split()
    )
    # Few drawings, each used many times: they are only to take their place in the file.
    drawings = [scribble(random, int(width)) for width in random.integers(100, 500, 60)]
    pairs = []
    for number in range(count):
        reference = random.choice(tokens, random.integers(10, 110)).tolist()
        hypothesis = list(reference)
        for place in random.integers(0, len(reference), random.integers(0, 4)):
            hypothesis[place] = str(random.choice(tokens))
        first, second = random.integers(0, len(drawings), 2)
        pairs.append(
            FormulaPair(
                id=f"{number:06d}.png",
                hypothesis=" ".join(hypothesis),
                reference=" ".join(reference),
                hypothesis_tokens=tuple(hypothesis),
                reference_tokens=tuple(reference),
                normal_hypothesis=tuple(hypothesis),
                normal_reference=tuple(reference),
                hypothesis_image=drawings[first],
                reference_image=drawings[second],
                confidence=float(random.random()),
            )
        )
    return evaluate(pairs, [EditDistance("edit_accuracy"), metric("exact_match")])


def pictures_of(evaluation: Evaluation) -> Mapping[str, GreyImage]:
    """A picture of each pair, as `--images` gives them."""
    random = np.random.default_rng(2)
    return {pair.id: scribble(random, 200) for pair in evaluation.pairs}


def scribble(random: np.random.Generator, width: int, height: int = 48) -> GreyImage:
    """Strokes with grey rims on paper, about as dense as a formula."""
    image = np.full((height, max(width, 40)), 255, dtype=np.uint8)
    for left in range(4, image.shape[1] - 12, 14):
        top = int(random.integers(4, height - 16))
        image[top : top + 12, left : left + 2] = 0
        image[top + 5 : top + 7, left : left + 9] = random.integers(0, 160)
        image[top + 11, left + 4 : left + 10] = random.integers(60, 200, 6)
    return image
