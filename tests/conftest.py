"""Shared set-up of the tests: what a machine lacks is said, not guessed."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.fairseq_commands import train_tiny
from tests.headless_browser import BROWSERS, find_browser
from tests.synthetic_data import write_data
from tests.wheel_building import build_wheel

TEX_PROGRAMS = ("latex", "dvipng")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `tex` or `browser`, saying why, on a machine without TeX or Chromium."""
    reasons = {}
    missing = [program for program in TEX_PROGRAMS if shutil.which(program) is None]
    if missing:
        reasons["tex"] = f"needs TeX: {' and '.join(missing)} not on the PATH"
    if find_browser() is None:
        reasons["browser"] = f"needs Chromium: none of {', '.join(BROWSERS)} is on the PATH"
    for item in items:
        for marker, reason in reasons.items():
            if item.get_closest_marker(marker) is not None:
                item.add_marker(pytest.mark.skip(reason=reason))


@pytest.fixture(scope="session")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package's wheel."""
    return build_wheel(tmp_path_factory.mktemp("source"), tmp_path_factory.mktemp("wheel"))


@pytest.fixture(scope="session")
def prepared_data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of prepared data, small pictures drawn without TeX; not to be changed."""
    return write_data(tmp_path_factory.mktemp("prepared"), {"train": 16, "valid": 6, "test": 6})


@pytest.fixture(scope="session")
def gated_checkpoint(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of the gated decoder, trained for a few updates on `prepared_data`."""
    folder = tmp_path_factory.mktemp("gconv")
    train_tiny(prepared_data, folder, "--arch", "im2latex_gconv_tiny", "--max-update", 8)
    return folder / "checkpoint_last.pt"


@pytest.fixture(scope="session")
def stock_checkpoint(prepared_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkpoint of fairseq's decoder, trained for a few updates on `prepared_data`."""
    folder = tmp_path_factory.mktemp("fconv")
    train_tiny(prepared_data, folder, "--arch", "im2latex_fconv_tiny", "--max-update", 8)
    return folder / "checkpoint_last.pt"


@pytest.fixture(scope="session", params=["gated", "stock"])
def checkpoint(request: pytest.FixtureRequest) -> Path:
    """Both, one after the other."""
    path: Path = request.getfixturevalue(f"{request.param}_checkpoint")
    return path
