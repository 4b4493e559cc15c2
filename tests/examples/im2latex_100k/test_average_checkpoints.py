"""The mean of checkpoints decodes, and is the mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from examples.im2latex_100k.average_checkpoints import AverageError, average, main
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.recognizer import Recognizer


def changed(path: Path, out: Path, factor: float) -> Path:
    """The checkpoint with its weights times a factor."""
    state = torch.load(path, weights_only=False)
    state["model"] = {
        name: tensor * factor if tensor.is_floating_point() else tensor
        for name, tensor in state["model"].items()
    }
    torch.save(state, out)
    return out


def test_the_mean(gated_checkpoint: Path, tmp_path: Path) -> None:
    other, out = changed(gated_checkpoint, tmp_path / "other.pt", 3.0), tmp_path / "mean.pt"
    main(["--checkpoints", str(gated_checkpoint), str(other), "--out", str(out)])
    one, mean = (torch.load(path, weights_only=False) for path in (gated_checkpoint, out))
    assert "last_optimizer_state" not in mean
    assert mean["model"].keys() == one["model"].keys()
    for name, tensor in one["model"].items():
        assert mean["model"][name].dtype == tensor.dtype
        expected = tensor * 2.0 if tensor.is_floating_point() else tensor
        torch.testing.assert_close(mean["model"][name], expected)
    assert Recognizer(convert_checkpoint(out)).dictionary == Recognizer.load(gated_checkpoint).dictionary


def test_the_mean_of_equals_is_each_of_them(gated_checkpoint: Path) -> None:
    one = torch.load(gated_checkpoint, weights_only=False)["model"]
    for name, tensor in average([gated_checkpoint] * 3)["model"].items():
        torch.testing.assert_close(tensor, one[name])


def test_what_has_no_mean_is_refused(
    gated_checkpoint: Path, stock_checkpoint: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(AverageError, match="two checkpoints at least"):
        average([gated_checkpoint])
    with pytest.raises(AverageError, match=r"not of the same model as .*: .* differ"):
        average([gated_checkpoint, stock_checkpoint])
    (tmp_path / "text.pt").write_text("no checkpoint")
    with pytest.raises(AverageError, match=r"text\.pt: no checkpoint of plain values"):
        average([gated_checkpoint, tmp_path / "text.pt"])
    torch.save({"weights": 1}, tmp_path / "other.pt")
    with pytest.raises(AverageError, match=r"other\.pt: no checkpoint of fairseq-train"):
        average([tmp_path / "other.pt", gated_checkpoint])
    with pytest.raises(SystemExit):
        main(
            [
                "--checkpoints",
                str(gated_checkpoint),
                str(tmp_path / "none.pt"),
                "--out",
                str(tmp_path / "o.pt"),
            ]
        )
    assert "none.pt" in capsys.readouterr().err
    assert not (tmp_path / "o.pt").exists()
