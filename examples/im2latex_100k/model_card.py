"""The model card beside the weights, written from JSON files of other scripts.

    python -m examples.im2latex_100k.model_card stage --run runs/release --commit abc1234 --hardware "..." \
        --out stage.json
    im2latex score --references DATA/valid.tsv --hypotheses generate-valid.txt --json > valid.json
    python -m examples.robustness.measure --data RAW --json robustness.json
    python -m examples.calibration.calibrate --generated ... --out calibration
    python -m examples.im2latex_100k.model_card write --weights im2latex_fairseq/recognition/weights/base.safetensors \
        --stage stage.json --scores valid=valid.json --scores pages_valid=pages.json --robustness robustness.json \
        --calibration calibration/README.md --data-report data-bin/wide/report.json
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from string import Template
from typing import Any

from examples.im2latex_100k.training_stage import TrainingStage, read_stage
from im2latex_fairseq.data.atomic_file import write_json_atomically, write_text_atomically

TEMPLATE = Path(__file__).with_name("model_card_template.md")
_JUDGED = "bleu_multi_given"


class ModelCardError(ValueError):
    """A file that isn't what the card needs; says which, and what was looked for."""


def model_card(
    model: Mapping[str, Any],
    stages: Sequence[TrainingStage],
    scores: Mapping[str, Mapping[str, Any]],
    robustness: Mapping[str, Any],
    calibration: str,
    data: Mapping[str, Mapping[str, Any]],
    *,
    name: str,
) -> str:
    """The card, Markdown.

    Args:
        model: The JSON file beside the weights.
        stages: Runs in their order.
        scores: Name of a split -> what `im2latex score --json` said of it.
        robustness: What `examples.robustness.measure --json` wrote.
        calibration: The page of `examples.calibration.calibrate`.
        data: `report.json` of the data folder: step -> its counts.
        name: Of the model.

    Raises:
        ModelCardError: One of them lacks what the card needs.
    """
    return Template(TEMPLATE.read_text(encoding="utf-8")).substitute(
        name=name,
        facts=_facts(model, stages),
        stages="\n\n".join(_stage(stage) for stage in stages),
        data=_data(data),
        scores=_scores(scores),
        robustness=_robustness(robustness),
        calibration=_calibration(calibration),
        weaknesses="\n".join(_weaknesses(scores, robustness)),
    )


def _facts(model: Mapping[str, Any], stages: Sequence[TrainingStage]) -> str:
    card = model["card"]
    rows = {
        "architecture": f"`{card['architecture']}`, convolutions and attention alone",
        "parameters": f"{card['parameters']:,}",
        "file": f"{model['bytes'] / 1e6:.1f} MB, float16, safetensors",
        "SHA-256": f"`{model['sha256']}`",
        "trained": f"{sum(s.hours for s in stages):.1f} hours, {sum(s.images for s in stages):,} pictures seen",
        "hardware": "; ".join(dict.fromkeys(stage.hardware for stage in stages)),
        "licence": "MIT, code and weights",
    }
    return "\n".join(["| | |", "|---|---|", *(f"| {key} | {value} |" for key, value in rows.items())])


def _stage(stage: TrainingStage) -> str:
    begin = f"from `{stage.began_from}`" if stage.began_from else "from random weights"
    return "\n".join(
        [
            f"**{stage.name}**: {begin}, {stage.updates:,} updates, {stage.images:,} pictures of `{stage.data}`, "
            f"{stage.hours:.2f} hours on {stage.hardware}; commit {stage.commit}.",
            "",
            "```bash",
            stage.command,
            "```",
        ]
    )


def _data(report: Mapping[str, Mapping[str, Any]]) -> str:
    lines = ["| step | read | kept | dropped |", "|---|---:|---:|---:|"]
    for step, counts in report.items():
        dropped = sum(counts["dropped"].values())
        lines.append(f"| {step} | {counts['read']:,} | {counts['kept']:,} | {dropped:,} |")
    return "\n".join(lines)


def _scores(scores: Mapping[str, Mapping[str, Any]]) -> str:
    names = list(dict.fromkeys(name for said in scores.values() for name in said["scores"]))
    lines = [f"| metric | {' | '.join(scores)} |", "|---|" + "---:|" * len(scores)]
    signatures: dict[str, str] = {}
    for name in names:
        cells = []
        for split, said in scores.items():
            one = said["scores"].get(name)
            cells.append("" if one is None else _figure(one))
            if one is not None and signatures.setdefault(name, one["signature"]) != one["signature"]:
                raise ModelCardError(f"{name} of {split} has another signature: {one['signature']}")
        lines.append(f"| `{name}` | {' | '.join(cells)} |")
    pictures = ", ".join(f"{said['counts']['references']:,} of {split}" for split, said in scores.items())
    left_out = {name: why for said in scores.values() for name, why in said["left_out"].items()}
    lines += ["", f"Pictures: {pictures}. ± is half of the 95% bootstrap interval over pictures."]
    lines += [f"- not computed: `{name}`: {why}" for name, why in left_out.items()]
    return "\n".join([*lines, "", *(f"- `{name}`: `{text}`" for name, text in signatures.items())])


def _figure(one: Mapping[str, Any]) -> str:
    if one["interval"] is None:
        return f"{one['score']:.2f}"
    low, high = one["interval"]
    return f"{one['score']:.2f} ± {(high - low) / 2:.2f}"


