"""The recogniser with trained models: the same as fairseq reads, alone or in batches, quickly started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch

import im2latex_fairseq
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.images.transforms import pad_to_batch, prepare, to_tensor
from im2latex_fairseq.recognition import recognizer as recognizer_module
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.model_building import build_decoder
from im2latex_fairseq.recognition.model_file import ModelFileError, card_path, save_model_file
from im2latex_fairseq.recognition.recognizer import SHIPPED_MODEL, Recognizer
from tests.recognition.tiny_models import tiny_model
from tests.synthetic_data import draw_formula, random_formula


def formulas(count: int, seed: int = 3) -> list[np.ndarray]:
    """Pictures of formulas of one to six terms."""
    rng = np.random.default_rng(seed)
    return [draw_formula(random_formula(rng, int(rng.integers(1, 7)))) for _ in range(count)]


@pytest.fixture(scope="module")
def recognizer(gated_checkpoint: Path) -> Recognizer:
    return Recognizer.load(gated_checkpoint)


def test_it_reads_what_fairseq_reads(checkpoint: Path) -> None:
    from im2latex_fairseq import plugin  # noqa: F401
    from im2latex_fairseq.models.im2latex_model import Im2LatexModel

    pictures = formulas(6)
    theirs = Im2LatexModel.from_pretrained(checkpoint).predict(pictures, max_len=8, nbest=2)
    ours = Recognizer.load(checkpoint).predict(
        pictures, max_len=8, nbest=2, constrained=False, scale=None, length_penalty=1.0
    )
    for recognition, prediction in zip(ours, theirs, strict=True):
        for reading, hypothesis in zip(recognition.readings, prediction.hypotheses, strict=True):
            assert reading.tokens == hypothesis.tokens
            assert reading.latex == hypothesis.latex
            assert reading.score == pytest.approx(hypothesis.score, abs=1e-4)


def test_half_precision_reads_the_same(checkpoint: Path, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_model_file(path, convert_checkpoint(checkpoint))
    pictures = formulas(20)
    full = Recognizer.load(checkpoint).predict(pictures, max_len=12)
    half = Recognizer.load(str(path)).predict(pictures, max_len=12)
    same = sum(a.tokens == b.tokens for a, b in zip(full, half, strict=True))
    assert same >= 19  # a model of eight updates hardly prefers one token to another
    for a, b in zip(full, half, strict=True):
        if a.tokens == b.tokens:
            assert b.readings[0].score == pytest.approx(a.readings[0].score, abs=0.02)


def test_batched_is_as_alone_on_200_pictures(recognizer: Recognizer) -> None:
    pictures = formulas(200)
    together = recognizer.predict(pictures, max_len=12, beam=2, batch_size=64)
    alone = [recognizer.predict(picture, max_len=12, beam=2) for picture in pictures]
    assert [r.tokens for r in together] == [r.tokens for r in alone]
    for a, b in zip(together, alone, strict=True):
        assert a.readings[0].score == pytest.approx(b.readings[0].score, abs=1e-4)
        assert a.confidence == pytest.approx(b.confidence, abs=1e-3)
        assert a.scale == b.scale


def test_outputs_are_well_formed_unless_told_otherwise() -> None:
    """A model that knows nothing writes anything; constrained, what it writes has its braces in pairs."""
    recognizer = Recognizer(tiny_model())
    pictures = formulas(10)
    free = recognizer.predict(pictures, max_len=20, beam=2, constrained=False, scale=None)
    bound = recognizer.predict(pictures, max_len=20, beam=2, scale=None)
    assert not all(is_balanced(r.tokens) for r in free)
    assert all(is_balanced(r.tokens) for r in bound)


def is_balanced(tokens: tuple[str, ...]) -> bool:
    depth = 0
    for token in tokens:
        depth += (token == "{") - (token == "}")
        if depth < 0:
            return False
    return depth == 0


def test_the_decoder_may_be_used_by_itself(recognizer: Recognizer) -> None:
    """What explains a reading needs attention, which `predict` doesn't return."""
    picture = recognizer.prepare(formulas(1)[0], None)
    images, sizes = pad_to_batch([to_tensor(picture.image)])
    hypothesis = recognizer.decoder.decode(
        images, sizes, DecodingSettings(beam=1, max_len=5, attention=True)
    )[0][0]
    assert hypothesis.attention is not None
    assert hypothesis.grid_size is not None
    height, width = hypothesis.grid_size
    assert hypothesis.attention.shape == (len(hypothesis.token_log_probabilities), height * width)


