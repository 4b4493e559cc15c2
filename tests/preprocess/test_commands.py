"""The command lines: every one explains itself, does its step, and says a mistake in one line."""

from __future__ import annotations

import importlib
import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.images.renderer import RenderResult
from im2latex_fairseq.preparation import rendering
from im2latex_fairseq.preparation.prepared_set import PreparedSet

ROOT = Path(__file__).parents[2]
COMMANDS = sorted(path.stem for path in (ROOT / "preprocess").glob("*.py") if path.stem != "__init__")
OWN = [
    "normalize_formulas",
    "render_formulas",
    "import_images",
    "filter_pairs",
    "split_pairs",
    "remove_duplicates",
    "merge_sets",
    "build_dictionary",
    "prepare_data",
]


def run(command: str, *arguments: object) -> int:
    return importlib.import_module(f"preprocess.{command}").main([str(argument) for argument in arguments])


@pytest.fixture
def bars(monkeypatch):
    """Stands for TeX."""

    def render_formulas(texts, settings, *, timeout_s, batch_size):
        images = [np.full((60, 60 + 4 * len(text)), 255, np.uint8) for text in texts]
        for image in images:
            image[20:40, 10:-10:3] = 0
        return [RenderResult(image, None) for image in images]

    monkeypatch.setattr(rendering.renderer, "render_formulas", render_formulas)


@pytest.mark.parametrize("command", COMMANDS)
def test_help_shows_examples(command, capsys):
    with pytest.raises(SystemExit) as caught:
        run(command, "--help")
    assert caught.value.code == 0
    text = capsys.readouterr().out
    assert f"python preprocess/{command}.py" in text


def test_the_steps_from_a_list_to_a_training_folder(tmp_path, bars, capsys):
    (tmp_path / "f.txt").write_text(
        "".join(f"x_{number % 9}^{number}\n" for number in range(60)) + "{a\nlong" * 2
    )
    table, work, data = tmp_path / "f.tsv", tmp_path / "work", tmp_path / "data"
    assert run("normalize_formulas", tmp_path / "f.txt", "--output", table, "--processes", 1) == 0
    assert "dropped: unbalanced" in capsys.readouterr().out
    assert run("filter_pairs", table, "--min-tokens", 5, "--output", work / "long.tsv") == 0
    assert (
        run(
            "render_formulas",
            work / "long.tsv",
            *("--output", work / "all", "--looks", "release=2", "processed", "--copies", 2),
            *("--engine", "tex", "--processes", 1, "--margin-px", 6),
        )
        == 0
    )
    assert PreparedSet(work / "all").store.settings["margin_px"] == 6
    assert run("split_pairs", work / "all", "--parts", "train=4", "valid=1", "--output", work) == 0
    assert (
        run("remove_duplicates", work / "train", "--not-in", work / "valid.tsv", "--output", data / "train")
        == 0
    )
    assert run("merge_sets", work / "valid", "--output", data / "valid") == 0
    assert run("build_dictionary", data / "train", "--output", data / "dict.txt", "--threshold", 2) == 0
    train, valid = PreparedSet(data / "train"), PreparedSet(data / "valid")
    assert (len(train), len(valid)) == (96, 24)
    assert "x 96\n" in (data / "dict.txt").read_text()
    report = json.loads((data / "train.report.json").read_text())
    assert report["read"] == report["kept"] == 96


def test_pictures_come_in_by_a_table(tmp_path):
    image = np.full((60, 90), 255, np.uint8)
    image[20:40, 10:-10:3] = 0
    Image.fromarray(image).save(tmp_path / "a.png")
    (tmp_path / "pairs.csv").write_text('image,formula\na.png,"f(x,y)"\nb.png,z\n')
    arguments = ("--table", tmp_path / "pairs.csv", "--output", tmp_path / "set", "--processes", 1)
    assert run("import_images", "table", tmp_path, *arguments) == 0
    (entry,) = PreparedSet(tmp_path / "set").entries
    assert entry.formula == "f ( x , y )"


@pytest.mark.parametrize(
    ("command", "arguments", "told"),
    [
        ("normalize_formulas", ["none.txt", "--output", "o.tsv"], "no such formula file"),
        ("render_formulas", ["none.tsv", "--output", "o"], "normalize_formulas.py first"),
        ("render_formulas", ["t.tsv", "--output", "o", "--looks", "gothic"], "no look is called 'gothic'"),
        ("render_formulas", ["t.tsv", "--output", "o", "--looks", "release=much"], "write NAME=WEIGHT"),
        ("render_formulas", ["t.tsv", "--output", "o", "--margin-px", "0"], "margin_px"),
        ("render_formulas", ["t.tsv", "--output", "o", "--processes", "0"], "at least 1"),
        ("import_images", ["table", ".", "--output", "o"], "needs --table"),
        ("import_images", ["release", "nowhere", "--output", "o"], "no such folder"),
        ("filter_pairs", ["none", "--output", "o"], "no prepared set"),
        ("split_pairs", ["t.tsv", "--output", "o", "--parts", "train"], "write NAME=SHARE"),
        ("remove_duplicates", ["t.tsv", "--output", "o.tsv"], "nothing to do"),
        ("merge_sets", ["t.tsv", "t.tsv", "--output", "o.tsv"], "is in two tables"),
        ("build_dictionary", ["t.tsv", "--threshold", "5", "--output", "d"], "lower the threshold"),
        ("prepare_data", ["none.toml", "--data", ".", "--output", "o"], "no such recipe"),
    ],
)
def test_a_mistake_is_one_line_and_status_2(tmp_path, monkeypatch, capsys, command, arguments, told):
    monkeypatch.chdir(tmp_path)
    Path("t.tsv").write_text("id\tsource\tformula\na\ts\tx\n")
    assert run(command, *arguments) == 2
    error = capsys.readouterr().err.strip()
    assert told in error
    assert len(error.splitlines()) == 1


@pytest.mark.parametrize(
    "call", [["preprocess/merge_sets.py"], ["-m", "preprocess.merge_sets"]], ids=["file", "module"]
)
def test_commands_run_as_files_and_as_modules(call, tmp_path):
    (tmp_path / "t.tsv").write_text("id\tsource\tformula\na\ts\tx\n")
    arguments = [tmp_path / "t.tsv", "--output", tmp_path / "o.tsv"]
    done = subprocess.run(
        [sys.executable, *call, *map(str, arguments)], cwd=ROOT, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert "kept" in done.stdout
