from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
from PIL import Image

from examples.quickstart.compare_readings import is_same_formula, main, table
from examples.quickstart.draw_pictures import PICTURES, read_formulas

FORMULAS = {"a.png": r"\frac{1}{2}", "long name.png": "x", "c.png": "y"}


@pytest.mark.parametrize(
    "latex, formula, same",
    [
        (r"\frac 1 2", r"\frac{1}{2}", True),  # the same by its normal form
        ("x^2", "x^{2}", True),
        ("x^2", "x_2", False),
        ("x {", "x {", False),  # no formula, though the same text
        (None, "", False),
    ],
)
def test_same_formulas(latex: str | None, formula: str, same: bool) -> None:
    assert is_same_formula(latex, formula) is same


def test_the_table_shows_what_is_true_where_it_was_misread() -> None:
    readings = {
        "a.png": {"latex": r"\frac12", "confidence": 0.987, "error": None},
        "long name.png": {"latex": "y", "confidence": 0.05, "error": None},
        "c.png": {"latex": None, "error": "c.png: no such file"},
    }
    assert table(readings, FORMULAS).split("\n") == [
        r"a.png           99%  \frac12",
        "long name.png    5%  y",
        "               true  x",
        "c.png               c.png: no such file",
        "1 of 3 are right, by their normal form",
    ]


def test_a_picture_that_was_not_read_is_not_right() -> None:
    assert "c.png               not read\n0 of 3 are right" in table({}, FORMULAS)


def test_the_command_finds_pictures_by_their_names(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = [
        {"path": f"some/where/{name}", "latex": formula, "confidence": 1.0, "error": None}
        for name, formula in read_formulas().items()
    ]
    (tmp_path / "read.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    options = ["--readings", str(tmp_path / "read.jsonl"), "--formulas", str(PICTURES / "formulas.tsv")]
    monkeypatch.setattr(sys, "argv", ["compare_readings", *options])
    main()
    assert capsys.readouterr().out.endswith("10 of 10 are right, by their normal form\n")


def test_each_sample_picture_has_its_formula() -> None:
    formulas = read_formulas()
    assert sorted(formulas) == sorted(path.name for path in PICTURES.glob("*.png"))
    for name, formula in formulas.items():
        assert is_same_formula(formula, formula)
        with Image.open(PICTURES / name) as picture:
            assert picture.mode == "L"
