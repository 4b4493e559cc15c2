"""`fairseq-train` with the plugin: what users do with it, on a handful of small pictures."""

from __future__ import annotations

import math
import socket
from pathlib import Path
from typing import Any

import pytest
import torch

from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from tests.fairseq_commands import finish, logged, start_fairseq, tiny_options, train_tiny
from tests.synthetic_data import write_data, write_split

PLUGIN_OPTION = ("--user-dir", "im2latex_fairseq")


def losses(output: str) -> list[float]:
    return [row["loss"] for row in logged(output)]


def load(path: Path) -> dict[str, Any]:
    state: dict[str, Any] = torch.load(path)
    return state


def assert_same_parameters(first: Path, second: Path, atol: float = 1e-6) -> None:
    ours, theirs = load(first)["model"], load(second)["model"]
    assert ours.keys() == theirs.keys()
    for name, tensor in ours.items():
        torch.testing.assert_close(tensor, theirs[name], rtol=0, atol=atol, msg=name)


@pytest.mark.parametrize("arch", ["im2latex_gconv_tiny", "im2latex_fconv_tiny", "im2latex_gconv_resnet"])
def test_a_resumed_run_is_as_an_unbroken_one(prepared_data: Path, tmp_path: Path, arch: str) -> None:
    """Broken in the middle of the first epoch, resumed over its end; dropout and augmentation included."""
    options: list[object] = ["--arch", arch, "--augment", "light", "--batch-size", 8]
    if arch == "im2latex_gconv_resnet":  # batch norm, whose running statistics have to come back too
        options += ["--image-encoder-options", '{"channels": 8}', "--decoder-embed-dim", 32]
        options += ["--decoder-layer-count", 1]
    unbroken = train_tiny(prepared_data, tmp_path / "unbroken", *options, "--max-update", 10)
    broken = train_tiny(prepared_data, tmp_path / "broken", *options, "--max-update", 4)
    resumed = train_tiny(prepared_data, tmp_path / "broken", *options, "--max-update", 10)
    assert {row["epoch"] for row in logged(unbroken)} == {1.0, 2.0}
    assert "Loaded checkpoint" in resumed
    assert losses(broken) + losses(resumed) == losses(unbroken)
    assert_same_parameters(
        tmp_path / "unbroken" / "checkpoint_last.pt", tmp_path / "broken" / "checkpoint_last.pt"
    )


def test_workers_change_nothing(prepared_data: Path, tmp_path: Path) -> None:
    outputs = [
        train_tiny(prepared_data, tmp_path / str(n), "--num-workers", n, "--augment", "light", "--no-save")
        for n in (0, 2)
    ]
    assert losses(outputs[0]) == losses(outputs[1])


def test_augmentation_is_of_train_pictures_only(prepared_data: Path, tmp_path: Path) -> None:
    plain, augmented = (
        train_tiny(prepared_data, tmp_path / name, "--augment", name, "--lr", 0, "--no-save")
        for name in ("none", "heavy")
    )
    assert losses(plain) != losses(augmented)
    assert logged(plain, "valid")[0]["valid_loss"] == logged(augmented, "valid")[0]["valid_loss"]


@pytest.mark.parametrize(
    "flag",
    [["--bf16-autocast"], ["--bf16"], ["--memory-efficient-bf16"]],
    ids=["bf16-autocast", "bf16", "memory-efficient-bf16"],
)
@pytest.mark.parametrize("arch", ["im2latex_gconv_tiny", "im2latex_fconv_tiny"])
def test_bf16(prepared_data: Path, tmp_path: Path, arch: str, flag: list[str]) -> None:
    """No NaN, and about the losses of float32."""
    options = ["--arch", arch, "--dropout", 0, "--max-update", 4, "--no-save"]
    full = losses(train_tiny(prepared_data, tmp_path / "full", *options))
    half = losses(train_tiny(prepared_data, tmp_path / "half", *options, *flag))
    assert len(half) == 4
    assert all(map(math.isfinite, half))
    assert half == pytest.approx(full, rel=0.05)


