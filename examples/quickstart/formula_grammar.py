"""A seeded grammar of formulas: fractions, scripts, roots, big operators, functions, delimiters, matrices.

It writes LaTeX as people do, not the normal form that a model learns; that comes later. Symbols
that no reader can tell apart in print (`o` and `0`, `l` and `1`, `\\nu` and `v`) are left out, so that every
formula can be read from its picture.

    python -m examples.quickstart.formula_grammar --count 10 --seed 1
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

# Few enough symbols that each is seen hundreds of times in a few thousand formulas; fewer still in scripts, where
# they are a few pixels high.
LATIN = tuple("abcdknxy")
CAPITALS = tuple("AFN")
GREEK = (r"\alpha", r"\beta", r"\theta", r"\lambda", r"\pi", r"\phi", r"\Gamma", r"\Omega")
INDICES = tuple("knx")
FUNCTIONS = (r"\sin", r"\cos", r"\log", r"\exp")
ACCENTS = (r"\hat", r"\bar")
OPERATORS = ("+", "-", r"\pm", r"\cdot")
RELATIONS = ("=", "=", "=", "<", r"\leq", r"\neq", r"\approx")
BRACKETS = (("(", ")"), ("[", "]"), ("|", "|"))
SUMS = (r"\sum", r"\prod")
MATRICES = ("pmatrix", "bmatrix")


@dataclass(frozen=True)
class Production:
    """One way to write a factor: its name, how often it is chosen, and whether it holds formulas in turn."""

    name: str
    weight: float
    nests: bool


PRODUCTIONS = (
    Production("symbol", 7.0, nests=False),
    Production("number", 1.5, nests=False),
    Production("subscript", 2.0, nests=False),
    Production("superscript", 2.0, nests=False),
    Production("both_scripts", 1.2, nests=False),
    Production("prime", 0.5, nests=False),
    Production("accent", 0.7, nests=False),
    Production("call", 0.8, nests=False),
    Production("fraction", 1.8, nests=True),
    Production("derivative", 0.6, nests=False),
    Production("square_root", 0.8, nests=True),
    Production("higher_root", 0.3, nests=True),
    Production("sum", 0.9, nests=False),
    Production("integral", 0.9, nests=False),
    Production("limit", 0.3, nests=False),
    Production("function", 1.0, nests=False),
    Production("brackets", 1.2, nests=True),
    Production("binomial", 0.3, nests=False),
    Production("matrix", 0.5, nests=False),
)


class FormulaGrammar:
    """Draws formulas at random; equal seeds give equal formulas, on every machine.

    Args:
        seed: Start of the random numbers.
        max_depth: How deep fractions, roots and brackets may hold one another.
    """

    def __init__(self, seed: int, max_depth: int = 1) -> None:
        self._random = random.Random(seed)
        self._max_depth = max_depth
        self._write: dict[str, Callable[[int], str]] = {
            production.name: getattr(self, f"_{production.name}") for production in PRODUCTIONS
        }

    def different(self, count: int) -> list[str]:
        """So many different formulas, in the order in which they were drawn."""
        drawn: dict[str, None] = {}
        while len(drawn) < count:
            drawn[self.draw()] = None
        return list(drawn)

    def draw(self) -> str:
        """One formula: a term, an expression, or an equation or comparison of something small with one."""
        kind = self._random.random()
        if kind < 0.4:
            # Short formulas teach a model to look: in a small picture there is little else to look at.
            return self._term(0)
        if kind < 0.65:
            return self._expression(0, max_terms=2)
        left = self._factor(self._max_depth)
        return f"{left} {self._random.choice(RELATIONS)} {self._expression(0, max_terms=2)}"

    def draw_with(self, production: str) -> str:
        """One formula that certainly holds the production named (for tests and for looking at each)."""
        return f"{self._symbol(0)} = {self._write[production](0)}"

    def _expression(self, depth: int, max_terms: int) -> str:
        count = max_terms if self._random.random() < 0.4 else 1
        terms = [self._term(depth) for _ in range(count)]
        written = terms[0]
        if self._random.random() < 0.08:
            written = "-" + written
        for term in terms[1:]:
            written += f" {self._random.choice(OPERATORS)} {term}"
        return written

    def _term(self, depth: int) -> str:
        factors = 2 if self._random.random() < (0.2 if depth == 0 else 0.1) else 1
        return " ".join(self._factor(depth) for _ in range(factors))

    def _factor(self, depth: int) -> str:
        choices = [p for p in PRODUCTIONS if depth < self._max_depth or not p.nests]
        if depth > 0:
            # Big things inside small ones make pictures that grow in both directions.
            choices = [p for p in choices if p.name not in ("sum", "integral", "limit", "matrix")]
        (chosen,) = self._random.choices(choices, weights=[p.weight for p in choices])
        return self._write[chosen.name](depth)

    def _pick(self, *groups: Sequence[str]) -> str:
        """A member of one of the groups, each group as likely as the others."""
        return self._random.choice(self._random.choice(groups))

    def _letter(self) -> str:
        return self._pick(LATIN, LATIN, CAPITALS, GREEK)

    def _symbol(self, depth: int) -> str:
        return self._letter()

    def _number(self, depth: int) -> str:
        return str(
            self._random.randint(0, 9) if self._random.random() < 0.8 else self._random.randint(10, 99)
        )

    def _script(self) -> str:
        """What stands in a script: short, since that is how scripts are."""
        kind = self._random.random()
        if kind < 0.4:
            return self._random.choice(INDICES)
        if kind < 0.75:
            return str(self._random.randint(0, 4))
        if kind < 0.92:
            return f"{self._random.choice(INDICES)} {self._random.choice('+-')} {self._random.randint(1, 2)}"
        return f"{self._random.choice(INDICES)} {self._random.choice(INDICES)}"

    def _scripted(self, mark: str) -> str:
        script = self._script()
        return f"{mark}{script}" if len(script) == 1 else f"{mark}{{{script}}}"

    def _subscript(self, depth: int) -> str:
        return self._letter() + self._scripted("_")

    def _superscript(self, depth: int) -> str:
        return self._letter() + self._scripted("^")

    def _both_scripts(self, depth: int) -> str:
        marks = self._random.choice(("_^", "^_"))
        return self._letter() + self._scripted(marks[0]) + self._scripted(marks[1])

    def _prime(self, depth: int) -> str:
        return self._pick(LATIN, CAPITALS) + self._random.choice(("'", "'", "''"))

    def _accent(self, depth: int) -> str:
        return f"{self._random.choice(ACCENTS)}{{{self._pick(LATIN, CAPITALS, GREEK)}}}"

    def _call(self, depth: int) -> str:
        arguments = ", ".join(self._letter() for _ in range(self._random.randint(1, 2)))
        return f"{self._pick(LATIN, CAPITALS, GREEK)}({arguments})"

    def _fraction(self, depth: int) -> str:
        above, below = (self._expression(depth + 1, max_terms=terms) for terms in (2, 1))
        return rf"\frac{{{above}}}{{{below}}}"

    def _derivative(self, depth: int) -> str:
        d = self._random.choice(("d", r"\partial"))
        order = self._random.choice(("", "^2"))
        variable = self._random.choice(("x", "y", *GREEK))
        return rf"\frac{{{d}{order} {self._letter()}}}{{{d} {variable}{order}}}"

    def _square_root(self, depth: int) -> str:
        return rf"\sqrt{{{self._expression(depth + 1, max_terms=2)}}}"

    def _higher_root(self, depth: int) -> str:
        degree = self._random.choice(("3", "n"))
        return rf"\sqrt[{degree}]{{{self._expression(depth + 1, max_terms=2)}}}"

    def _sum(self, depth: int) -> str:
        index = self._random.choice(INDICES)
        upper = self._random.choice((r"\infty", *CAPITALS))
        limits = rf"_{{{index}={self._random.randint(0, 1)}}}^{{{upper}}}"
        if self._random.random() < 0.2:
            limits = rf"_{{{index}}}"
        return f"{self._random.choice(SUMS)}{limits} {self._subscript(depth)}"

    def _integral(self, depth: int) -> str:
        low = self._random.choice(("0", "1", "a"))
        high = self._random.choice(("1", r"\infty", "b"))
        variable = self._random.choice("xy")
        return rf"\int_{{{low}}}^{{{high}}} {self._pick(LATIN, CAPITALS)}({variable}) \, d{variable}"

    def _limit(self, depth: int) -> str:
        target = self._random.choice((r"\infty", "0", "1"))
        variable = self._random.choice("xyn")
        return rf"\lim_{{{variable} \to {target}}} {self._pick(LATIN)}({variable})"

    def _function(self, depth: int) -> str:
        name = self._random.choice(FUNCTIONS)
        power = "^2" if self._random.random() < 0.2 else ""
        if self._random.random() < 0.5:
            return f"{name}{power} {self._letter()}"
        return rf"{name}{power}({self._letter()} {self._random.choice('+-')} {self._letter()})"

    def _brackets(self, depth: int) -> str:
        opening, closing = self._random.choice(BRACKETS)
        power = self._scripted("^") if self._random.random() < 0.3 else ""
        inner = self._expression(depth + 1, max_terms=2)
        return rf"\left{opening} {inner} \right{closing}{power}"

    def _binomial(self, depth: int) -> str:
        return rf"\binom{{{self._letter()}}}{{{self._script()}}}"

    def _matrix(self, depth: int) -> str:
        kind = self._random.choice(MATRICES)
        rows, columns = self._random.choice(((2, 2), (2, 2), (2, 3)))
        cells = [[self._cell() for _ in range(columns)] for _ in range(rows)]
        body = r" \\ ".join(" & ".join(row) for row in cells)
        return rf"\begin{{{kind}}} {body} \end{{{kind}}}"

    def _cell(self) -> str:
        kind = self._random.random()
        if kind < 0.45:
            return self._letter()
        if kind < 0.75:
            return str(self._random.randint(0, 9))
        return self._pick(LATIN) + f"_{self._random.randint(1, 2)}"


def main() -> None:
    """Print formulas, one a line."""
    parser = argparse.ArgumentParser(description="Write formulas of the quickstart's grammar, one a line.")
    parser.add_argument("--count", type=int, default=20, help="how many formulas, all different (default 20)")
    parser.add_argument("--seed", type=int, default=1, help="start of the random numbers (default 1)")
    parser.add_argument("--out", type=Path, help="file to write; standard output if none is named")
    arguments = parser.parse_args()
    text = "".join(f"{formula}\n" for formula in FormulaGrammar(arguments.seed).different(arguments.count))
    if arguments.out is None:
        print(text, end="")
    else:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        arguments.out.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
