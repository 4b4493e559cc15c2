"""Encoders serve programs that have no need of fairseq."""

from __future__ import annotations

import subprocess
import sys

import pytest


@pytest.mark.parametrize("module", ["models.image_encoders", "models.positional_encoding"])
def test_encoders_are_imported_without_fairseq(module: str) -> None:
    program = (
        f"import sys, im2latex_fairseq.{module}\n"
        "print(sorted(name for name in ('fairseq', 'hydra', 'omegaconf') if name in sys.modules))"
    )
    result = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True, timeout=120
    )
    assert result.stdout.strip() == "[]"
