"""`im2latex export`: what it writes, what it refuses."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.commands.main import main
from im2latex_fairseq.recognition.model_file import save_model_file
from tests.recognition.tiny_models import tiny_model
from tests.synthetic_data import draw_formula, random_formula

pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'")


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("model") / "tiny.safetensors"
    save_model_file(path, tiny_model())
    return path


@pytest.fixture(scope="module")
def scans(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("scans")
    rng = np.random.default_rng(1)
    for number in range(3):
        Image.fromarray(draw_formula(random_formula(rng, 3))).save(folder / f"{number}.png")
    return folder


def export(*arguments: object) -> int:
    return main(["export", "--format", "onnx", *map(str, arguments)])


def predict(capsys: pytest.CaptureFixture[str], model: Path, scans: Path) -> list[str]:
    capsys.readouterr()
    small = ("--max-len", "8", "--beam", "2", "--threads", "1", "--quiet")
    assert main(["predict", "--model", str(model), str(scans), *small]) == 0
    return capsys.readouterr().out.splitlines()


@pytest.mark.parametrize("name", ["folder", "file.zip"])
def test_predict_reads_an_export_as_the_model(
    name: str, model: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert export(model, "--output", tmp_path / name) == 0
    said = capsys.readouterr().out
    assert said.startswith(f"{tmp_path / name}: ") and "float32" in said and said.count("\n") == 1
    assert predict(capsys, tmp_path / name, scans) == predict(capsys, model, scans)


@pytest.mark.parametrize("with_pictures", [True, False])
def test_int8(
    with_pictures: bool, model: Path, scans: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pictures = ("--pictures", scans) if with_pictures else ()
    assert export(model, "--output", tmp_path / "small", "--int8", *pictures) == 0
    assert "int8" in capsys.readouterr().out
    assert len(predict(capsys, tmp_path / "small", scans)) == 3


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["{model}", "--output", "out", "--pictures", "{scans}"], "--pictures tell the ranges of --int8"),
        (["{model}", "--output", "{model}"], "is a file; name a folder, or a file that ends in .zip"),
        (["{folder}/none.safetensors", "--output", "out"], "none.safetensors: no such"),
        (["{scans}/0.png", "--output", "out"], "0.png: no checkpoint"),
        (
            ["{model}", "--output", "out", "--int8", "--pictures", "{folder}/none.png"],
            "none.png: no such file",
        ),
        (["{model}", "--output", "out", "--int8", "--pictures", "{model}"], "tiny.safetensors"),
    ],
)
def test_bad_input_gets_one_line(
    arguments: list[str],
    message: str,
    model: Path,
    scans: Path,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    places = {"model": model, "scans": scans, "folder": tmp_path}
    assert export(*(argument.format(**places) for argument in arguments)) == 2
    captured = capsys.readouterr()
    assert captured.out == "" and captured.err.count("\n") == 1
    assert captured.err.startswith("im2latex export: error: ") and message in captured.err
    assert not (tmp_path / "out").exists()


def test_a_machine_without_onnx_is_told_what_to_install(
    model: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    assert export(model, "--output", tmp_path / "out") == 2
    assert "needs onnx and onnxruntime: pip install 'im2latex-fairseq[onnx]'" in capsys.readouterr().err


def test_help_needs_no_torch() -> None:
    program = (
        "import sys\nfor name in ('torch', 'fairseq', 'onnx', 'onnxruntime'): sys.modules[name] = None\n"
        "from im2latex_fairseq.commands.main import main\nmain(['export', '--help'])"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "examples:\n  im2latex export --format onnx" in done.stdout
