from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from im2latex_fairseq.commands.main import COMMANDS, main

ROOT = Path(__file__).resolve().parents[2]


def test_without_a_command_it_lists_them(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    said = capsys.readouterr().err
    for command in COMMANDS:
        assert command.name in said and command.summary.split(";")[0] in " ".join(said.split())


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command.name)
def test_help_ends_with_examples(command: object, capsys: pytest.CaptureFixture[str]) -> None:
    name = command.name  # type: ignore[attr-defined]
    with pytest.raises(SystemExit) as end:
        main([name, "--help"])
    assert end.value.code == 0
    shown = capsys.readouterr().out
    assert f"examples:\n  im2latex {name} " in shown
    assert "(default: None)" not in shown  # noise: what happens without the option is said in its help


def test_a_reader_that_has_seen_enough_is_no_error(tmp_path: Path) -> None:
    """As in `im2latex score ... | head -n 1`."""
    (tmp_path / "a.txt").write_text("a\n" * 5)
    program = "import sys; from im2latex_fairseq.commands.main import main; sys.exit(main(sys.argv[1:]))"
    files = ["--references", "a.txt", "--hypotheses", "a.txt", "--metrics", "text", "--resamples", "2"]
    command = [sys.executable, "-c", program, "score", *files]
    read, write = os.pipe()
    os.close(read)
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        command, cwd=tmp_path, stdout=write, stderr=subprocess.PIPE, text=True, env=environment, check=False
    )
    os.close(write)
    assert (done.returncode, done.stderr) == (0, "")
