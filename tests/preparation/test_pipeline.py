from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.images.renderer import RenderResult
from im2latex_fairseq.preparation import rendering
from im2latex_fairseq.preparation.comparison import comparison_key
from im2latex_fairseq.preparation.pipeline import PreparationRun
from im2latex_fairseq.preparation.prepared_set import PreparedSet
from im2latex_fairseq.preparation.recipe import read_recipe

RECIPE = """
engine = "tex"
[[images]]
name = "valid"
files = "valid.tar"
table = "valid.tsv"
keep_refused = true
[[images]]
name = "pages"
layout = "release"
files = "release"
scale = 0.5
[[formulas]]
name = "good"
file = "good.txt"
[[formulas]]
name = "notes"
file = "notes.txt"
split_rows = true
macros = "macros.tex"
[[sources]]
name = "paper"
path = "paper"
kinds = ["display"]
[[renderings]]
name = "twice"
formulas = ["good"]
looks = { release = 1, processed = 1 }
copies = 2
[[renderings]]
name = "mixed"
formulas = ["notes", "good", "paper"]
looks = { release = 1, other = 1 }
[[splits]]
name = "valid"
sources = ["valid"]
[[splits]]
name = "train"
sources = ["pages", "twice", "mixed"]
not_in = ["valid"]
max_tokens = 30
rare_tokens = 2
"""


def drawing(width: int) -> np.ndarray:
    image = np.full((60, width), 255, np.uint8)
    image[20:40, 10:-10:3] = 0
    return image


def png(width: int) -> bytes:
    buffer = io.BytesIO()
    Image.fromarray(drawing(width)).save(buffer, "PNG")
    return buffer.getvalue()


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data"
    images = data / "release" / "formula_images"
    images.mkdir(parents=True)
    (tmp_path / "recipe.toml").write_text(RECIPE)
    (tmp_path / "macros.tex").write_text(r"\newcommand{\R}{\mathbb{R}}")
    (data / "valid.tsv").write_text("image\tformula\n0.png\tx ^ { 2 } .\n1.png\ty = { z\n")
    with tarfile.open(data / "valid.tar", "w") as archive:
        for name in ("0.png", "1.png"):
            info = tarfile.TarInfo(name)
            info.size = len(content := png(80))
            archive.addfile(info, io.BytesIO(content))
    (data / "release" / "im2latex_formulas.lst").write_bytes(b"a_1\r\nx^{2}\n a \x0c b\n")
    (data / "release" / "im2latex_train.lst").write_text(
        "0 aaa basic\n1 bbb basic\n2 ccc basic\n9 ddd basic\n"
    )
    for name in ("aaa", "bbb"):
        (images / f"{name}.png").write_bytes(png(120))
    lines = [f"a_{number % 5} b^{number}" for number in range(40)]
    (data / "good.txt").write_text("\n".join([*lines, "{x}^2", r"a_1 \once", "a" * 40, "a_{"]) + "\n")
    (data / "notes.txt").write_text("a &= b \\\\ &= \\R \\bad\nR \\in \\R\nb \\in \\R\na = a\na_1 b^1\n")
    (data / "paper").mkdir()
    (data / "paper" / "a.tex").write_text(
        r"\documentclass{article}\newcommand{\half}{\frac{b}{2}}"
        r"\begin{document}$i$ and \[ b + \half = a \]\end{document}"
    )
    return data


@pytest.fixture
def drawn(monkeypatch):
    """Stands for TeX: draws bars, knows no \\bad, and remembers what it was given."""
    formulas: list[str] = []

    def render_formulas(texts, settings, *, timeout_s, batch_size):
        formulas.extend(texts)
        return [
            RenderResult(None, r"undefined_control_sequence: \bad")
            if r"\bad" in text
            else RenderResult(drawing(60 + 4 * len(text)), None)
            for text in texts
        ]

    monkeypatch.setattr(rendering.renderer, "render_formulas", render_formulas)
    return formulas


def run(tmp_path: Path, data: Path):
    return PreparationRun(
        read_recipe(tmp_path / "recipe.toml"), data, tmp_path / "out", log=lambda text: None
    ).run()


