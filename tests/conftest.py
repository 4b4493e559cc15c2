"""Shared set-up of the tests: what a machine lacks is said, not guessed."""

from __future__ import annotations

import shutil

import pytest

TEX_PROGRAMS = ("latex", "dvipng")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Skip tests marked `tex`, saying why, on a machine without TeX."""
    missing = [program for program in TEX_PROGRAMS if shutil.which(program) is None]
    if not missing:
        return
    skip = pytest.mark.skip(reason=f"needs TeX: {' and '.join(missing)} not on the PATH")
    for item in items:
        if item.get_closest_marker("tex") is not None:
            item.add_marker(skip)
