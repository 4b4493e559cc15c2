from __future__ import annotations

import re

import pytest

from examples.quickstart.formula_grammar import PRODUCTIONS, FormulaGrammar
from im2latex_fairseq.images import mathtext_renderer, renderer
from im2latex_fairseq.latex.normalizer import normalize
from im2latex_fairseq.latex.tokenizer import detokenize

# What the quickstart promises to cover, and what shows it in a formula.
COVERED = {
    "fractions": r"\\frac",
    "subscripts": r"_",
    "superscripts": r"\^",
    "both scripts": r"[A-Za-z]_(\w|\{[^{}]*\})\^|[A-Za-z]\^(\w|\{[^{}]*\})_",
    "square roots": r"\\sqrt\{",
    "higher roots": r"\\sqrt\[",
    "sums with limits": r"\\sum_\{[^}]*=[^}]*\}\^",
    "products with limits": r"\\prod_\{[^}]*=[^}]*\}\^",
    "integrals with limits": r"\\int_\{[^}]*\}\^",
    "Greek": r"\\(alpha|beta|gamma|Gamma|Omega)",
    "functions": r"\\(sin|cos|log)",
    "limits": r"\\lim_",
    "delimiters that grow": r"\\left.*\\right",
    "matrices": r"\\begin\{[a-z]*matrix\}",
    "accents": r"\\hat|\\bar",
    "primes": r"'",
    "binomials": r"\\binom",
    "derivatives": r"\\frac\{\\partial",
}


@pytest.fixture(scope="module")
def formulas() -> list[str]:
    return FormulaGrammar(seed=7).different(1500)


@pytest.mark.parametrize("construct", COVERED)
def test_every_construct_occurs_often_enough_to_be_learnt(construct: str, formulas: list[str]) -> None:
    count = sum(re.search(COVERED[construct], formula) is not None for formula in formulas)
    assert count >= 0.005 * len(formulas)


def test_equal_seeds_give_equal_formulas(formulas: list[str]) -> None:
    assert FormulaGrammar(seed=7).different(50) == formulas[:50]
    assert FormulaGrammar(seed=8).different(50) != formulas[:50]


def test_formulas_are_different_and_one_line_each(formulas: list[str]) -> None:
    assert len(set(formulas)) == len(formulas)
    assert not any("\n" in formula for formula in formulas)


def test_nesting_is_bounded() -> None:
    def depth(formula: str) -> int:
        opened = deepest = 0
        for mark in re.findall(r"\\left|\\right|\\frac|\\sqrt", formula):
            opened += {"\\left": 1, "\\right": -1}.get(mark, 0)
            deepest = max(deepest, opened)
        return deepest

    assert max(depth(f) for f in FormulaGrammar(seed=1, max_depth=1).different(300)) == 1
    assert max(depth(f) for f in FormulaGrammar(seed=1, max_depth=2).different(300)) == 2


def test_the_normaliser_takes_every_formula(formulas: list[str]) -> None:
    for formula in formulas[:400]:
        assert normalize(formula), formula


@pytest.mark.parametrize("production", [production.name for production in PRODUCTIONS])
def test_mathtext_draws_every_production(production: str) -> None:
    grammar = FormulaGrammar(seed=3)
    drawn = [detokenize(normalize(grammar.draw_with(production))) for _ in range(3)]
    results = mathtext_renderer.render_formulas(drawn)
    assert [(f, r.error) for f, r in zip(drawn, results, strict=True) if r.image is None] == []


@pytest.mark.tex
def test_tex_draws_every_production() -> None:
    grammar = FormulaGrammar(seed=3)
    formulas = [grammar.draw_with(production.name) for production in PRODUCTIONS for _ in range(4)]
    drawn = [detokenize(normalize(formula)) for formula in formulas]
    results = renderer.render_formulas(drawn)
    assert [(f, r.error) for f, r in zip(drawn, results, strict=True) if r.image is None] == []