def test_a_checkpoint_trained_in_bf16_has_finite_float32_weights(prepared_data: Path, tmp_path: Path) -> None:
    train_tiny(prepared_data, tmp_path, "--bf16-autocast")
    for name, tensor in load(tmp_path / "checkpoint_last.pt")["model"].items():
        assert tensor.isfinite().all(), name
        assert tensor.dtype in (torch.float32, torch.int64), name


def test_validation_by_decoding(prepared_data: Path, tmp_path: Path) -> None:
    """It logs scores, picks the best checkpoint by one, and leaves training as it is."""
    arguments: list[object] = ["--max-update", 6, "--save-interval-updates", 3, "--keep-interval-updates", 1]
    arguments += ["--arch", "im2latex_fconv_tiny"]  # whose layers cache weights while decoding
    without = train_tiny(prepared_data, tmp_path / "without", *arguments)
    scored = train_tiny(
        prepared_data, tmp_path / "scored", *arguments, "--eval-generate", "--eval-generate-max-len", 20,
        "--best-checkpoint-metric", "bleu", "--maximize-best-checkpoint-metric",
    )  # fmt: skip
    rows = logged(scored, "valid")
    assert len(rows) == 2
    for row in rows:
        assert {"valid_token_accuracy", "valid_bleu", "valid_edit_accuracy", "valid_exact_match"} <= set(row)
        assert all(0.0 <= row[f"valid_{name}"] <= 100.0 for name in ("bleu", "edit_accuracy", "exact_match"))
    assert rows[-1]["valid_best_bleu"] == max(row["valid_bleu"] for row in rows)
    assert load(tmp_path / "scored" / "checkpoint_best.pt")["extra_state"]["best"] == max(
        row["valid_bleu"] for row in rows
    )
    assert losses(scored) == losses(without)
    assert_same_parameters(
        tmp_path / "without" / "checkpoint_last.pt", tmp_path / "scored" / "checkpoint_last.pt"
    )


def test_decoding_of_a_subset(prepared_data: Path, tmp_path: Path) -> None:
    row = logged(
        train_tiny(prepared_data, tmp_path, "--eval-generate", "--eval-generate-samples", 1, "--no-save"),
        "valid",
    )[0]
    assert row["valid_exact_match"] in (0.0, 100.0)  # of one picture


def test_max_tokens_counts_cells_and_tokens_and_skips_nothing(prepared_data: Path, tmp_path: Path) -> None:
    output = train_tiny(
        prepared_data, tmp_path, "--batch-size", 1000, "--max-tokens", 200, "--max-epoch", 1,
        "--max-update", 0, "--no-save",
    )  # fmt: skip
    rows = logged(output)
    tokens = sum(entry.tokens + 1 for entry in read_manifest(prepared_data / "train.tsv"))
    assert sum(row["wpb"] for row in rows) == tokens  # every sample, once
    assert 1 < len(rows) < 16
    assert "skipped" not in output


def test_several_data_folders_are_read_in_turn(tmp_path: Path) -> None:
    first = write_data(tmp_path / "first", {"train": 4, "valid": 2})
    second = write_data(tmp_path / "second", {"train": 6}, seed=2)
    output = train_tiny(
        f"{first}:{second}", tmp_path / "run", "--max-epoch", 3, "--max-update", 0, "--no-save"
    )
    read = [line for line in output.splitlines() if line.startswith("train: ")]
    assert read == [
        f"train: 4 pairs of {first}", f"train: 6 pairs of {second}", f"train: 4 pairs of {first}",
        f"train: 6 pairs of {second}",  # fairseq opens the next epoch before it sees that it was the last
    ]  # fmt: skip
    assert output.count(f"valid: 2 pairs of {first}") == 1


