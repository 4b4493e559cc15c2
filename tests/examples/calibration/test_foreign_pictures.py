"""Pictures without a formula: drawn again the same, with ink, and read into a table."""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

from examples.calibration import foreign_pictures as script
from im2latex_fairseq.decoding.confidence import Calibration, FormulaWeights


def test_the_same_seed_draws_the_same_and_every_picture_has_ink() -> None:
    one, two, other = (script.foreign_pictures(3, seed) for seed in (1, 1, 2))
    for kind, pictures in one.items():
        arrays = [np.asarray(picture) for picture in pictures]
        assert len(arrays) == 3
        assert all(array.min() < 128 < array.max() for array in arrays)
        assert all(np.array_equal(a, np.asarray(b)) for a, b in zip(arrays, two[kind], strict=True))
        assert not all(np.array_equal(a, np.asarray(b)) for a, b in zip(arrays, other[kind], strict=True))


class SureRecognizer:
    """Reads every picture with one token, by the calibration it was given."""

    calibration = Calibration.none()

    def predict(self, pictures: tuple[object, ...], **options: object) -> list[SimpleNamespace]:
        return [
            SimpleNamespace(confidence=self.calibration.formula_confidence([-0.5, -0.5])) for _ in pictures
        ]


def test_reads_with_the_calibration_that_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(script.Recognizer, "load", lambda model: SureRecognizer())
    script.main(["--count", "2"])
    assert "| words | 2 | 0.368 | 0.368 |" in capsys.readouterr().out
    path = tmp_path / "calibration.json"
    path.write_text(json.dumps(Calibration(formula=FormulaWeights(0.0, 0.0, 0.0)).to_dict()))
    script.main(["--count", "2", "--calibration", str(path)])
    assert "| words | 2 | 0.500 | 0.500 |" in capsys.readouterr().out


def test_says_what_is_wrong(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for given, message in ((["--count", "0"], "at least 1"), (["--model", str(tmp_path / "no.pt")], "no.pt")):
        with pytest.raises(SystemExit):
            script.main(given)
        assert message in capsys.readouterr().err
