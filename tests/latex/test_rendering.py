r"""TeX decides: normal form and formatted form draw what the original draws, pixel for pixel.

The table is small and holds one formula for each construct; examples/normalization/render_equality.py does the
same for thousands of real formulas.
"""

from __future__ import annotations

import numpy as np
import pytest

from im2latex_fairseq.images.renderer import RenderSettings, render_formulas
from im2latex_fairseq.latex.formatter import format_tokens
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.tokenizer import detokenize

pytestmark = pytest.mark.tex

FORMULAS = [
    # scripts and primes
    "x_i^2+x^2_i+{x_i}^2+x_{ij}",
    "f'+f''_a+f'^2+{f'}^2+x_{i'}+\\phi'^A",
    "{}^aX_b{}^c+{ab}^2+{x}^{-}+x^+_*",
    r"\Gamma^{\mu}{}_{\nu}A^\dagger B^{\pm}",
    r"\sum_{i=1}^n a_i+\int\limits_0^1\prod\nolimits_j x_j",
    # fractions
    r"a\over b",
    r"{a+b \over c} + \left({n \atop k}\right) + {n \choose k}",
    r"\frac12+\frac{a}{b}^2+{\frac{a}{b}}c+\dfrac{1}{x}\tfrac{1}{y}+\binom{n}{k}",
    r"\sqrt2+\sqrt[3]{x}+{\sqrt{x}}^2",
    # operators
    r"\sin x+\log\det M+\lim_{x\to0}f+\max_i a_i+\operatorname{Tr}A+\exp(-x)",
    r"\sin^2\theta\,\cos\theta+\ln|x|+\arg z+\Pr(X)",
    # groups and spaces around atoms
    r"a{=}b+{-1}-{+}c{,}d{\sum}e+{\sin}x",
    r"{\bar K}_a{\bar{\hat x}}^2+{\vec v}\cdot{\hat n}+\widetilde{AB}",
    r"{\cal L}+{\bf F}_{\mu\nu}+{\cal C}_i{\rm d}x+\mathrm{d}x+\mathbf{I}\,{\mathbf I}_2",
    r"{A}{V}+{d}{Y}+A V+{x_i}{y_j}",
    r"a\ b\,c\;d\:e\!f\quad g~h\qquad i\hspace{1cm}j",
    # fences
    r"\left(\frac{a}{b}\right)^2\left[x\right.{\left|y\right|}\left\{z\right\}\left<u\right>",
    r"\big(\Big[\bigg\{x\bigg\}\Big]\big)\langle a|b\rangle",
    # tables
    r"\left(\begin{array}{cc}a&b\\c&d\end{array}\right)",
    r"\begin{pmatrix}1&-2\\&{x}\end{pmatrix}\begin{bmatrix}a\\{[b]}\end{bmatrix}",
    r"\begin{array}{l|r}a&=b\\\hline c&{\displaystyle\sum_i}\end{array}",
    r"f=\begin{cases}1&x>0\\0&x\le0\end{cases}",
    r"\begin{aligned}a&=b+c\\&=d\end{aligned}",
    # relations, arrows, dots
    r"a\leq b\ne c\not=d\rightarrow e\ldots,\cdots+\stackrel{def}{=}f",
    r"\overline{z}\underline{w}\overbrace{a+b}^{n}\underbrace{c}_{m}",
    # marks that leave no ink
    "\\label{eq:1}x=y\\nonumber",
    "x % comment",
]


@pytest.fixture(scope="module")
def pictures() -> dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]:
    """Original, normal form and formatted form of each formula, drawn in one go."""
    tokens = [normalize(formula) for formula in FORMULAS]
    normal = [detokenize(each) for each in tokens]
    formatted = [format_tokens(each) for each in tokens]
    results = render_formulas([*FORMULAS, *normal, *formatted], RenderSettings())
    assert [result.error for result in results if result.error] == []
    images = [result.image for result in results if result.image is not None]
    count = len(FORMULAS)
    return {
        formula: (images[number], images[count + number], images[2 * count + number])
        for number, formula in enumerate(FORMULAS)
    }


@pytest.mark.parametrize("formula", FORMULAS)
def test_normal_form_renders_the_same(
    formula: str, pictures: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> None:
    original, normal, _ = pictures[formula]
    assert np.array_equal(original, normal), detokenize(normalize(formula))


@pytest.mark.parametrize("formula", FORMULAS)
def test_formatted_form_renders_the_same(
    formula: str, pictures: dict[str, tuple[np.ndarray, np.ndarray, np.ndarray]]
) -> None:
    original, _, formatted = pictures[formula]
    assert np.array_equal(original, formatted), format_tokens(normalize(formula))