def test_numbered_valid_splits(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 4, "valid": 2, "valid1": 3})
    joined = train_tiny(data, tmp_path / "run", "--combine-valid-subsets", "--no-save")
    assert f"valid + valid1: 5 pairs of {data}" in joined
    each = train_tiny(data, tmp_path / "run", "--valid-subset", "valid,valid1", "--no-save")
    assert logged(each, "valid")
    assert logged(each, "valid1")
    with pytest.raises(ValueError, match=r"\['valid1'\] will be ignored.*--combine-val"):
        train_tiny(data, tmp_path / "run", "--no-save")


def test_two_processes_make_the_update_of_one_with_the_doubled_batch(tmp_path: Path) -> None:
    """As on two machines: each process has half of the batch, both end with the same weights, and can go on."""
    data = write_data(tmp_path / "data", {"valid": 2})
    formulas = [["a", sign, "b"] for sign in "+="] * 4  # one shape, so that all can be in one batch
    write_split(data, "train", formulas, PreparationSettings())
    options: list[object] = ["--dropout", 0, "--max-update", 2, "--disable-validation"]
    single = train_tiny(data, tmp_path / "one", *options, "--batch-size", 8)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    distributed = [
        "--ddp-backend", "legacy_ddp", "--distributed-backend", "gloo", "--distributed-world-size", 2,
        "--distributed-no-spawn", "--distributed-init-method", f"tcp://127.0.0.1:{port}", *PLUGIN_OPTION,
    ]  # fmt: skip

    def train_in_two(*more: object) -> list[str]:
        processes = [
            start_fairseq(
                "train", data, *tiny_options(tmp_path / "two"), *options, "--batch-size", 4, *distributed,
                "--distributed-rank", rank, *more,
            )
            for rank in (0, 1)
        ]  # fmt: skip
        return [finish(process) for process in processes]

    outputs = train_in_two()
    assert losses(outputs[0]) == pytest.approx(losses(single), abs=2e-3)
    assert len(losses(single)) == 2
    assert_same_parameters(
        tmp_path / "one" / "checkpoint_last.pt", tmp_path / "two" / "checkpoint_last.pt", atol=1e-5
    )
    resumed = train_in_two("--max-update", 3, "--load-checkpoint-on-all-dp-ranks")
    assert [row["num_updates"] for row in logged(resumed[0])] == [3.0]


def test_every_flag_reaches_the_model(prepared_data: Path, tmp_path: Path) -> None:
    output = train_tiny(
        prepared_data, tmp_path, "--arch", "im2latex_fconv_tiny", "--image-encoder", "resnet",
        "--image-encoder-options", '{"channels": 8, "blocks": 2}', "--decoder-embed-dim", 32,
        "--decoder-layers", "[(48, 3)] + [(32, 5)]", "--decoder-out-embed-dim", 32,
        "--share-input-output-embed", "--decoder-attention", "[True, False]", "--dropout", "0.3",
        "--max-target-positions", 40,
    )  # fmt: skip
    assert "ResnetEncoder" in output
    model = load(tmp_path / "checkpoint_last.pt")["model"]
    assert model["encoder.stem.weight"].shape[0] == 8
    assert model["encoder.key_projection.weight"].shape[0] == 32
    assert model["decoder.convolutions.1.weight_v"].shape[0] == 5
    assert "decoder.attention.0.in_projection.weight_v" in model
    assert not any(name.startswith("decoder.attention.1.") for name in model)
    assert torch.equal(model["decoder.fc3.weight"], model["decoder.embed_tokens.weight"])
    assert model["decoder.embed_positions.weight"].shape[0] == 40 + 2


def test_a_checkpoint_says_what_it_was_trained_with(checkpoint: Path) -> None:
    state = load(checkpoint)
    assert state["task_state"]["preparation"] == PreparationSettings().to_dict()
    assert state["task_state"]["dictionary"][:4] == ["<s>", "<pad>", "</s>", "<unk>"]
    assert state["cfg"]["model"]["image_encoder"] == "gated_grid"
    assert state["cfg"]["model"]["decoder_embed_dim"] == 96  # the preset's, not the default
