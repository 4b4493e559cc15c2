"""Data and checkpoints that don't fit: each gives one clear error, or a counted, named skip."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from im2latex_fairseq.data.manifest import make_entry, read_manifest, write_manifest
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from tests.fairseq_commands import logged, run_fairseq, train_tiny
from tests.synthetic_data import TOKENS, write_data

SIZES = {"train": 6, "valid": 3}


@pytest.fixture
def checkpoint(gated_checkpoint: Path) -> Path:
    """One decoder is enough here."""
    return gated_checkpoint


def generate(data: Path, checkpoint: Path, *arguments: object) -> str:
    return run_fairseq(
        "generate", data, "--task", "im2latex", "--path", checkpoint, "--gen-subset", "valid", "--beam", 1,
        "--batch-size", 4, "--max-len-b", 8, "--num-workers", 0, *arguments,
    )  # fmt: skip


# -- data folders --------------------------------------------------------------------------------------


def no_dictionary(data: Path) -> None:
    (data / "dict.txt").unlink()


def empty_dictionary(data: Path) -> None:
    (data / "dict.txt").write_text("")


def malformed_dictionary(data: Path) -> None:
    (data / "dict.txt").write_text("a b c\n")


def no_preparation(data: Path) -> None:
    (data / "preparation.json").unlink()


def store_of_another_preparation(data: Path) -> None:
    settings = PreparationSettings(margin_px=9)
    (data / "preparation.json").write_text(json.dumps(settings.to_dict()))


def no_train_split(data: Path) -> None:
    (data / "train.tsv").unlink()


def no_valid_store(data: Path) -> None:
    (data / "valid.images").unlink()


def empty_manifest(data: Path) -> None:
    write_manifest(data / "train.tsv", [])


def truncated_store(data: Path) -> None:
    path = data / "train.images"
    path.write_bytes(path.read_bytes()[:-1])


def zero_byte_store(data: Path) -> None:
    (data / "valid.images").write_bytes(b"")


@pytest.mark.parametrize(
    "spoil, message",
    [
        (no_dictionary, r"dict\.txt: no dictionary; run preprocess/build_dictionary\.py"),
        (empty_dictionary, r"dict\.txt: the dictionary holds no token"),
        (malformed_dictionary, r"dict\.txt: not a fairseq dictionary"),
        (no_preparation, r"preparation\.json: no preparation settings"),
        (store_of_another_preparation, r"margin_px: 4 here, 9 there"),
        (no_train_split, r"train\.tsv: no such file; .* has the splits valid"),
        (no_valid_store, r"valid\.images: no such file; .* has the splits train"),
        (empty_manifest, r"train\.tsv: the split is empty"),
        (truncated_store, r"train\.images: image store unusable: truncated"),
        (zero_byte_store, r"valid\.images: image store unusable: the file is empty"),
    ],
)
def test_a_spoilt_data_folder(tmp_path: Path, spoil: object, message: str) -> None:
    data = write_data(tmp_path / "data", SIZES)
    assert callable(spoil)
    spoil(data)
    with pytest.raises((ValueError, FileNotFoundError), match=message):
        train_tiny(data, tmp_path / "run", "--no-save")


@pytest.mark.parametrize(
    "options, message",
    [
        (["--augment", "strong"], r"'strong' is unknown; give a preset \(none, light"),
        (["--image-encoder", "resnet50"], "no image encoder 'resnet50'; registered are"),
        (["--image-encoder-options", "{layers: 3}"], "is not JSON"),
        (["--image-encoder-options", '{"layers": 3}'], "no option 'layers'"),
        (["--decoder-heads", "5"], "must be divisible by decoder_heads 5"),
        (["--arch", "im2latex_fconv_tiny", "--decoder-layers", "7"], "--decoder-layers '7'"),
        (["--max-tokens", "5"], r"sample \d+ costs \d+ .*raise --max-tokens"),
    ],
)
def test_wrong_options(prepared_data: Path, tmp_path: Path, options: list[str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        train_tiny(prepared_data, tmp_path, "--no-save", *options)


def test_tokens_that_the_dictionary_lacks_are_counted_and_named(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", SIZES, tokens=[token for token in TOKENS if token not in "+x"])
    formulas = [entry.formula.split() for entry in read_manifest(data / "train.tsv")]
    count = {token: sum(formula.count(token) for formula in formulas) for token in "+x"}
    assert min(count.values()) > 0
    output = train_tiny(data, tmp_path / "run")
    found = re.search(r"train\.tsv: (\d+) tokens of (\d+) kinds are not in the dictionary.*", output)
    assert found is not None
    assert [int(n) for n in found.groups()] == [sum(count.values()), 2]
    assert f"+ ({count['+']})" in found[0]
    assert f"x ({count['x']})" in found[0]
    # An unknown token is never right, also where the model writes <unk> for it.
    checkpoint = tmp_path / "run" / "checkpoint_last.pt"
    assert "<<unk>>" in generate(data, checkpoint)


def test_train_formulas_longer_than_the_limit_are_counted_and_named(tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", {"train": 12, "valid": 1})
    entries = read_manifest(data / "train.tsv")
    long = [entry for entry in entries if entry.tokens + 1 > 6]
    valid = read_manifest(data / "valid.tsv")
    write_manifest(data / "valid.tsv", [make_entry("v", (valid[0].height, valid[0].width), "x")])
    assert 0 < len(long) < len(entries)
    output = train_tiny(
        data, tmp_path / "run", "--max-target-positions", 6, "--max-epoch", 1, "--max-update", 0, "--no-save"
    )
    skipped = [line for line in output.splitlines() if line.startswith("skipped: ")]
    assert f"{len(long)} of {len(entries)} formulas have more than 6 tokens" in skipped[0]
    assert any(f"{entry.id} ({entry.tokens + 1})" in skipped[0] for entry in long)
    trained = sum(row["wpb"] for row in logged(output))
    assert trained == sum(entry.tokens + 1 for entry in entries if entry not in long)


def test_valid_formulas_longer_than_the_limit_are_refused_or_skipped(
    prepared_data: Path, tmp_path: Path
) -> None:
    options = ("--max-target-positions", 4, "--no-save")
    with pytest.raises(
        ValueError, match=r"of 6 formulas have more than 4 tokens.*valid\d \(\d+\).*; raise it"
    ):
        train_tiny(prepared_data, tmp_path, *options)
    output = train_tiny(prepared_data, tmp_path, *options, "--skip-invalid-size-inputs-valid-test")
    assert "of 6 formulas have more than 4 tokens" in output
    assert logged(output, "valid")


# -- checkpoints -----------------------------------------------------------------------------------------


def test_a_checkpoint_and_data_prepared_in_another_way(checkpoint: Path, tmp_path: Path) -> None:
    settings = replace(PreparationSettings(), margin_px=6)
    data = write_data(tmp_path / "data", SIZES, settings=settings)
    with pytest.raises(ValueError, match=r"prepared in another way .*margin_px: 4 here, 6 there"):
        generate(data, checkpoint)


@pytest.mark.parametrize(
    "tokens, message",
    [
        ([*TOKENS, "w"], r"18 types and 19; only in the checkpoint none; only in the data 'w'"),
        (["w", *TOKENS[1:]], r"only in the checkpoint 'a'; only in the data 'w'"),
        (TOKENS[::-1], r"the same 18 types in another order, from number 4 on \('a' in .*'}' in the data\)"),
    ],
)
def test_a_checkpoint_and_another_dictionary(
    checkpoint: Path, tmp_path: Path, tokens: list[str], message: str
) -> None:
    data = write_data(tmp_path / "data", SIZES, tokens=tokens)
    with pytest.raises(ValueError, match=message) as caught:
        generate(data, checkpoint)
    assert "use the dict.txt that the checkpoint was trained with" in str(caught.value)


@pytest.mark.parametrize("change", ["preparation", "dictionary"])
def test_resuming_on_other_data(tmp_path: Path, change: str) -> None:
    data = write_data(tmp_path / "data", SIZES)
    train_tiny(data, tmp_path / "run")
    if change == "preparation":
        other = write_data(tmp_path / "other", SIZES, settings=PreparationSettings(margin_px=6))
    else:
        other = write_data(tmp_path / "other", SIZES, tokens=TOKENS[::-1])
    with pytest.raises(ValueError, match=r"margin_px: 4 here, 6 there|in another order"):
        train_tiny(other, tmp_path / "run", "--max-update", 3)


def test_a_checkpoint_of_another_architecture(prepared_data: Path, checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(Exception, match=r"Cannot load model parameters .* architectures match"):
        train_tiny(prepared_data, tmp_path, "--arch", "im2latex_gconv_resnet", "--restore-file", checkpoint)


def test_a_checkpoint_with_an_encoder_that_nobody_registered(checkpoint: Path, tmp_path: Path) -> None:
    data = write_data(tmp_path / "data", SIZES)
    state = torch.load(checkpoint)
    state["cfg"]["model"]["image_encoder"] = "my_encoder"
    torch.save(state, tmp_path / "checkpoint.pt")
    with pytest.raises(ValueError, match=r"no image encoder 'my_encoder'; registered are.*--user-dir"):
        generate(data, tmp_path / "checkpoint.pt")
