"""The command that draws contact sheets."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.data.image_store import ImageStoreWriter
from im2latex_fairseq.images.transforms import PreparationSettings
from preprocess.draw_augmentations import main


@pytest.fixture
def picture(tmp_path: Path) -> str:
    grey = np.full((30, 60), 255, dtype=np.uint8)
    grey[10:20, 10:50:4] = 0
    Image.fromarray(grey).save(tmp_path / "a.png")
    return str(tmp_path / "a.png")


@pytest.fixture
def store(tmp_path: Path) -> str:
    with ImageStoreWriter(tmp_path / "train.images", PreparationSettings().to_dict()) as writer:
        for width in range(20, 40):
            grey = np.full((20, width), 255, dtype=np.uint8)
            grey[8:12, 6:-6] = 0
            writer.add(grey)
    return str(tmp_path / "train.images")


def test_a_sheet_of_files_and_stores(picture: str, store: str, tmp_path: Path) -> None:
    sheets = []
    for name in ("one.png", "two.png"):
        output = tmp_path / name
        assert main([picture, store, "--output", str(output), "--count", "3", "--variants", "2"]) == 0
        sheets.append(np.asarray(Image.open(output)))
    np.testing.assert_array_equal(sheets[0], sheets[1])
    assert sheets[0].shape[0] > 4 * 18


def test_unreadable_pictures_are_named_and_left_out(
    picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"")
    assert main([picture, str(broken), "--output", str(tmp_path / "sheet.png")]) == 0
    printed = capsys.readouterr()
    assert "left out (empty_file)" in printed.err
    assert str(broken) in printed.err
    assert "1 pictures" in printed.out


WRONG = [
    (["--augment", "strong"], "strong"),
    (["--augment", "blur=9"], "blur"),
    (["--variants", "0"], "variants"),
    (["--seed", "-1"], "--seed"),
    (["--scale", "0"], "nothing to draw"),
]


@pytest.mark.parametrize(("options", "says"), WRONG)
def test_wrong_options_are_one_line(
    picture: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], options: list[str], says: str
) -> None:
    assert main([picture, "--output", str(tmp_path / "sheet.png"), *options]) == 2
    assert says in capsys.readouterr().err.splitlines()[-1]


def test_a_missing_store_is_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([str(tmp_path / "no.images"), "--output", str(tmp_path / "sheet.png")]) == 2
    assert "no.images" in capsys.readouterr().err


def test_help_shows_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as exit_info:
        main(["--help"])
    assert exit_info.value.code == 0
    assert "examples:" in capsys.readouterr().out
