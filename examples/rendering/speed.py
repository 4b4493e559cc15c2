"""How fast the renderer is, and what it is made of.

    python examples/rendering/speed.py --data DIR

DIR holds im2latex100k/valid.tsv. Times are processor seconds of this process and its children, so that the figures
are formulas per second and core whatever else the machine does; the clock's time is printed beside them.
"""

from __future__ import annotations

import argparse
import functools
import os
import random
import subprocess
import sys
import tempfile
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from examples.rendering.benchmark_data import read_table
from im2latex_fairseq.images import tex_process
from im2latex_fairseq.images.confined_process import ProcessLimits, ProcessOutcome, run_confined
from im2latex_fairseq.images.renderer import (
    PROCESSED_FACE,
    RELEASE_FACE,
    RELEASE_FACE_HALVED,
    RenderSettings,
    render_formulas,
)


def child_seconds() -> float:
    """Processor seconds of ended children."""
    times = os.times()
    return times.children_user + times.children_system


def own_seconds() -> float:
    """Processor seconds of this process."""
    times = os.times()
    return times.user + times.system


def timed(action: Callable[[], None]) -> tuple[float, float]:
    """Run `action`; processor seconds (own and children's) and seconds by the clock."""
    before, start = own_seconds() + child_seconds(), time.perf_counter()
    action()
    return own_seconds() + child_seconds() - before, time.perf_counter() - start


def draw_one_by_one(formulas: Sequence[str]) -> None:
    """The naive way: a document, a `latex` and a `dvipng` for each formula, without any of our confinement."""
    with tempfile.TemporaryDirectory() as folder:
        for formula in formulas:
            source = (
                r"\documentclass[12pt]{article}\usepackage{amsmath,amssymb}\pagestyle{empty}\begin{document}"
                f"\\[{formula}\\]\\end{{document}}"
            )
            Path(folder, "one.tex").write_text(source, encoding="utf-8")
            for command in (
                ["latex", "-interaction=nonstopmode", "one.tex"],
                ["dvipng", "-D", "200", "-T", "tight", "-o", "one.png", "one.dvi"],
            ):
                subprocess.run(
                    command, cwd=folder, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                    check=False, timeout=60,
                )  # fmt: skip


def _draw_x(settings: RenderSettings) -> None:
    render_formulas(["x"], settings)


def draw_and_split(
    formulas: Sequence[str], settings: RenderSettings
) -> tuple[dict[str, float], Counter[str]]:
    """Draw, and sort the processor time by program; also the reasons of those not drawn."""
    spent: defaultdict[str, float] = defaultdict(float)

    def watched(
        command: Sequence[str], *, folder: Path, environment: Mapping[str, str], limits: ProcessLimits
    ) -> ProcessOutcome:
        before = child_seconds()
        outcome = run_confined(command, folder=folder, environment=environment, limits=limits)
        spent[Path(command[0]).name] += child_seconds() - before
        return outcome

    setattr(tex_process, "run_confined", watched)  # noqa: B010 (mypy: it is not exported)
    before = own_seconds()
    try:
        results = render_formulas(formulas, settings)
    finally:
        setattr(tex_process, "run_confined", run_confined)  # noqa: B010
    return {**spent, "python": own_seconds() - before}, Counter(
        result.reason or "drawn" for result in results
    )


def main() -> None:
    """Print the report."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--data", type=Path, required=True, help="folder that holds im2latex100k/valid.tsv")
    parser.add_argument("--samples", type=int, default=2000, help="formulas (default: %(default)s)")
    parser.add_argument(
        "--naive", type=int, default=30, help="of them, drawn one by one (default: %(default)s)"
    )
    parser.add_argument("--seed", type=int, default=1)
    arguments = parser.parse_args()
    formulas = [formula for _, formula in read_table(arguments.data / "im2latex100k" / "valid.tsv")]
    random.Random(arguments.seed).shuffle(formulas)
    formulas = formulas[: arguments.samples]

    naive_cpu, naive_wall = timed(lambda: draw_one_by_one(formulas[: arguments.naive]))
    naive = naive_cpu / arguments.naive
    print("| way | formulas/s and core | by the clock | times the naive way | latex | dvipng | python |")
    print("|---|---|---|---|---|---|---|")
    print(f"| a process pair each | {1 / naive:.1f} | {arguments.naive / naive_wall:.1f} | 1 | | | |")
    for name, settings in (
        ("RELEASE_FACE", RELEASE_FACE),
        ("RELEASE_FACE_HALVED", RELEASE_FACE_HALVED),
        ("PROCESSED_FACE", PROCESSED_FACE),
    ):
        setup_cpu, _ = timed(functools.partial(_draw_x, settings))
        shares: dict[str, float] = {}
        reasons: Counter[str] = Counter()

        def draw(settings: RenderSettings = settings, shares: dict[str, float] = shares) -> None:
            found, counted = draw_and_split(formulas, settings)
            shares.update(found)
            reasons.update(counted)  # noqa: B023 (called at once)

        cpu, wall = timed(draw)
        rate = len(formulas) / cpu
        parts = " | ".join(
            f"{1000 * shares[part] / len(formulas):.2f} ms" for part in ("latex", "dvipng", "python")
        )
        print(
            f"| {name} | {rate:.0f} | {len(formulas) / wall:.0f} | {rate * naive:.0f} | {parts} |", flush=True
        )
        print(f"{name}: {dict(reasons)}; making the format took {setup_cpu:.2f} s", file=sys.stderr)


if __name__ == "__main__":
    main()
