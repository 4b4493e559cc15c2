"""Fits confidences to a decoded split, measures them, and writes them with a page and a plot.

    fairseq-generate DATA --gen-subset valid --beam 5 --nbest 2 ... > generate-valid.txt
    python -m examples.calibration.calibrate --generated generate-valid.txt --data DATA --split valid --out OUT

OUT then holds calibration.json (`Calibration.to_dict`, fitted to all pictures), README.md and reliability.png. What
the page says was measured by halves: each picture was judged by a calibration fitted to the other half.
The plot needs matplotlib (`pip install im2latex-fairseq[mathtext]`).
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import get_args

from examples.calibration.cross_fitting import Cases, cross_fit
from examples.calibration.judged_log import JudgedLog, read_judged_log
from examples.calibration.page import Page, write_page
from examples.calibration.reliability_plot import draw_reliability
from im2latex_fairseq.data.atomic_file import write_json_atomically, write_text_atomically
from im2latex_fairseq.decoding.calibration_fitting import fit_calibration
from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.metrics.pair import Form


@dataclass(frozen=True)
class Calibrated:
    """What came of one log in one form.

    Attributes:
        log: What was read.
        calibration: Fitted to all of it.
        tokens: Judged by halves.
        formulas: The same.
    """

    log: JudgedLog
    calibration: Calibration
    tokens: Cases
    formulas: Cases


def calibrate(generated: Path, manifest: Path, form: Form, *, model: str, seed: int) -> Calibrated:
    """Fit and measure.

    Args:
        generated: Log of fairseq-generate.
        manifest: Of the decoded split.
        form: In which a formula must be equal to be right.
        model: What decoded it, for people.
        seed: Of the cut into halves.
    """
    log = read_judged_log(generated, manifest, form)
    meaning = f"right: equal tokens of the {form} form"
    fitted_on = f"{len(log.readings)} pictures of {manifest.stem} read by {model}; {meaning}"
    tokens, formulas = cross_fit(log.readings, seed, with_lead=log.has_leads)
    return Calibrated(log, fit_calibration(log.readings, fitted_on=fitted_on), tokens, formulas)


def main(arguments: Sequence[str] | None = None) -> None:
    """Write calibration, page and plot; print the page."""
    parser = argparse.ArgumentParser(description="Calibrate confidences on a decoded split.")
    parser.add_argument("--generated", type=Path, required=True, help="output of fairseq-generate")
    parser.add_argument("--data", type=Path, required=True, help="data folder that was decoded")
    parser.add_argument("--split", default="valid", help="split that was decoded (default valid)")
    parser.add_argument("--out", type=Path, required=True, help="folder to write")
    parser.add_argument("--model", default="a model", help="what decoded it, for the page")
    parser.add_argument("--seed", type=int, default=1, help="of the cut into halves (default 1)")
    parser.add_argument(
        "--form",
        choices=get_args(Form),
        default="unified",
        help="form in which right is equal (default unified)",
    )
    options = parser.parse_args(arguments)
    manifest = options.data / f"{options.split}.tsv"
    try:
        results = {
            form: calibrate(options.generated, manifest, form, model=options.model, seed=options.seed)
            for form in dict.fromkeys((options.form, "normal", "unified"))
        }
        chosen = results[options.form]
        draw_reliability([chosen.tokens, chosen.formulas], options.out / "reliability.png")
    except (OSError, RuntimeError, ValueError) as error:
        parser.error(str(error))
    page = write_page(
        Page(
            model=options.model,
            split=options.split,
            seed=options.seed,
            pictures=chosen.log.pictures,
            decoded=len(chosen.log.readings),
            has_leads=chosen.log.has_leads,
            form=options.form,
            tokens=chosen.tokens,
            formulas={form: result.formulas for form, result in results.items()},
        )
    )
    write_json_atomically(options.out / "calibration.json", chosen.calibration.to_dict())
    write_text_atomically(options.out / "README.md", page)
    print(page)


if __name__ == "__main__":
    main()
