"""A trained model goes on with the dictionary of other data."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from examples.im2latex_100k.carry_over import carry_over, checkpoint_of
from examples.im2latex_100k.carry_over import main as carry_over_command
from im2latex_fairseq.recognition.checkpoint_conversion import convert_checkpoint
from im2latex_fairseq.recognition.model_file import save_model_file
from tests.fairseq_commands import train_tiny

_SPECIAL = ["<s>", "<pad>", "</s>", "<unk>"]


def _weights(symbols: int) -> dict[str, torch.Tensor]:
    return {
        "encoder.conv.weight": torch.ones(symbols, 2),  # as many rows by chance
        "decoder.embed_tokens.weight": torch.arange(3.0 * symbols).view(symbols, 3),
        "decoder.output_bias": torch.arange(float(symbols)),
        "decoder.layers.0.conv.weight": torch.ones(symbols, 3),
    }


def test_rows_move_with_their_tokens() -> None:
    old, new = [*_SPECIAL, "a", "b", "c"], [*_SPECIAL, "c", "new", "a"]
    weights = _weights(len(old))
    carried = carry_over(weights, old, new)
    embedding = carried["decoder.embed_tokens.weight"]
    for symbol in (*_SPECIAL, "c", "a"):
        assert torch.equal(
            embedding[new.index(symbol)], weights["decoder.embed_tokens.weight"][old.index(symbol)]
        )
    assert torch.equal(embedding[new.index("new")], weights["decoder.embed_tokens.weight"][4:].mean(0))
    assert carried["decoder.output_bias"].tolist() == [0, 1, 2, 3, 6, 5, 4]


def test_other_weights_and_the_input_stay() -> None:
    old, new = [*_SPECIAL, "a", "b"], [*_SPECIAL, "b"]
    weights = _weights(len(old))
    before = {name: weight.clone() for name, weight in weights.items()}
    carried = carry_over(weights, old, new)
    for name in ("encoder.conv.weight", "decoder.layers.0.conv.weight"):
        assert carried[name] is weights[name]
    assert all(torch.equal(weights[name], before[name]) for name in before)


def test_there_and_back_is_the_same() -> None:
    old, new = [*_SPECIAL, "a", "b", "c"], [*_SPECIAL, "c", "b", "new", "a"]
    weights = _weights(len(old))
    back = carry_over(carry_over(weights, old, new), new, old)
    assert all(torch.equal(back[name], weights[name]) for name in weights)


def test_a_checkpoint_of_another_dictionary_is_refused() -> None:
    with pytest.raises(ValueError, match="has 6 rows, the checkpoint's dictionary 5 symbols"):
        carry_over(_weights(6), [*_SPECIAL, "a"], [*_SPECIAL, "a"])
    with pytest.raises(ValueError, match="no weight of the decoder"):
        carry_over({"encoder.conv.weight": torch.ones(5, 2)}, [*_SPECIAL, "a"], [*_SPECIAL, "a"])


def test_a_model_file_is_trained_on(checkpoint: Path, prepared_data: Path, tmp_path: Path) -> None:
    """From a model file to fairseq-train and back: the weights are those of the file until an update changes them."""
    model = convert_checkpoint(checkpoint)
    save_model_file(tmp_path / "model.safetensors", model)
    out = tmp_path / "carried_over.pt"
    carry_over_command(
        ["--checkpoint", str(tmp_path / "model.safetensors"), "--data", str(prepared_data), "--out", str(out)]
    )
    carried = convert_checkpoint(out)
    assert (carried.architecture, carried.dictionary) == (model.architecture, model.dictionary)
    assert carried.preparation == model.preparation
    assert carried.weights.keys() == model.weights.keys()
    for name, weight in model.weights.items():
        torch.testing.assert_close(carried.weights[name], weight, rtol=1e-3, atol=1e-6)

    architecture = str(model.card["architecture"])
    train_tiny(
        *(prepared_data, tmp_path / "on", "--arch", architecture, "--finetune-from-model", out),
        *("--lr", 0, "--max-update", 1),
    )
    trained = convert_checkpoint(tmp_path / "on" / "checkpoint_last.pt")
    for name in ("decoder.embed_tokens.weight", "decoder.embed_positions.weight"):
        assert torch.equal(trained.weights[name], carried.weights[name])


def test_a_model_file_that_does_not_say_its_architecture_is_refused(gated_checkpoint: Path) -> None:
    with pytest.raises(ValueError, match="doesn't say its --arch"):
        checkpoint_of(replace(convert_checkpoint(gated_checkpoint), card={}))
