"""The experiments: their list, how one is run, what is kept, and the page that is written of it."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from examples.im2latex_100k import experiment_run
from examples.im2latex_100k.experiment_list import (
    Experiment,
    ExperimentListError,
    Series,
    read_experiments,
)
from examples.im2latex_100k.experiment_page import COLUMNS, PageError, fill_between, section
from examples.im2latex_100k.experiment_result import (
    METRICS,
    CurvePoint,
    Result,
    ResultError,
    Score,
    collect,
    read_result,
    thinned,
    write_result,
)
from examples.im2latex_100k.experiment_run import (
    RunError,
    decoding_command,
    read_cost,
    run_experiment,
    share_of_data,
    training_command,
)
from examples.im2latex_100k.experiments import HERE, main, read_results
from examples.im2latex_100k.training_log import Progress
from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.data.manifest import make_entry, read_manifest, write_manifest

SERIES = Series("short", "Short runs", "To see.", 10, beam=2, flags=("--seed", "1"))
BASE = Experiment("short", "base", "as it is", "Compared with.", "im2latex_gconv_tiny")
OTHER = replace(
    BASE, name="other", change="half", question="Why?", flags=("--lr", "1"), user_dir="examples/x"
)

PICTURES = 12
LOG = """
num. shared model params: 1,234,567 (num. trained: 1,234,567)
{"epoch": 1, "ppl": "30", "bsz": "10", "num_updates": "5", "wall": "1800"}
{"epoch": 1, "ppl": "20", "bsz": "10", "num_updates": "10", "wall": "3600"}
{"epoch": 1, "valid_1000_ppl": "9.5", "valid_1000_num_updates": "10"}
done training in 3600 seconds
"""


def result(name: str, bleu: float, cpu_hours: float | None = 2.0) -> Result:
    scores = {metric: Score(bleu, bleu - 1, bleu + 1, f"{metric}|v") for metric in METRICS}
    curve = (CurvePoint(100, 0.5, 30.0), CurvePoint(200, 1.0, 9.0))
    return Result(name, 1_234_567, 10, 200, 1.0, cpu_hours, "abc", "1 thread", 9.5, 1000, scores, curve)


def write_run(run: Path) -> None:
    run.mkdir(parents=True)
    (run / "train.log").write_text(LOG, encoding="utf-8")
    samples = "".join(f"T-{n}\ta = b + c\nH-{n}\t-0.5\ta = b + c\n" for n in range(PICTURES))
    (run / "generate-valid_1000.txt").write_text(
        f"{samples}Generate valid_1000 with beam=5: BLEU4 = 1.00\n", encoding="utf-8"
    )


def test_the_shipped_list_holds_what_was_asked() -> None:
    listed = read_experiments()
    assert {series.name for series in listed.series} == {"long", "short"}
    names = {experiment.name for experiment in listed.experiments}
    assert {
        "no_row_context",
        "no_positions",
        "attention_last",
        "depth_4",
        "stride_8x4",
        "half_data",
        "data_5_percent",
        "again",
        "row_rnn",
    } < names
    page = (HERE / "EXPERIMENTS.md").read_text(encoding="utf-8")
    for series in listed.series:
        assert f"<!-- {series.name} -->" in page
        assert listed.of(series)
    for experiment in listed.experiments:
        assert (
            experiment_run.CHECKOUT / (experiment.user_dir or "im2latex_fairseq") / "__init__.py"
        ).exists()


def test_the_shipped_page_is_what_its_results_say(tmp_path: Path) -> None:
    """No figure on it was typed by hand."""
    pytest.importorskip("matplotlib")
    page = tmp_path / "EXPERIMENTS.md"
    before = (HERE / "EXPERIMENTS.md").read_text(encoding="utf-8")
    page.write_text(before, encoding="utf-8")
    main(["page", "--page", str(page)])
    assert page.read_text(encoding="utf-8") == before
    assert read_results(HERE / "results")
    for curves in HERE.glob("experiments_*.png"):
        assert curves.stat().st_size < 200_000


@pytest.mark.parametrize(
    "text, message",
    [
        ("[[serie]]\nname = 'a'", "unknown table 'serie'"),
        ("[[series]]\nname = 'a'\ntitle = 't'\nwhy = 'w'", "a: updates is missing"),
        ("[[series]]\nname = 'a'\ntitle = 't'\nwhy = 'w'\nupdates = '3'", "updates = '3' is of another type"),
        ("[[experiment]]\nname = 'a'\nspeed = 1", "a: unknown key 'speed'"),
        (
            "[[experiment]]\nseries = 'no'\nname = 'a'\nchange = 'c'\nquestion = 'q'\narch = 'x'",
            "'a' is of no series 'no'",
        ),
        ("[[series", "experiments.toml"),
    ],
)
def test_a_wrong_list_is_refused(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "experiments.toml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ExperimentListError, match=message):
        read_experiments(path)


def test_commands() -> None:
    run, data = Path("runs/other"), Path("data")
    train = training_command(OTHER, SERIES, data, run)
    assert train[2:5] == ["data", "runs/other", "im2latex_gconv_tiny"]
    assert train[5:7] == ["--seed", "1"]
    assert train[-2:] == ["--lr", "1"]  # those of the experiment win
    decode = decoding_command(OTHER, SERIES, data, run)
    assert decode[2:8] == ["data", "runs/other/checkpoint_last.pt", "runs/other", "valid_1000", "--beam", "2"]
    for command in (train, decode):
        assert command[command.index("--user-dir") + 1].endswith("examples/x")


def test_a_run_is_resumed_and_its_cost_adds_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two scripts in place of fairseq's: the first training fails, the next ends, then nothing is done again."""
    train = tmp_path / "train.sh"
    train.write_text(
        'echo "$UPDATES" >> "$2/calls"; python3 -c "sum(range(3000000))"\n'
        '[ "$(wc -l < "$2/calls")" -ge 2 ] || exit 1\necho "done training in 1 seconds" > "$2/train.log"\n',
        encoding="utf-8",
    )
    (tmp_path / "generate.sh").write_text('echo x >> "$3/generate-$4.txt"\n', encoding="utf-8")
    monkeypatch.setattr(experiment_run, "HERE", tmp_path)
    run = tmp_path / "run"
    with pytest.raises(RunError, match=r"train\.sh failed with status 1; its output is in .*train\.out"):
        run_experiment(BASE, SERIES, tmp_path, run)
    first = read_cost(run)
    assert first is not None and first.cpu_hours > 0
    for _ in range(2):
        run_experiment(BASE, SERIES, tmp_path, run)
    assert (run / "calls").read_text(encoding="utf-8") == "10\n10\n"
    assert (run / "generate-valid_1000.txt").read_text(encoding="utf-8") == "x\n"
    second = read_cost(run)
    assert second is not None and second.cpu_hours > first.cpu_hours
    assert second.commit == experiment_run.commit_of_checkout()


