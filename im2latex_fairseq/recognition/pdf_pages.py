"""Pages of PDF files as pictures, by pypdfium2 where it is installed (the extra `pdf`)."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from im2latex_fairseq.images.errors import ImageError

# Models read text of about 12 pt at 100 dpi. Pages are drawn twice as fine and halved by averaging, as the pictures
# that models are trained on were.
_MODEL_DPI = 100
_FINER = 2
_POINTS_PER_INCH = 72
# As `images.loader.MAX_PIXELS`; a page is measured before it is drawn.
_MOST_PIXELS = 64_000_000

# PDFium must not be entered by two threads at once.
_LOCK = threading.Lock()


def count_pages(source: Path | bytes, name: str) -> int:
    """How many pages a document has.

    Args:
        source: A path, or the bytes of a document.
        name: Of the document, for messages.

    Raises:
        ImageError: With `reason` "missing", "unreadable", "no_pdf_library" or "damaged_pdf".
    """
    with _opened(source, name) as document:
        return len(document)


def draw_page(source: Path | bytes, number: int, name: str) -> Any:
    """Draw a page, at 100 dpi.

    Args:
        source: A path, or the bytes of a document.
        number: Of the page, from 1.
        name: Of the page, for messages.

    Returns:
        A PIL image in mode "L".

    Raises:
        ImageError: As `count_pages`; or with `reason` "no_such_page" or "too_many_pixels".
    """
    with _opened(source, name) as document:
        if not 1 <= number <= len(document):
            raise ImageError(
                f"{name}: no such page; the document has {len(document):,}", reason="no_such_page"
            )
        page = document[number - 1]
        scale = _MODEL_DPI * _FINER / _POINTS_PER_INCH
        width, height = page.get_size()
        if width * height * scale * scale > _MOST_PIXELS:
            raise ImageError(
                f"{name}: the page is {width / _POINTS_PER_INCH:.0f} x {height / _POINTS_PER_INCH:.0f} inches "
                "(width x height), too large to draw; crop it to the formula",
                reason="too_many_pixels",
            )
        picture = page.render(scale=scale, grayscale=True).to_pil().convert("L")
    return picture.reduce(_FINER)


@contextlib.contextmanager
def _opened(source: Path | bytes, name: str) -> Iterator[Any]:
    """A document of pypdfium2, with its errors turned into ours."""
    if isinstance(source, Path):
        _check_file(source, name)
    try:
        import pypdfium2
    except ImportError as error:
        raise ImageError(
            f"{name}: reading PDF files takes pypdfium2: pip install 'im2latex-fairseq[pdf]'; "
            "or rasterise the page first, for example: pdftoppm -r 100 -png file.pdf page",
            reason="no_pdf_library",
        ) from error
    with _LOCK:
        try:
            document = pypdfium2.PdfDocument(source)
            try:
                yield document
            finally:
                document.close()
        except pypdfium2.PdfiumError as error:
            raise ImageError(
                f"{name}: damaged, protected by a password, or no PDF file ({error})", reason="damaged_pdf"
            ) from error


def _check_file(path: Path, name: str) -> None:
    """Refuse with our own words what PDFium would name by a number."""
    try:
        if path.exists() and not path.is_file():
            raise ImageError(f"{name}: not a regular file; copy the document to one", reason="unreadable")
        with open(path, "rb"):
            pass
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; check the path", reason="missing") from error
    except OSError as error:
        raise ImageError(
            f"{name}: can't be read ({error}); check the path and its rights", reason="unreadable"
        ) from error
