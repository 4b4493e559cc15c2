"""Checkpoints of fairseq-train are read without fairseq, and nothing in them can run."""

from __future__ import annotations

import argparse
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint, with_card
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS, ModelFileError
from tests.synthetic_data import TOKENS

State = dict[str, Any]


def test_what_a_gated_checkpoint_holds(gated_checkpoint: Path) -> None:
    model = convert_checkpoint(gated_checkpoint)
    architecture = model.architecture
    assert (architecture.encoder, architecture.embed_dim, architecture.decoder) == (
        "gated_grid",
        96,
        "gated_conv",
    )
    assert architecture.encoder_options["grid_channels"] == 96
    assert architecture.decoder_options == {
        "layers": 3,
        "kernel_width": 3,
        "heads": 4,
        "max_positions": 512,
        "attention_layers": [0, 1, 2],
    }
    check_what_all_have(gated_checkpoint, "im2latex_gconv_tiny")


def test_what_a_stock_checkpoint_holds(stock_checkpoint: Path) -> None:
    architecture = convert_checkpoint(stock_checkpoint).architecture
    assert architecture.decoder == "fconv"
    assert architecture.decoder_options == {
        "layers": 3,
        "residuals": [1, 1, 1],
        "attention_layers": [0, 1, 2],
        "max_positions": 512,
    }
    check_what_all_have(stock_checkpoint, "im2latex_fconv_tiny")


def check_what_all_have(checkpoint: Path, arch: str) -> None:
    model = convert_checkpoint(checkpoint)
    assert model.dictionary == (*SPECIAL_SYMBOLS, *TOKENS)
    assert model.preparation == PreparationSettings()
    assert model.card["architecture"] == arch
    assert model.card["checkpoint"] == checkpoint.name
    assert model.card["updates"] == 8
    weights = torch.load(checkpoint)["model"]
    weights.pop("decoder.version", None)
    assert set(model.weights) == set(weights)
    assert all(torch.equal(model.weights[name], tensor) for name, tensor in weights.items())
    assert model.card["parameters"] == sum(tensor.numel() for tensor in weights.values())
    assert with_card(model, {"updates": 9, "licence": "MIT"}).card == {
        **model.card,
        "updates": 9,
        "licence": "MIT",
    }


def test_flat_options_of_older_checkpoints(gated_checkpoint: Path, tmp_path: Path) -> None:
    """fairseq wrote a namespace where it now writes groups."""
    state = torch.load(gated_checkpoint)
    model, task = state["cfg"]["model"], state["cfg"]["task"]
    state["args"] = argparse.Namespace(**{**model, "arch": model["_name"], "task": task["_name"]})
    state["cfg"] = None
    torch.save(state, tmp_path / "old.pt")
    assert (
        convert_checkpoint(tmp_path / "old.pt").architecture
        == convert_checkpoint(gated_checkpoint).architecture
    )


def test_without_fairseq(gated_checkpoint: Path) -> None:
    program = (
        "import sys\n"
        "from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint\n"
        f"convert_checkpoint({str(gated_checkpoint)!r})\n"
        "print([name for name in ('fairseq', 'hydra', 'omegaconf') if name in sys.modules])"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=300
    )
    assert result.stdout.strip() == "[]"


def of_another_task(state: State) -> None:
    state["cfg"]["task"]["_name"] = "translation"


def of_another_decoder(state: State) -> None:
    state["model"] = {name: state["model"][name] for name in state["model"] if "output_bias" not in name}


def without_dictionary(state: State) -> None:
    del state["task_state"]["dictionary"]


def with_a_strange_dictionary(state: State) -> None:
    state["task_state"]["dictionary"].insert(0, "x")


def without_weights(state: State) -> None:
    del state["model"]


def without_options(state: State) -> None:
    del state["cfg"]


@pytest.mark.parametrize(
    "change, message",
    [
        (of_another_task, "of the task 'translation', not of 'im2latex'"),
        (of_another_decoder, "the decoder of 'im2latex_gconv_tiny' isn't one that is recognised"),
        (without_dictionary, "the checkpoint holds no dictionary"),
        (with_a_strange_dictionary, "its dictionary begins with x <s> <pad> </s>"),
        (without_weights, "no checkpoint of fairseq-train"),
        (without_options, "no checkpoint of fairseq-train"),
    ],
)
def test_refused_checkpoints(
    gated_checkpoint: Path, tmp_path: Path, change: Callable[[State], None], message: str
) -> None:
    state = torch.load(gated_checkpoint)
    change(state)
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(ModelFileError, match=message):
        convert_checkpoint(tmp_path / "model.pt")


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_a_checkpoint_that_is_cut_off(gated_checkpoint: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.pt").write_bytes(gated_checkpoint.read_bytes()[:size])
    with pytest.raises(ModelFileError, match=r"model\.pt: no checkpoint that can be read .*copy it again"):
        convert_checkpoint(tmp_path / "model.pt")


class _Opens:
    """Runs when unpickled."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return (Path.touch, (self.path,))


def test_what_would_run_is_refused(tmp_path: Path) -> None:
    torch.save({"model": _Opens(tmp_path / "ran")}, tmp_path / "model.pt")
    (tmp_path / "pickle.pt").write_bytes(pickle.dumps(_Opens(tmp_path / "ran")))
    for name in ("model.pt", "pickle.pt"):
        with pytest.raises(ModelFileError, match=rf"{name}: "):
            convert_checkpoint(tmp_path / name)
    assert not (tmp_path / "ran").exists()


def test_other_files_are_refused(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"none\.pt: no such checkpoint"):
        convert_checkpoint(tmp_path / "none.pt")
    torch.save([1, 2], tmp_path / "list.pt")
    with pytest.raises(ModelFileError, match="but a list"):
        convert_checkpoint(tmp_path / "list.pt")