def test_half_of_the_data(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    with ImageStoreWriter(data / "train.images") as store:
        for number in range(40):
            store.add(np.full((8 + number, 20), 255, dtype=np.uint8))
    write_manifest(data / "train.tsv", [make_entry(f"f{n}", (8 + n, 20), f"x + {n}") for n in range(40)])
    (data / "train.report.json").write_text("{}", encoding="utf-8")
    for name in ("dict.txt", "preparation.json", "valid_1000.tsv"):
        (data / name).write_text("{}", encoding="utf-8")
    half = share_of_data(data, 0.5, tmp_path / "half")
    assert 15 <= len(read_manifest(half / "train.tsv")) <= 25
    assert {path.name for path in half.iterdir()} >= {
        "dict.txt",
        "preparation.json",
        "valid_1000.tsv",
        "train.images",
    }
    assert not list(half.glob("rest*"))
    share_of_data(data, 0.5, tmp_path / "half")  # there already


def test_what_is_kept_of_a_run(tmp_path: Path) -> None:
    write_run(tmp_path / "run")
    references = tmp_path / "valid_1000.tsv"
    write_manifest(references, [make_entry(f"f{n}", (10, 20), "a = b + c") for n in range(PICTURES)])
    kept = collect(
        "base",
        tmp_path / "run",
        "valid_1000",
        references=references,
        commit="abc",
        hardware="here",
        hours=2.0,
    )
    assert (kept.parameters, kept.updates, kept.images, kept.hours, kept.valid_ppl) == (
        1234567,
        10,
        100,
        2.0,
        9.5,
    )
    assert kept.scores["bleu_multi_given"].score == 100.0
    assert "tokens:unified" in kept.scores["exact_match_unified"].signature
    assert kept.curve == (CurvePoint(50, 1.0, 30.0), CurvePoint(100, 2.0, 20.0))
    write_result(tmp_path / "base.json", kept)
    assert read_result(tmp_path / "base.json") == kept


def test_what_is_not_a_finished_run(tmp_path: Path) -> None:
    with pytest.raises(ResultError, match=r"train\.log is missing; run the experiment first"):
        collect("base", tmp_path, "valid_1000", references=tmp_path, commit="", hardware="")
    (tmp_path / "base.json").write_text(json.dumps({"name": "base"}), encoding="utf-8")
    with pytest.raises(ResultError, match="not a result"):
        read_result(tmp_path / "base.json")


def test_curves_are_thinned_by_geometric_means() -> None:
    progress = [Progress(n, 10.0 * n, 0.1 * n, ppl) for n, ppl in enumerate((4.0, 16.0, 2.0), start=1)]
    assert thinned(progress, points=2) == (CurvePoint(20, 0.2, 8.0), CurvePoint(30, 0.3, 2.0))
    assert len(thinned(progress * 100, points=60)) == 60


def test_a_section_compares_with_the_first(tmp_path: Path) -> None:
    listed = replace(
        read_experiments(), series=(SERIES,), experiments=(BASE, OTHER, replace(BASE, name="third"))
    )
    results = {"base": result("base", 70.0), "other": result("other", 71.5, cpu_hours=1.0)}
    text = section(listed, SERIES, results, "curves.png")
    assert "*BLEU 71.5, +1.5 against `base`, at 0.50 times the hours; their intervals overlap.*" in text
    assert "*Not run yet.*" in text
    assert "| `other` | 1.2M | 200 | 1.00 | 9.50 | 71.5 ± 1.0 |" in text
    assert all(f"{name}|v" in text for name in COLUMNS.values())
    results["other"] = result("other", 60.0, cpu_hours=None)
    text = section(listed, SERIES, results, "curves.png")
    assert "*BLEU 60.0, -10.0 against `base`.*" in text  # hours of the wall say nothing beside CPU hours
    assert "1.00 (wall)" in text


def test_a_section_says_which_run_was_made_where() -> None:
    listed = read_experiments()
    series = next(series for series in listed.series if series.name == "short")
    results = {"baseline": result("baseline", 30.0), "stock": result("stock", 20.0)}
    assert "Commit abc; 1 thread. One run each." in section(listed, series, results, "curves.png")
    results["stock"] = replace(results["stock"], hardware="2 threads", commit="def")
    text = section(listed, series, results, "curves.png")
    assert "`baseline` by commit abc; 1 thread. `stock` by commit def; 2 threads." in text
    assert "-10.0 against `baseline`.*" in text  # hours of other hardware say nothing


def test_hardware_names_a_precision_that_is_not_the_usual_one(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setenv("PRECISION", "float32")
    in_float32 = experiment_run.describe_hardware()
    monkeypatch.delenv("PRECISION")
    assert in_float32 == experiment_run.describe_hardware() + ", float32"


def test_only_what_is_between_the_markers_changes() -> None:
    page = "before\n<!-- a -->\nold\n<!-- /a -->\nafter\n"
    assert fill_between(page, "a", "new\n") == "before\n<!-- a -->\nnew\n<!-- /a -->\nafter\n"
    with pytest.raises(PageError, match="needs <!-- b -->"):
        fill_between(page, "b", "new")


def test_the_command_says_what_is_wrong(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["run", "nothing", "--data", "data"])
    assert "no experiment 'nothing'; there are gconv_base" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["run", "--data", "data", "nothing"])  # as EXPERIMENTS.md writes it: the names last
    assert "no experiment 'nothing'; there are gconv_base" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["collect"])
    assert "--data is needed" in capsys.readouterr().err
