from __future__ import annotations

from pathlib import Path

import pytest

from im2latex_fairseq.preparation.recipe import RecipeError, read_recipe

GOOD = """
seed = 3
[preparation]
max_width_px = 500
[dictionary]
threshold = 2
[[images]]
name = "given"
files = "images"
table = "pairs.tsv"
[[formulas]]
name = "list"
file = "formulas.txt"
[[renderings]]
name = "drawn"
formulas = ["list"]
looks = { release = 1 }
[[splits]]
name = "valid"
sources = ["given"]
[[splits]]
name = "train"
sources = ["drawn"]
not_in = ["valid"]
"""


def write(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_recipe_is_read_with_defaults(tmp_path):
    recipe = read_recipe(write(tmp_path, GOOD))
    assert recipe.seed == 3
    assert recipe.preparation.max_width_px == 500
    assert recipe.preparation.margin_px == 4
    assert recipe.dictionary_threshold == 2
    assert recipe.images[0].layout == "table"
    assert recipe.renderings[0].looks == {"release": 1.0}
    assert recipe.splits[1].not_in == ("valid",)


@pytest.mark.parametrize(
    ("old", "new", "told"),
    [
        ("seed = 3", "seed = ", "not valid TOML"),
        ("seed = 3", 'seed = "3"', "seed is '3', expected int"),
        ("seed = 3", "sed = 3", "unknown key 'sed'"),
        ('file = "formulas.txt"', "", "'file' is missing"),
        ('file = "formulas.txt"', 'file = "formulas.txt"\nencodng = "x"', "unknown key 'encodng'"),
        (
            'formulas = ["list"]',
            'formulas = ["lost"]',
            "no formulas or sources entry is called 'lost'; there are list",
        ),
        ('formulas = ["list"]', 'formulas = "list"', "expected a list of strings"),
        ('formulas = ["list"]', "formulas = []", "names no formulas"),
        ("{ release = 1 }", '{ release = "a" }', "looks.release is 'a', expected float"),
        ('sources = ["drawn"]', 'sources = ["given", "x"]', "no images or renderings entry is called 'x'"),
        ('not_in = ["valid"]', 'not_in = ["test"]', "no splits entry is called 'test'"),
        ('not_in = ["valid"]', 'not_in = ["train"]', "must come before"),
        ('table = "pairs.tsv"', "", "layout 'table' needs 'table'"),
        ('table = "pairs.tsv"', 'table = "pairs.tsv"\nlayout = "zip"', "layout 'zip'"),
        ('name = "drawn"', 'name = "given"', "two entries of images and renderings are called 'given'"),
        ('name = "train"', 'name = "../train"', "names are made of letters"),
        ("max_width_px = 500", "max_width = 500", "max_width"),
        ("threshold = 2", 'split = "test"', "no splits entry is called 'test'"),
        ("[[images]]", "[images]", "[[images]]"),
    ],
)
def test_mistakes_are_named(tmp_path, old, new, told):
    assert old in GOOD
    path = write(tmp_path, GOOD.replace(old, new))
    with pytest.raises(RecipeError) as caught:
        read_recipe(path)
    assert told in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_recipe_that_makes_nothing(tmp_path):
    with pytest.raises(RecipeError, match="makes nothing"):
        read_recipe(write(tmp_path, "seed = 1"))


def test_missing_recipe(tmp_path):
    with pytest.raises(FileNotFoundError, match="no such recipe"):
        read_recipe(tmp_path / "recipe.toml")


@pytest.mark.parametrize("path", sorted(Path(__file__).parents[2].glob("examples/*/*recipe*.toml")), ids=str)
def test_the_recipes_of_the_examples_are_valid(path):
    recipe = read_recipe(path)
    for entry in recipe.formulas:
        if entry.macros:
            assert (path.parent / entry.macros).is_file()
