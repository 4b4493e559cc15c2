"""The mean of several checkpoints' weights, as one checkpoint to decode with.

    python -m examples.im2latex_100k.average_checkpoints --out runs/b/averaged.pt \
        --checkpoints runs/a/checkpoint_last.pt runs/b/checkpoint_last.pt

Runs that went on from one another end in the same valley, at different places of its rim; their mean lies nearer to
its ground (Izmailov et al. 2018, "Averaging Weights Leads to Wider Optima and Better Generalization"). Everything but
the weights is that of the last checkpoint; the optimiser's state is left out.
"""

from __future__ import annotations

import argparse
import pickle
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import torch
from tqdm import tqdm

from im2latex_fairseq.data.atomic_file import atomic_writer


class AverageError(ValueError):
    """Checkpoints that have no mean; says which and why."""


def average(paths: Sequence[Path]) -> dict[str, Any]:
    """Average the weights of checkpoints.

    Args:
        paths: Of fairseq-train, of one architecture and dictionary.

    Returns:
        The last one's state with the mean weights, in the types of its own, without the optimiser's state.

    Raises:
        AverageError: There are fewer than two, one isn't a checkpoint, or their weights differ in names or shapes.
        FileNotFoundError: There is no such file.
    """
    if len(paths) < 2:
        raise AverageError("a mean is one of two checkpoints at least")
    sums: dict[str, torch.Tensor] = {}
    for path in tqdm(paths, unit="checkpoint"):
        state = _load(path)
        weights = state["model"]
        shapes = {name: tuple(tensor.shape) for name, tensor in weights.items()}
        if sums and shapes != {name: tuple(tensor.shape) for name, tensor in sums.items()}:
            different = sorted(
                name
                for name in shapes.keys() | sums.keys()
                if name not in shapes or name not in sums or shapes[name] != tuple(sums[name].shape)
            )
            raise AverageError(
                f"{path}: not of the same model as {paths[0]}: {', '.join(different[:3])} differ"
            )
        for name, tensor in weights.items():
            sums[name] = sums[name] + tensor.double() if name in sums else tensor.double()
    state["model"] = {
        name: (sums[name] / len(paths)).to(tensor.dtype) if tensor.is_floating_point() else tensor
        for name, tensor in weights.items()
    }
    state.pop("last_optimizer_state", None)
    return state


def _load(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError) as error:
        raise AverageError(f"{path}: no checkpoint of plain values and tensors ({error})") from error
    if not isinstance(state, dict) or "model" not in state:
        raise AverageError(f"{path}: no checkpoint of fairseq-train")
    return state


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the mean."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--checkpoints", type=Path, nargs="+", required=True, help="the last one leads")
    parser.add_argument("--out", type=Path, required=True, help="checkpoint to write")
    options = parser.parse_args(arguments)
    try:
        state = average(options.checkpoints)
    except (OSError, AverageError) as error:
        parser.error(str(error))
    with atomic_writer(options.out) as file:
        torch.save(state, file)
    print(f"{options.out}: the mean of {len(options.checkpoints)} checkpoints")


if __name__ == "__main__":
    main()
