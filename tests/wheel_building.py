"""Builds the package's wheel as an installation does."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]


def build_wheel(source: Path, out: Path) -> Path:
    """Build the wheel offline (no isolation) from a copy, so that the checkout stays clean.

    Args:
        source: An empty folder for the copy.
        out: Where the wheel is put.
    """
    for name in ("setup.py", "pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / name, source)
    unwanted = shutil.ignore_patterns("__pycache__", ".*")
    for name in ("im2latex_fairseq", "preprocess", "examples", "tests"):
        shutil.copytree(ROOT / name, source / name, ignore=unwanted)
    build = f"from setuptools import build_meta; print(build_meta.build_wheel({str(out)!r}))"
    subprocess.run([sys.executable, "-c", build], cwd=source, check=True, capture_output=True, timeout=300)
    (built,) = out.glob("*.whl")
    return built