def test_the_random_state_of_the_program_stays(gated_checkpoint: Path) -> None:
    torch.manual_seed(5)
    expected = torch.rand(3)
    torch.manual_seed(5)
    Recognizer.load(gated_checkpoint)
    assert torch.equal(torch.rand(3), expected)


def test_threads() -> None:
    threads = torch.get_num_threads()
    try:
        with pytest.raises(ModelFileError):
            Recognizer.load(Path(__file__), threads=2)
        assert torch.get_num_threads() == 2
        with pytest.raises(ValueError, match="threads must be at least 1, got 0"):
            Recognizer.load(threads=0)
    finally:
        torch.set_num_threads(threads)


@pytest.mark.parametrize("found, device", [(True, "cuda"), (False, "cpu")])
def test_a_gpu_is_used_where_there_is_one(monkeypatch: pytest.MonkeyPatch, found: bool, device: str) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: found)
    built = []
    monkeypatch.setattr(recognizer_module, "build_decoder", lambda model, device: built.append(device.type))
    reader = Recognizer.load()
    assert (str(reader.device), built) == (device, [device])
    reader.begin_process()
    assert built[1:] == ([] if device == "cpu" else ["cpu"])


def test_from_the_front_door() -> None:
    assert im2latex_fairseq.Recognizer is Recognizer
    with pytest.raises(AttributeError, match="no attribute 'Recogniser'"):
        im2latex_fairseq.Recogniser  # noqa: B018


def test_models_that_are_not_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pt: no such checkpoint"):
        Recognizer.load(tmp_path / "none.pt")
    with pytest.raises(FileNotFoundError, match=r"none\.safetensors: no such model file"):
        Recognizer.load(tmp_path / "none.safetensors")
    monkeypatch.setattr(recognizer_module, "SHIPPED_MODEL", tmp_path / "base.safetensors")
    with pytest.raises(ModelFileError, match="this installation holds no weights"):
        Recognizer.load()


def test_models_that_can_not_be_built() -> None:
    from dataclasses import replace

    model = tiny_model()
    unknown = replace(model, architecture=replace(model.architecture, encoder="spiral"))
    with pytest.raises(ModelFileError, match=r"no image encoder 'spiral'.*once the module that registers it"):
        build_decoder(unknown)
    narrow = replace(model, architecture=replace(model.architecture, embed_dim=16))
    with pytest.raises(ModelFileError, match="size mismatch"):
        build_decoder(narrow)
    incomplete = {name: tensor for name, tensor in model.weights.items() if "output_norm" not in name}
    with pytest.raises(ModelFileError, match="the model can't be built"):
        build_decoder(replace(model, weights=incomplete))


@pytest.mark.skipif(not SHIPPED_MODEL.is_file(), reason="a checkout without the released weights")
def test_the_shipped_model() -> None:
    sizes = [SHIPPED_MODEL.stat().st_size, card_path(SHIPPED_MODEL).stat().st_size]
    assert sum(sizes) <= 40e6
    recognizer = Recognizer.load()
    assert len(recognizer.model.dictionary) > 300
    recognition = recognizer.predict(draw_formula(["x", "+", "y"]))
    assert 0.0 <= recognition.confidence <= 1.0


def test_it_starts_light(gated_checkpoint: Path, tmp_path: Path) -> None:
    """Neither fairseq nor what only other commands need is imported to read a picture; memory stays below 1 GB."""
    path = tmp_path / "model.safetensors"
    save_model_file(path, convert_checkpoint(gated_checkpoint))
    picture = tmp_path / "picture.npy"
    np.save(picture, prepare(formulas(1)[0]))
    program = (
        "import pathlib, re, sys\n"
        "import numpy as np\n"
        "from im2latex_fairseq import Recognizer\n"
        f"recognition = Recognizer.load({str(path)!r}).predict(np.load({str(picture)!r}), max_len=8)\n"
        "heavy = ('fairseq', 'hydra', 'omegaconf', 'scipy', 'matplotlib', 'sacrebleu', 'rapidfuzz')\n"
        "print([name for name in heavy if name in sys.modules])\n"
        # Not ru_maxrss: a child begins with that of the process that started it.
        "status = pathlib.Path('/proc/self/status')\n"
        "print(re.search(r'VmHWM:\\s+(\\d+) kB', status.read_text())[1] if status.exists() else 0)\n"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    imported, kilobytes = result.stdout.split("\n")[:2]
    assert imported == "[]"
    assert int(kilobytes) < 1_000_000
