"""`im2latex predict` from its options to its lines and its exit status."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from im2latex_fairseq.commands.completion import SHELLS
from im2latex_fairseq.commands.main import main
from im2latex_fairseq.decoding.settings import PRECISIONS
from im2latex_fairseq.evaluation.formula_list import read_formulas
from im2latex_fairseq.recognition.recognizer import Recognizer
from tests.commands.predictions import ROOT, FakeRecognizer, formula_picture, grey_picture

HEAVY = {"torch", "numpy", "scipy", "PIL", "fairseq", "sacrebleu", "safetensors", "tqdm", "shtab"}
SMALL = ("--max-len", "6", "--beam", "2", "--threads", "1")


def predict(*arguments: object) -> int:
    return main(["predict", *map(str, arguments)])


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> type[FakeRecognizer]:
    """A recogniser without a network, and a current folder with five pictures, one of them dark and unsure."""
    recognizer = type("Fake", (FakeRecognizer,), {})
    monkeypatch.setattr("im2latex_fairseq.recognition.recognizer.Recognizer", recognizer)
    monkeypatch.chdir(tmp_path)
    for width in range(1, 6):
        grey_picture(tmp_path / f"{width}.png", width, 10 if width == 4 else 255)
    return recognizer


# -- what is written -----------------------------------------------------------------------------------


def test_one_picture_gives_its_latex_alone(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]
) -> None:
    assert predict("3.png") == 0
    assert capfd.readouterr() == ("x_{3}\n", "")


@pytest.mark.parametrize(
    "arguments, lines",
    [
        (["1.png", "3.png"], ["1.png\tx_{1}", "3.png\tx_{3}"]),
        (
            ["5.png", "3.png", "2.png", "1.png"],
            [f"{n}.png\tx_{{{n}}}" for n in (5, 3, 2, 1)],
        ),  # in that order
        (["[13].png"], ["1.png\tx_{1}", "3.png\tx_{3}"]),  # a pattern that the shell left alone
        (["[1].png"], ["1.png\tx_{1}"]),  # it might have been several
        (["sub"], ["sub/9.png\tx_{9}"]),
        (["1.png", "3.png", "--no-path"], ["x_{1}", "x_{3}"]),
        (["3.png", "--path"], ["3.png\tx_{3}"]),
        (["3.png", "--with-confidence"], ["1.0000\tx_{3}"]),
        (["3.png", "--with-confidence", "--path"], ["3.png\t1.0000\tx_{3}"]),
        (["--from-list", "list"], ["2.png\tx_{2}"]),
        (["1.png", "--from-list", "list"], ["1.png\tx_{1}", "2.png\tx_{2}"]),
    ],
)
def test_lines(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str], arguments: list[str], lines: list[str]
) -> None:
    grey_picture(Path("sub/9.png"), 9)
    Path("list").write_text("2.png\n")
    assert predict(*arguments, "-q") == 0
    assert capfd.readouterr() == ("".join(line + "\n" for line in lines), "")


def test_a_path_with_a_tab_stays_a_column(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]
) -> None:
    grey_picture(Path("a\tb\nc.png"), 7)
    assert predict("a\tb\nc.png", "--path") == 0
    assert capfd.readouterr().out == "a\\tb\\nc.png\tx_{7}\n"


def test_json_holds_everything(fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str]) -> None:
    assert predict("3.png", "missing.png", "--json", "--nbest", 2) == 1
    read, missing = map(json.loads, capfd.readouterr().out.splitlines())
    tokens = ["x", "_", "{", "3", "}"]
    assert read == {
        "path": "3.png",
        "latex": "x_{3}",
        "tokens": tokens,
        "confidence": 1.0,
        "score": -0.5,
        "token_confidences": [1.0] * 5,
        "alternatives": [
            {
                "latex": "x_{3}'",
                "tokens": tokens,
                "confidence": 0.5,
                "score": -0.5,
                "token_confidences": [1.0] * 5,
            }
        ],
        "seconds": 0.1235,
        "scale": 1.0,
        "low_confidence": False,
        "error": None,
    }
    message = "missing.png: no such file; check the path"
    assert missing == {"path": "missing.png", "latex": None, "error": message, "reason": "missing"}


@pytest.mark.parametrize("form", ["tsv", "jsonl"])
def test_what_is_written_can_be_scored(fake: type[FakeRecognizer], form: str) -> None:
    options = ["--json"] if form == "jsonl" else []
    assert predict("1.png", "missing.png", "3.png", *options, "--output", f"read.{form}") == 1
    found = read_formulas([f"read.{form}"], "hypothesis")
    by_id = {record.key: record.text for record in found.records}
    assert found.naming == "id"
    assert by_id == {"1.png": "x_{1}", "3.png": "x_{3}"} | ({"missing.png": ""} if form == "jsonl" else {})


@pytest.mark.parametrize(
    "least, calibrated, flagged",
    [
        ([], True, True),  # 4% is little where a confidence is meant as the share that is right
        ([], False, False),  # and says nothing where it isn't
        (["--min-confidence", "1"], False, True),
        (["--min-confidence", "0.02"], True, False),
    ],
)
def test_what_was_read_with_little_confidence_is_said(
    fake: type[FakeRecognizer],
    capfd: pytest.CaptureFixture[str],
    least: list[str],
    calibrated: bool,
    flagged: bool,
) -> None:
    fake.calibration = SimpleNamespace(is_fitted=calibrated)  # type: ignore[assignment]
    assert predict("3.png", "4.png", "--json", *least) == 0
    said = capfd.readouterr()
    assert ("4.png: confidence 4%; compare it with the picture" in said.err) is flagged
    assert "3.png" not in said.err
    assert [json.loads(line)["low_confidence"] for line in said.out.splitlines()] == [False, flagged]
    assert predict("4.png", "-q", *least) == 0
    assert capfd.readouterr().err == ""


# -- options -------------------------------------------------------------------------------------------


def test_options_reach_the_recogniser(fake: type[FakeRecognizer]) -> None:
    usual = fake
    assert predict("1.png") == 0
    assert (usual.options.scale, usual.options.constrained, usual.options.rerank) == ("auto", True, None)
    assert (usual.options.precision, usual.options.batch_size) == ("float32", None)
    arguments = (
        "--beam 7 --nbest 2 --max-len 9 --batch-size 3 --scale 0.5 --no-constrained --rerank render --json "
        "--precision bfloat16"
    )
    assert predict("1.png", *arguments.split(), "--model", "m.pt", "--threads", 2, "--device", "cpu") == 0
    options = fake.options
    assert (options.beam, options.nbest, options.max_len, options.batch_size) == (7, 2, 9, 3)
    assert (options.scale, options.constrained, options.rerank) == (0.5, False, "render")
    assert options.precision == "bfloat16"
    assert fake.loaded == {"model": Path("m.pt"), "threads": 2, "device": "cpu"}


@pytest.mark.parametrize(
    "arguments, device",
    [
        ([], None),  # a GPU, if there is one
        (["--device", "cuda"], "cuda"),
        (["--precision", "int8"], "cpu"),  # which is computed there alone
        (["--processes", "2"], "cpu"),
    ],
)
def test_where_it_computes(fake: type[FakeRecognizer], arguments: list[str], device: str | None) -> None:
    predict("1.png", *arguments)
    assert fake.loaded["device"] == device


@pytest.mark.parametrize("precision", PRECISIONS)
def test_every_precision_can_be_named(fake: type[FakeRecognizer], precision: str) -> None:
    assert predict("1.png", "--precision", precision) == 0
    assert fake.options.precision == precision


@pytest.mark.parametrize(
    "arguments, says",
    [
        ([], "no pictures; name files or folders"),
        (["--null", "1.png"], "--from-list"),
        (["-", "-"], "only once"),
        (["-", "--from-list", "-"], "only once"),
        (["1.png", "--nbest", "2"], "--json"),
        (["1.png", "--nbest", "9", "--json"], "--beam at least as wide"),
        (["1.png", "--beam", "0"], "not at least 1"),
        (["1.png", "--processes", "0"], "not at least 1"),
        (["1.png", "--processes", "2", "--threads", "2"], "leave --threads out"),
        (["1.png", "--processes", "2", "--device", "cuda"], "leave --device cuda out"),
        (["1.png", "--beam", "many"], "invalid"),
        (["1.png", "--scale", "0"], "not from 0.01 to 100"),
        (["1.png", "--scale", "nan"], "not from 0.01 to 100"),
        (["1.png", "--min-confidence", "1.1"], "not from 0 to 1"),
        (["1.png", "--page", "0"], "pages count from 1"),
        (["1.png", "--suffixes", "png,,jpg"], "an ending is empty"),
        (["1.png", "--rerank", "guess"], "invalid choice"),
        (["1.png", "--output", "1.png"], "is a picture to read"),
        ([".", "--output", "3.png"], "is a picture to read"),
        (["1.png", "--output", "no/such/folder/out"], "no/such/folder/out"),
        (["1.png", "--from-list", "none.txt"], "none.txt"),
        (["1.png", "--no-such-option"], "unrecognized"),
    ],
)
def test_wrong_usage_has_status_2(
    fake: type[FakeRecognizer], capfd: pytest.CaptureFixture[str], arguments: list[str], says: str
) -> None:
    before = Path("1.png").read_bytes()
    try:
        status = predict(*arguments)
    except SystemExit as end:  # what argparse itself refuses
        status = int(end.code or 0)
    said = capfd.readouterr()
    assert (status, said.out) == (2, "")
    assert says in said.err
    assert Path("1.png").read_bytes() == before
    assert not hasattr(fake, "loaded"), "refused before a model is loaded"


def test_the_clipboard_is_read_and_written(
    fake: type[FakeRecognizer], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    copied: list[str] = []
    monkeypatch.setattr(
        "im2latex_fairseq.recognition.clipboard.read_picture", lambda: Path("3.png").read_bytes()
    )
    monkeypatch.setattr("im2latex_fairseq.recognition.clipboard.write_text", copied.append)
    assert predict("--from-clipboard", "--copy") == 0
    assert predict("1.png", "--from-clipboard", "--copy") == 0
    assert capfd.readouterr().out == "x_{3}\n1.png\tx_{1}\nclipboard\tx_{3}\n"
    assert copied == ["x_{3}", "x_{1}\nx_{3}"]


def test_without_a_clipboard_the_line_is_written_all_the_same(
    fake: type[FakeRecognizer], monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    for name in ("DISPLAY", "WAYLAND_DISPLAY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("PATH", "")
    monkeypatch.setattr(sys, "platform", "linux")
    assert predict("3.png", "--copy") == 2
    out, err = capfd.readouterr()
    assert out == "x_{3}\n"
    assert "no program for the clipboard; install" in err
    assert predict("--from-clipboard") == 1
    assert "clipboard: no program to read it" in capfd.readouterr().err


@pytest.mark.parametrize(
    "trouble, arguments, status, says",
    [
        (None, ["--device", "cpu"], 0, ""),
        (None, ["--device", "cuda"], 2, "exported models compute on the CPU"),
        (None, ["--precision", "bfloat16"], 2, "exported models compute as they were exported"),
        (ModuleNotFoundError("pip install onnxruntime"), [], 2, "pip install onnxruntime"),
    ],
)
def test_an_export_is_read_by_onnxruntime(
    fake: type[FakeRecognizer],
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
    trouble: Exception | None,
    arguments: list[str],
    status: int,
    says: str,
) -> None:
    def load(path: Path, *, threads: int | None) -> type[FakeRecognizer]:
        assert (path, threads) == (Path("export"), 2)
        if trouble is not None:
            raise trouble
        return fake

    Path("export").mkdir()
    Path("export/model.json").write_text("{}")
    monkeypatch.setattr("im2latex_fairseq.onnx_runtime.recognizer.OnnxRecognizer.load", load)
    assert predict("3.png", "--model", "export", "--threads", 2, *arguments) == status
    out, err = capfd.readouterr()
    assert out == ("" if status else "x_{3}\n")
    assert says in err
    assert not hasattr(fake, "loaded"), "torch isn't asked"


# -- the real thing ------------------------------------------------------------------------------------


def test_a_model_of_ones_own_reads_pictures(
    gated_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    names = ["a.png", "sub/b.png", "c.png"]
    for name, tokens in zip(names, ("x", "y=2", "a+b+c=z"), strict=True):
        formula_picture(tmp_path / name, *tokens)
    assert predict(tmp_path, "-r", "--json", "--nbest", 2, "--model", gated_checkpoint, *SMALL) == 0
    lines = [json.loads(line) for line in capfd.readouterr().out.splitlines()]
    assert [Path(line["path"]).relative_to(tmp_path).as_posix() for line in lines] == [
        "a.png",
        "c.png",
        "sub/b.png",
    ]
    recognizer = Recognizer.load(gated_checkpoint)
    for line in lines:
        single = recognizer.predict(line["path"], beam=2, nbest=2, max_len=6)
        assert line["latex"] == single.latex
        assert line["tokens"] == list(single.tokens)
        assert line["confidence"] == pytest.approx(single.confidence, abs=1e-3)
        assert [other["latex"] for other in line["alternatives"]] == [r.latex for r in single.readings[1:]]
        assert line["seconds"] > 0


def test_standard_input_and_pages_give_what_the_picture_gives(
    gated_checkpoint: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("pypdfium2")
    from PIL import Image

    path = formula_picture(tmp_path / "a.png", *"a+b")
    Image.open(path).save(tmp_path / "a.pdf", resolution=100)
    options = ("--model", gated_checkpoint, "--scale", 1, "-q", *SMALL)
    with open(path, "rb") as file:
        monkeypatch.setattr("sys.stdin", file_as_input(file))
        assert predict("-", *options) == 0
    assert predict(path, *options) == 0
    assert predict(tmp_path / "a.pdf", *options) == 0
    assert predict(f"{tmp_path}/a.pdf#1", "--no-path", *options) == 0
    first, *others = capfd.readouterr().out.splitlines()
    assert first.strip()
    assert others == [first] * 3


def file_as_input(file: Any) -> Any:
    class StandardInput:
        buffer = file

        def isatty(self) -> bool:
            return False

    return StandardInput()


# -- lightness, completion -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    "arguments", [["--help"], ["predict", "--help"], ["score", "--help"], ["predict"], []]
)
def test_what_needs_no_model_imports_none(arguments: list[str]) -> None:
    program = (
        "import sys\n"
        "from im2latex_fairseq.commands.main import main\n"
        "try:\n    main(sys.argv[1:])\nexcept SystemExit:\n    pass\n"
        "print(*sorted({name.partition('.')[0] for name in sys.modules}), file=sys.stderr)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program, *arguments],
        capture_output=True, text=True, check=True, timeout=120, cwd=ROOT,
    )  # fmt: skip
    imported = set(done.stderr.splitlines()[-1].split())
    assert "im2latex_fairseq" in imported
    assert (
        imported & {"torch", "numpy", "scipy", "PIL", "fairseq", "sacrebleu", "safetensors", "tqdm", "shtab"}
        == set()
    )


@pytest.mark.parametrize("shell", SHELLS)
def test_completion_knows_commands_options_and_files(shell: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["completion", shell]) == 0
    code = capsys.readouterr().out
    for word in ("predict", "score", "completion", "from-clipboard", "references"):
        assert word in code


def test_shells_are_those_that_the_library_knows() -> None:
    shtab = pytest.importorskip("shtab")
    assert set(SHELLS) == set(shtab.SUPPORTED_SHELLS)


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize(
    "typed, completed",
    [
        (["pre"], ["predict"]),
        (["predict", "--from-c"], ["--from-clipboard"]),
        (["predict", "--rerank", "r"], ["render"]),
        (["predict", "pic"], ["picture.png"]),
        (["predict", "--model", "mod"], ["model.pt"]),
    ],
)
def test_bash_completes(
    typed: list[str], completed: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    main(["completion", "bash"])
    (tmp_path / "completion.bash").write_text(capsys.readouterr().out)
    for name in ("picture.png", "model.pt"):
        (tmp_path / name).write_text("")
    words = " ".join(["im2latex", *typed])
    script = (
        "source completion.bash\n"
        f"COMP_WORDS=({words}); COMP_CWORD={len(typed)}; COMP_LINE='{words}'; COMP_POINT={len(words)}\n"
        "$(complete -p im2latex | sed 's/.*-F \\([^ ]*\\).*/\\1/') im2latex\n"
        'printf "%s\\n" "${COMPREPLY[@]}"\n'
    )
    done = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=30
    )
    assert done.stdout.split() == completed, done.stderr
