"""The README's section on reading a picture is run as it stands, and gives what it says."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
SECTION = "## Read a picture"


class Block(NamedTuple):
    """A fenced block and the block of output after it, if there is one."""

    language: str
    code: str
    output: str | None


def blocks() -> list[Block]:
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    _, _, rest = readme.partition(f"\n{SECTION}\n")
    section = rest.partition("\n## ")[0]
    fenced = re.finditer(
        r"^```(bash|python)\n(.*?)^```$(?:\s*^```text\n(.*?)^```$)?", section, re.MULTILINE | re.DOTALL
    )
    return [Block(*found.groups()) for found in fenced]


def run_as_it_stands(block: Block, folder: Path) -> str:
    """Run a block in a folder that has nothing of the checkout but the examples; return what it printed."""
    (folder / "examples").symlink_to(ROOT / "examples")
    scripts = folder / "bin"
    scripts.mkdir()
    # The console script of this checkout, whichever is installed.
    (scripts / "im2latex").write_text(
        f'#!/bin/sh\nexec {sys.executable} -m im2latex_fairseq.commands.main "$@"\n'
    )
    (scripts / "im2latex").chmod(0o755)
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "PATH": f"{scripts}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    }
    command = {"bash": ["bash", "-euo", "pipefail", "-c"], "python": [sys.executable, "-c"]}[block.language]
    done = subprocess.run(
        [*command, block.code],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_section_shows_the_command_and_python() -> None:
    assert {block.language for block in blocks()} == {"bash", "python"}
    assert all(block.output is not None for block in blocks() if block.language == "python")


@pytest.mark.skipif(shutil.which("bash") is None, reason="needs bash")
@pytest.mark.parametrize("block", blocks(), ids=lambda block: block.code.strip().partition("\n")[0])
def test_the_readme_runs_as_it_stands(block: Block, tmp_path: Path) -> None:
    printed = run_as_it_stands(block, tmp_path)
    if block.output is not None:
        assert printed == block.output
