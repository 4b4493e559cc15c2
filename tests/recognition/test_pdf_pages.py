from __future__ import annotations

import builtins
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.transforms import prepare
from im2latex_fairseq.recognition.pdf_pages import count_pages, draw_page

pytest.importorskip("pypdfium2")


@pytest.fixture
def document(tmp_path: Path) -> Path:
    """A page of 4 x 2 inches with a bar of 1 x 0.1 inches, one inch from its corner."""
    page = Image.new("L", (1200, 600), 255)
    ImageDraw.Draw(page).rectangle((300, 300, 599, 329), fill=0)
    path = tmp_path / "bar.pdf"
    page.save(path, "PDF", resolution=300)
    return path


def error_of(source: Path | bytes, page: int = 1) -> ImageError:
    with pytest.raises(ImageError) as caught:
        draw_page(source, page, "bar.pdf")
    return caught.value


def test_a_page_is_drawn_at_the_size_that_models_read(document: Path) -> None:
    drawn = draw_page(document, 1, "bar.pdf")
    assert (drawn.mode, drawn.size) == ("L", (400, 200))  # 100 dpi
    ink = np.argwhere(np.asarray(drawn) < 128)
    assert ink.min(axis=0).tolist() == pytest.approx([100, 100], abs=1)
    assert ink.max(axis=0).tolist() == pytest.approx([109, 199], abs=1)


def test_a_page_is_cropped_to_its_ink_like_any_picture(document: Path) -> None:
    height, width = prepare(load_image(draw_page(document, 1, "bar.pdf"))).shape
    assert height <= 64 and 100 <= width <= 132


def test_bytes_are_as_good_as_a_file(document: Path) -> None:
    assert count_pages(document.read_bytes(), "-") == count_pages(document, "bar.pdf") == 1
    same = draw_page(document.read_bytes(), 1, "-").tobytes() == draw_page(document, 1, "bar.pdf").tobytes()
    assert same


def test_what_is_no_document_is_refused(document: Path, tmp_path: Path) -> None:
    assert error_of(document, 2).reason == "no_such_page"
    assert "has 1" in str(error_of(document, 2))
    assert error_of(tmp_path / "none.pdf").reason == "missing"
    assert error_of(tmp_path).reason == "unreadable"
    assert error_of(b"%PDF-1.7\nnothing").reason == "damaged_pdf"
    document.write_bytes(b"\x89PNG, by another name")
    assert error_of(document).reason == "damaged_pdf"


def test_a_page_as_large_as_a_house_is_measured_before_it_is_drawn(tmp_path: Path) -> None:
    path = tmp_path / "poster.pdf"
    Image.new("L", (10, 10), 255).save(path, "PDF", resolution=0.1)  # 100 inches a side
    assert error_of(path).reason == "too_many_pixels"


def test_without_the_library_the_message_says_what_to_install(
    document: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real_import = builtins.__import__

    def refuse(name: str, *others: Any) -> Any:
        if name == "pypdfium2":
            raise ImportError(name)
        return real_import(name, *others)

    monkeypatch.setattr(builtins, "__import__", refuse)
    monkeypatch.delitem(sys.modules, "pypdfium2")
    assert error_of(document).reason == "no_pdf_library"
    assert "pip install 'im2latex-fairseq[pdf]'" in str(error_of(document))
    assert error_of(document.with_name("none.pdf")).reason == "missing"
