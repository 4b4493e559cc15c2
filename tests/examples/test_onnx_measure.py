"""The comparison of an export with torch, on a tiny model."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'")

from examples.onnx.engines import Job, measure, size_of
from examples.onnx.measure import MARK, export_all, same_share, table, write_page
from im2latex_fairseq.recognition.model_file import save_model_file
from tests.recognition.tiny_models import tiny_model


def test_each_way_reads_the_same_pictures(prepared_data: Path, tmp_path: Path) -> None:
    model = tmp_path / "tiny.safetensors"
    save_model_file(model, tiny_model())
    exported = export_all(model, prepared_data, tmp_path)
    assert list(exported) == ["onnx", "onnx, int8 weights", "onnx, int8"]
    numbers = (0, 2, 5)
    results = [
        measure(Job(name, path, prepared_data / "valid.images", numbers, 1, "wall"))
        for name, path in (("torch", model), ("onnx", exported["onnx"]))
    ]
    torch, onnx = results
    assert onnx.latex == torch.latex and onnx.tokens == torch.tokens
    assert [len(read) for read in onnx.latex.values()] == [3, 3]
    assert onnx.size_bytes == size_of(exported["onnx"])
    assert min(onnx.load_s, onnx.single_s, *onnx.rates.values()) > 0
    assert onnx.peak_mb < torch.peak_mb  # it doesn't load torch
    lines = table(results, ["x", "y", "z"]).split("\n")
    assert [line.count("|") for line in lines] == [13] * 4
    assert lines[3].startswith("| onnx | ") and "| 100.0 | 100.0 |" in lines[3]


def test_shares() -> None:
    assert same_share(["a", "b", "c", "d"], ["a", "b", "c", "x"]) == 75


def test_the_page_keeps_what_stands_before_the_mark(tmp_path: Path) -> None:
    page = tmp_path / "README.md"
    page.write_text(f"words\n{MARK}\nold\n", encoding="utf-8")
    write_page(page, "new")
    assert page.read_text(encoding="utf-8") == f"words\n{MARK}\n\nnew\n"
    page.write_text("words\n", encoding="utf-8")
    with pytest.raises(SystemExit, match="no line"):
        write_page(page, "new")