def test_a_recipe_makes_a_folder_that_adds_up(tmp_path, data, drawn):
    reports = run(tmp_path, data)
    out = tmp_path / "out"

    valid = PreparedSet(out / "valid")
    assert [entry.formula for entry in valid.entries] == ["x ^ { 2 } .", "y = { z"]
    assert reports["import valid"].details["formulas_kept_as_given"] == 1

    assert dict(reports["import pages"].dropped) == {"image_missing": 1, "formula_missing": 1}
    assert dict(reports["normalize good"].dropped) == {"unbalanced_braces": 1}
    assert dict(reports["choose twice"].dropped) == {"in_evaluation_split": 1}
    # Formulas of the first rendering are not taken again by the second.
    assert reports["choose mixed"].dropped["in_earlier_rendering"] >= 41
    assert dict(reports["render mixed"].dropped) == {"render_undefined_control_sequence": 1}

    assert reports["extract paper"].kept == 1

    train = reports["split train"]
    assert (
        train.read
        == reports["import pages"].kept + reports["render twice"].kept + reports["render mixed"].kept
    )
    assert dict(train.dropped) == {"in_evaluation_split": 1, "rare_token": 1, "too_many_tokens": 2}
    pairs = PreparedSet(out / "train")
    assert len(pairs) == train.kept
    known = {comparison_key(entry.formula.split()) for entry in valid.entries}
    assert not known & {comparison_key(entry.formula.split()) for entry in pairs.entries}
    assert {"pages-aaa", "good-1/release", "good-1/processed"} <= {entry.id for entry in pairs.entries}

    dictionary = [line.split(" ")[0] for line in (out / "dict.txt").read_text().splitlines()]
    assert set(dictionary) == {token for entry in pairs.entries for token in entry.formula.split()}
    assert reports["dictionary"].details["formulas_with_unknown_tokens"] == {"valid": 2, "train": 0}

    assert json.loads((out / "preparation.json").read_text()) == pairs.store.settings
    stored = json.loads((out / "report.json").read_text())
    assert list(stored) == list(reports)
    for report in stored.values():
        assert report["read"] == report["kept"] + sum(report["dropped"].values())


def test_a_second_run_does_nothing_again(tmp_path, data, drawn):
    first = run(tmp_path, data)
    files = {
        path: path.stat().st_mtime_ns for path in (tmp_path / "out").rglob("*") if path.suffix == ".images"
    }
    drawn.clear()
    assert run(tmp_path, data) == first
    assert drawn == []
    assert {path: path.stat().st_mtime_ns for path in files} == files


def test_a_changed_input_redoes_what_hangs_on_it_alone(tmp_path, data, drawn):
    run(tmp_path, data)
    drawn.clear()
    with open(data / "notes.txt", "a") as file:
        file.write("a = b + a\n")
    run(tmp_path, data)
    assert any("a = b + a".replace(" ", "") in text.replace(" ", "") for text in drawn)
    assert len(drawn) < 12  # the notes, not the good list in two looks


def test_missing_data_folder(tmp_path, data):
    with pytest.raises(FileNotFoundError, match="no such data folder"):
        run(tmp_path, tmp_path / "nowhere")


def test_a_split_with_a_seed_of_its_own_stays_what_it_is(tmp_path, data, drawn):
    """A recipe's seed may change what is drawn to train on, not what everybody compares by."""

    def ids(seed: int, own: int) -> list[str]:
        some = f'[[splits]]\nname = "some"\nsources = ["twice"]\nlimit = 6\nseed = {own}\n'
        recipe = tmp_path / f"recipe_{seed}_{own}.toml"
        recipe.write_text(f"seed = {seed}\n{RECIPE}{some}")
        output = tmp_path / f"out_{seed}_{own}"
        PreparationRun(read_recipe(recipe), data, output, processes=1).run()
        return [entry.id.split("/")[0] for entry in PreparedSet(output / "some").entries]

    chosen = ids(1, 7)
    assert len(chosen) == 6
    assert ids(2, 7) == chosen
    assert ids(1, 8) != chosen
    assert ids(1, 0) == ids(1, 1) != ids(2, 0)
