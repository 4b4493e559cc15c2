"""Fit the regression that tells the size of the text in a picture, and measure it.

    python examples/recognition/fit_scale.py --data DIR --output im2latex_fairseq/recognition/scale_regression.json

DIR holds im2latex100k/ and formulas/. Fitted on pictures of train, measured on pictures of valid; TeX draws half of
them.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.recognition.scale_samples import ScaleSample, scale_samples
from im2latex_fairseq.recognition.scale import ScaleRegression, measure_text

HIDDEN = 32
STEPS = 4000


def measure(samples: Iterable[ScaleSample]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Features (N, F), logarithms of the pixels an em after the reduction (N,), kinds (N,)."""
    features, targets, kinds = [], [], []
    for sample in samples:
        measured = measure_text(sample.image)
        if measured is None:
            continue
        features.append(measured[0])
        targets.append(math.log(sample.em_px / measured[1]))
        kinds.append(sample.kind)
    return np.array(features), np.array(targets), np.array(kinds)


def fit(features: np.ndarray, targets: np.ndarray) -> dict[str, list[float] | list[list[float]]]:
    """Fit one hidden layer; what `ScaleRegression.from_dict` reads."""
    torch.manual_seed(1)
    mean, deviation = features.mean(axis=0), features.std(axis=0)
    inputs = torch.tensor((features - mean) / deviation, dtype=torch.float32)
    offset = targets.mean()
    wanted = torch.tensor(targets - offset, dtype=torch.float32)
    first, last = torch.nn.Linear(inputs.shape[1], HIDDEN), torch.nn.Linear(HIDDEN, 1)
    network = torch.nn.Sequential(first, torch.nn.Tanh(), last)
    optimizer = torch.optim.AdamW(network.parameters(), lr=1e-2, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, STEPS)
    for _ in range(STEPS):
        optimizer.zero_grad()
        # Robust: some pictures (a lone rule, an accent) tell nothing of their size.
        loss = torch.nn.functional.smooth_l1_loss(network(inputs)[:, 0], wanted, beta=0.1)
        loss.backward()  # type: ignore[no-untyped-call]
        optimizer.step()
        schedule.step()
    hidden = torch.cat([first.weight, first.bias[:, None]], dim=1).detach().numpy()
    output = np.append(last.weight.detach().numpy()[0], last.bias.item() + offset)
    return {
        name: np.round(values, 5).tolist()
        for name, values in (("mean", mean), ("deviation", deviation), ("hidden", hidden), ("output", output))
    }


def report(errors: np.ndarray, kinds: np.ndarray) -> None:
    """Print how far off the logarithms are, by kind of picture."""
    print(
        "| pictures | number | median error | within 20% | within 33% | worst of 100 |\n|---|---|---|---|---|---|"
    )
    for kind in ("all", *sorted(set(kinds.tolist()))):
        chosen = np.abs(errors if kind == "all" else errors[kinds == kind])
        shares = [f"{(chosen < math.log(factor)).mean():.1%}" for factor in (1.2, 1.33)]
        median, worst = (math.expm1(np.quantile(chosen, q)) for q in (0.5, 0.99))
        print(f"| {kind} | {len(chosen)} | {median:.1%} | {' | '.join(shares)} | {worst:.0%} |")


def main() -> None:
    """Fit, write, measure."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--data", type=Path, required=True, help="folder with im2latex100k/ and formulas/")
    parser.add_argument("--output", type=Path, required=True, help="JSON to write")
    parser.add_argument("--samples", type=int, default=8000, help="to fit to; a fifth as many measure")
    arguments = parser.parse_args()
    features, targets, _ = measure(scale_samples(arguments.data, "train", arguments.samples, seed=1))
    values = fit(features, targets)
    arguments.output.write_text(json.dumps(values, indent=1) + "\n", encoding="utf-8")

    regression = ScaleRegression.from_dict(values)
    features, targets, kinds = measure(scale_samples(arguments.data, "valid", arguments.samples // 5, seed=2))
    predicted = np.array([regression.predict(row) for row in features])
    report(predicted - targets, kinds)


if __name__ == "__main__":
    main()
