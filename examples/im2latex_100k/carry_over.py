"""Bring a trained model to the dictionary of other data, so that training goes on with them.

python -m examples.im2latex_100k.carry_over --checkpoint runs/a/checkpoint_last.pt --data data-bin/wide \\
    --out runs/b/carried_over.pt
bash examples/im2latex_100k/train.sh data-bin/wide runs/b im2latex_gconv_base \\
    --finetune-from-model runs/b/carried_over.pt

The checkpoint may be a model file, the package's for example, to train it on for pictures of your own:

python -m examples.im2latex_100k.carry_over --data data-bin/mine --out runs/mine/carried_over.pt \\
    --checkpoint im2latex_fairseq/recognition/weights/base.safetensors

Rows of the embedding and of the output layer move with their tokens. A token that the checkpoint doesn't know
begins as the mean of those it knows. fairseq then begins with a fresh optimizer and learning-rate schedule.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils
from omegaconf import OmegaConf

from im2latex_fairseq.recognition.checkpoint_conversion import TASK_NAME
from im2latex_fairseq.recognition.model_file import ModelFile, load_model_file
from im2latex_fairseq.tasks.task_state import load_target_dictionary

# The rows of these are tokens: those of the gated decoder, and the stock decoder's output layer.
_TOKEN_ROWS = ("decoder.embed_tokens.", "decoder.output_bias", "decoder.fc3.")


def carry_over(
    weights: Mapping[str, torch.Tensor], old: Sequence[str], new: Sequence[str]
) -> dict[str, torch.Tensor]:
    """Reorder the decoder's weights whose rows are tokens.

    Args:
        weights: Of the model; those of embedding and output layer are (V, ...).
        old: Symbols of the checkpoint's dictionary, in order.
        new: Symbols of the other one.

    Returns:
        All weights; those of (V, ...) have become (V', ...).

    Raises:
        ValueError: There is no such weight, or it hasn't as many rows as the old dictionary has symbols.
    """
    number_of = {symbol: number for number, symbol in enumerate(old)}
    rows = torch.tensor([number_of.get(symbol, -1) for symbol in new])
    carried, moved = dict(weights), []
    for name, weight in weights.items():
        if not name.startswith(_TOKEN_ROWS) or weight.dim() == 0 or len(weight) == 1:
            continue
        if len(weight) != len(old):
            raise ValueError(f"{name} has {len(weight)} rows, the checkpoint's dictionary {len(old)} symbols")
        known = weight[rows.clamp(min=0)]
        known[rows < 0] = weight[4:].mean(0)  # after bos, pad, eos and unk
        carried[name] = known
        moved.append(name)
    if not moved:
        raise ValueError(f"no weight of the decoder is called {', '.join(_TOKEN_ROWS)}...")
    return carried


def checkpoint_of(model: ModelFile) -> dict[str, Any]:
    """What fairseq's checkpoints hold, of a model file: to train it on, from the rounded weights.

    Args:
        model: With the name of its architecture on its card, as `im2latex convert` writes it.

    Returns:
        A state as `torch.save` takes it, without an optimizer's.

    Raises:
        ValueError: The card doesn't say which architecture it is.
    """
    name = model.card.get("architecture")
    if not name:
        raise ValueError("the model file doesn't say its --arch; take the checkpoint that it was made from")
    architecture = model.architecture
    options: dict[str, Any] = {
        "_name": name,
        "image_encoder": architecture.encoder,
        "image_encoder_options": json.dumps(dict(architecture.encoder_options)),
        "decoder_embed_dim": architecture.embed_dim,
    }
    weights = {
        key: tensor.float() if tensor.is_floating_point() else tensor for key, tensor in model.weights.items()
    }
    if architecture.decoder == "fconv":
        weights["decoder.version"] = torch.tensor([2.0])  # of the format that fairseq's decoder writes
        options["decoder_layers"] = repr(_convolutions(model))
    else:
        options["decoder_heads"] = architecture.decoder_options["heads"]
    return {
        "cfg": {"model": options, "task": {"_name": TASK_NAME}},
        "model": weights,
        "optimizer_history": [
            {
                "num_updates": model.card.get("updates") or 0,
                "lr_scheduler_state": {},
                "optimizer_name": "none",
            }
        ],
        "extra_state": {"train_iterator": {"epoch": 1, "iterations_in_epoch": 0}},
        "task_state": {"dictionary": list(model.dictionary), "preparation": model.preparation.to_dict()},
        "last_optimizer_state": None,
    }


def _convolutions(model: ModelFile) -> list[tuple[int, int, int]]:
    """fairseq's way to write the layers of its decoder: channels, kernel width, layers back to the residual."""
    convolutions = []
    for number, residual in enumerate(model.architecture.decoder_options["residuals"]):
        width, _, channels = model.weights[f"decoder.convolutions.{number}.weight_v"].shape
        convolutions.append((channels // 2, width, residual))
    return convolutions


def _read(path: Path) -> dict[str, Any]:
    if path.suffix == ".safetensors":
        return checkpoint_of(load_model_file(path))
    state: dict[str, Any] = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    state["cfg"] = OmegaConf.to_container(
        state["cfg"], resolve=True
    )  # plain values, as torch's safe mode asks
    return state


def main(argv: Sequence[str] | None = None) -> None:
    """Carry a checkpoint over, as the command line says."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter, allow_abbrev=False
    )
    parser.add_argument(
        "--checkpoint", type=Path, required=True, help="the trained model, a checkpoint or a model file"
    )
    parser.add_argument("--data", type=Path, required=True, help="folder of the prepared data to go on with")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    arguments = parser.parse_args(argv)
    state = _read(arguments.checkpoint)
    new = load_target_dictionary(arguments.data / "dict.txt").symbols
    for task_state in (state["task_state"], *state["extra_state"].values()):
        if isinstance(task_state, dict) and "dictionary" in task_state:
            old = list(task_state["dictionary"])
            task_state["dictionary"] = list(new)
    state["model"] = carry_over(state["model"], old, new)
    state["last_optimizer_state"] = None  # of the old shapes, and not used: it begins afresh
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    torch.save(state, arguments.out)
    kept = len(set(old) & set(new))
    print(
        f"{arguments.out}: {kept} of {len(new)} tokens carried over, {len(new) - kept} new, {len(old) - kept} gone"
    )


if __name__ == "__main__":
    main()