def _robustness(matrix: Mapping[str, Any]) -> str:
    head = ("condition", "BLEU", "edit", "exact", "BLEU lost", "allowed", "refused")
    metrics = (_JUDGED, "token_edit_accuracy_given", "exact_match_given")
    lines = [f"| {' | '.join(head)} |", "|---|" + "---:|" * (len(head) - 1)]
    for column in matrix["conditions"]:
        allowed = column["most_lost"]
        lost = (
            ""
            if allowed is None
            else f"{column['lost']:+.1f}"
            if column["held"]
            else f"**{column['lost']:+.1f}**"
        )
        cells = [column["title"], *(f"{column['scores'][name]['score']:.1f}" for name in metrics)]
        cells += [lost, "" if allowed is None else f"{allowed:.0f}", str(column["unread"])]
        lines.append(f"| {' | '.join(cells)} |")
    signatures = matrix["conditions"][0]["scores"]
    return "\n".join(
        [
            *lines,
            "",
            f"{matrix['formulas']} formulas, {matrix['pictures']}, the same under each condition, seed "
            f"{matrix['seed']}, beam {matrix['beam']}, scale {matrix['scale']}; {sum(matrix['dropped'].values())} more "
            "were left out, since a face can't draw them. Bold is more than was allowed.",
            "",
            *(f"- `{name}`: `{signatures[name]['signature']}`" for name in metrics),
        ]
    )


def _calibration(page: str) -> str:
    """The tables of the page on confidences, and the line that says what was read."""
    tables: list[list[str]] = [[]]
    for line in page.split("\n"):
        if line.startswith("|"):
            tables[-1].append(line)
        elif tables[-1]:
            tables.append([])
    found = [table for table in tables if table]
    read = next((line for line in page.split("\n") if line.startswith("- **Read**")), None)
    if len(found) < 2 or read is None:
        raise ModelCardError(
            "the page on confidences has no tables; was it written by examples.calibration.calibrate?"
        )
    titles = (
        "How true confidences are (ECE: expected calibration error, of 15 bins of as many cases each):",
        "Accept the most confident, and be right:",
        "To be right at least so often:",
    )
    parts = [read]
    for title, table in zip(titles, found, strict=False):
        parts += ["", title, "", *table]
    return "\n".join(parts)


def _weaknesses(scores: Mapping[str, Mapping[str, Any]], robustness: Mapping[str, Any]) -> list[str]:
    """What the figures themselves say."""
    lines = []
    for split, said in scores.items():
        counts = said["counts"]
        share = 100.0 * counts["unnormal_hypotheses"] / max(1, counts["references"])
        lines.append(f"- {share:.1f}% of its outputs on {split} are no formula that the normaliser can read.")
    failed = [c for c in robustness["conditions"] if not c["held"]]
    lines += [f"- {c['title'][0].upper()}{c['title'][1:]}: {c['lost']:.1f} BLEU points lost." for c in failed]
    return lines


def _read_json(path: Path, *keys: str) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ModelCardError(f"{path}: not JSON ({error})") from error
    missing = [key for key in keys if not isinstance(content, dict) or key not in content]
    if missing:
        raise ModelCardError(f"{path}: no {missing[0]!r} in it; it was written by something else")
    return dict(content)


def _scores_named(given: Sequence[str]) -> dict[str, dict[str, Any]]:
    scores = {}
    for text in given:
        name, _, path = text.rpartition("=")
        if not name:
            raise ModelCardError(f"--scores {text!r}: write NAME=FILE, for example valid=valid.json")
        scores[name] = _read_json(Path(path), "scores", "counts", "left_out")
    return scores


def build_parser() -> argparse.ArgumentParser:
    """The options."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    stage = commands.add_parser("stage", help="note what a run of fairseq-train did")
    stage.add_argument("--run", type=Path, required=True, help="folder with train.log")
    stage.add_argument("--commit", required=True, help="of the code that trained")
    stage.add_argument("--hardware", required=True, help="where it trained")
    stage.add_argument("--hours", type=float, help="by the clock, where they aren't those of the log")
    stage.add_argument("--out", type=Path, required=True, help="JSON to write")
    write = commands.add_parser("write", help="write the card")
    write.add_argument("--weights", type=Path, required=True, help="model file; its JSON lies beside it")
    write.add_argument("--stage", type=Path, action="append", required=True, help="of stage; in their order")
    write.add_argument(
        "--scores", action="append", required=True, metavar="NAME=FILE", help="im2latex score --json"
    )
    write.add_argument("--robustness", type=Path, required=True, help="of examples.robustness.measure")
    write.add_argument(
        "--calibration", type=Path, required=True, help="page of examples.calibration.calibrate"
    )
    write.add_argument("--data-report", type=Path, required=True, help="report.json of the data folder")
    write.add_argument("--name", default="im2latex_fairseq, the release model", help="of the model")
    write.add_argument("--out", type=Path, help="card to write (default: MODEL_CARD.md beside the weights)")
    return parser


def main(arguments: Sequence[str] | None = None) -> None:
    """Entry point."""
    parser = build_parser()
    options = parser.parse_args(arguments)
    try:
        if options.command == "stage":
            stage = read_stage(
                options.run, commit=options.commit, hardware=options.hardware, hours=options.hours
            )
            write_json_atomically(options.out, asdict(stage))
            print(stage.command)
            return
        card = model_card(
            _read_json(options.weights.with_suffix(".json"), "card", "bytes", "sha256"),
            [TrainingStage(**_read_json(path, "command", "images", "hours")) for path in options.stage],
            _scores_named(options.scores),
            _read_json(options.robustness, "conditions", "formulas", "pictures"),
            options.calibration.read_text(encoding="utf-8"),
            _read_json(options.data_report),
            name=options.name,
        )
    except (OSError, ValueError, TypeError) as error:
        parser.error(str(error))
    out = options.out or options.weights.with_name("MODEL_CARD.md")
    write_text_atomically(out, card)
    print(f"card: {out}")


if __name__ == "__main__":
    main()
