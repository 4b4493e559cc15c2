"""The release's formulas as written, by the ids of a prepared split."""

from __future__ import annotations

from pathlib import Path

import pytest

from examples.evaluation.write_references_as_written import AsWrittenError, formulas_as_written, main


@pytest.fixture
def release(tmp_path: Path) -> Path:
    folder = tmp_path / "release"
    folder.mkdir()
    (folder / "im2latex_formulas.lst").write_bytes(b"a\\over b\nx^2\tand \xe9\n\\rm c\n")
    (folder / "im2latex_validate.lst").write_text("1 0a basic\n0 1b basic\n", encoding="utf-8")
    return folder


def write_manifest(path: Path, *ids: str) -> Path:
    rows = ["id\theight\twidth\ttokens\tformula", *(f"{id_}\t8\t8\t1\tx" for id_ in ids)]
    path.write_text("\n".join(rows) + "\n", encoding="utf-8")
    return path


def test_formulas_come_in_the_order_of_the_manifest(release: Path, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "pages.tsv", "pages-1b", "pages-0a")
    assert formulas_as_written(release, "validate", manifest) == [
        ("pages-1b", "a\\over b"),
        ("pages-0a", "x^2 and \xe9"),  # a tab would be another column
    ]
    out = tmp_path / "out.tsv"
    main(["--release", str(release), "--manifest", str(manifest), "--out", str(out)])
    assert out.read_text(encoding="utf-8").split("\n")[:2] == ["id\tformula", "pages-1b\ta\\over b"]


def test_a_manifest_of_other_pictures_is_refused(release: Path, tmp_path: Path) -> None:
    manifest = write_manifest(tmp_path / "pages.tsv", "pages-7f")
    with pytest.raises(AsWrittenError, match="pages-7f has no formula in the validate list"):
        formulas_as_written(release, "validate", manifest)
