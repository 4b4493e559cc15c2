"""The runner against torch's recogniser, and without torch."""

from __future__ import annotations

import json
import pickle
import subprocess
import sys
import textwrap
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'")

from im2latex_fairseq.onnx_export.exporting import export_onnx
from im2latex_fairseq.onnx_runtime.onnx_model import write_onnx_model
from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.model_file import ModelFile
from im2latex_fairseq.recognition.parallel_reader import ParallelReader
from im2latex_fairseq.recognition.recognizer import Recognizer
from im2latex_fairseq.recognition.results import Recognition
from tests.recognition.tiny_models import tiny_model
from tests.synthetic_data import draw_formula, random_formula

PICTURES = 24


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(7)
    return [draw_formula(random_formula(rng, 1 + number % 6)) for number in range(PICTURES)]


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return tiny_model()


@pytest.fixture(scope="module")
def onnx(model: ModelFile) -> OnnxRecognizer:
    return OnnxRecognizer(export_onnx(model), threads=1)


def assert_same(ours: list[Recognition], theirs: list[Recognition]) -> None:
    assert [r.latex for r in ours] == [r.latex for r in theirs]
    for ours_, theirs_ in zip(ours, theirs, strict=True):
        assert [r.tokens for r in ours_.readings] == [r.tokens for r in theirs_.readings]
        assert ours_.scale == theirs_.scale
        for one, other in zip(ours_.readings, theirs_.readings, strict=True):
            assert one.score == pytest.approx(other.score, abs=1e-4)
            assert one.confidence == pytest.approx(other.confidence, abs=1e-3)
            assert one.token_confidences == pytest.approx(other.token_confidences, abs=1e-3)


@pytest.mark.parametrize(
    "options",
    [
        {"beam": 1},
        {"beam": 1, "constrained": False},
        {"beam": 5, "nbest": 3},
        {"beam": 5, "nbest": 5, "constrained": False, "max_len": 9},
        {"beam": 3, "length_penalty": 0.5, "batch_size": 5, "scale": None},
        {"beam": 2, "max_len": 200},  # more than the model has positions for
    ],
)
def test_as_torch_reads(
    model: ModelFile, onnx: OnnxRecognizer, pictures: list[np.ndarray], options: dict[str, Any]
) -> None:
    expected = Recognizer(model).predict(pictures, **options)
    assert_same(onnx.predict(pictures, **options), expected)
    assert len({r.tokens for r in expected}) >= 5  # the pictures aren't all read alike


def test_trained_models_as_torch_reads(checkpoint: Path, pictures: list[np.ndarray]) -> None:
    """Both decoders, from checkpoints."""
    trained = convert_checkpoint(checkpoint)
    onnx = OnnxRecognizer(export_onnx(trained), threads=1)
    for beam in (1, 4):
        assert_same(onnx.predict(pictures, beam=beam), Recognizer(trained).predict(pictures, beam=beam))


def test_together_as_alone(onnx: OnnxRecognizer, pictures: list[np.ndarray]) -> None:
    together = onnx.predict(pictures, beam=3, nbest=2, batch_size=10)
    assert_same(together, [onnx.predict(picture, beam=3, nbest=2) for picture in pictures])


def test_several_processes_read_the_same(onnx: OnnxRecognizer, pictures: list[np.ndarray]) -> None:
    with ParallelReader(onnx, 2) as several:
        assert_same(several.predict(pictures, max_len=12), onnx.predict(pictures, max_len=12))
    other = pickle.loads(pickle.dumps(onnx))
    assert_same(other.predict(pictures[:3], max_len=12), onnx.predict(pictures[:3], max_len=12))


def test_bfloat16_is_refused(onnx: OnnxRecognizer, pictures: list[np.ndarray]) -> None:
    with pytest.raises(ValueError, match="precision bfloat16: an exported model computes as it was exported"):
        onnx.predict(pictures[0], precision="bfloat16")


def test_threads_below_one_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
        OnnxRecognizer.load(tmp_path, threads=0)


def test_a_graph_that_is_none_is_refused(model: ModelFile) -> None:
    import dataclasses

    with pytest.raises(ValueError, match="onnxruntime refuses the graph of the encoder"):
        OnnxRecognizer(dataclasses.replace(export_onnx(model), encoder=b"no graph"))


def test_without_torch_and_fairseq(
    model: ModelFile, onnx: OnnxRecognizer, pictures: list[np.ndarray], tmp_path: Path
) -> None:
    """A program that can import neither reads files as torch's recogniser does, constrained and calibrated."""
    write_onnx_model(export_onnx(model), tmp_path / "export.zip")
    names = []
    for number, picture in enumerate(pictures):
        names.append(str(tmp_path / f"{number}.png"))
        Image.fromarray(picture).save(names[-1])
    program = """
        import json, sys
        for name in ("torch", "fairseq", "safetensors", "onnx", "scipy"):
            sys.modules[name] = None  # importing it fails
        from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer
        reader = OnnxRecognizer.load(sys.argv[1], threads=1)
        results = reader.predict(sys.argv[2:], beam=3, nbest=2)
        print(json.dumps([[r.latex, r.confidence, [list(x.tokens) for x in r.readings]] for r in results]))
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program), str(tmp_path / "export.zip"), *names],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    expected = Recognizer(model).predict(names, beam=3, nbest=2)
    for (latex, confidence, tokens), torchs in zip(json.loads(done.stdout), expected, strict=True):
        assert latex == torchs.latex
        assert confidence == pytest.approx(torchs.confidence, abs=1e-3)
        assert tokens == [list(reading.tokens) for reading in torchs.readings]


def test_without_onnxruntime_the_message_says_what_to_install(
    model: ModelFile, monkeypatch: pytest.MonkeyPatch
) -> None:
    exported = export_onnx(model)
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    with pytest.raises(ModuleNotFoundError, match=r"pip install 'im2latex-fairseq\[onnx\]'"):
        OnnxRecognizer(exported)
