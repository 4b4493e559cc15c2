"""What a user names -> pictures to read: files, folders, patterns, lists of paths, PDF pages, standard input.

Nothing is opened here but PDF files, whose pages are counted. What can't be found is a source like any other, whose
`open` says what is wrong, so that one wrong name among a thousand costs only itself.
"""

from __future__ import annotations

import glob
import os
import re
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.recognition import pdf_pages

if TYPE_CHECKING:
    from im2latex_fairseq.images.loader import ImageSource

STANDARD_INPUT = "-"

PICTURE_SUFFIXES = (
    *("png", "jpg", "jpeg", "gif", "bmp", "dib", "tif", "tiff", "webp"),
    *("ppm", "pgm", "pbm", "pnm", "avif", "jp2", "ico", "mpo", "pcx", "tga"),
)
"""Endings of the files that are taken from a folder."""

_MOST_BYTES_OF_STANDARD_INPUT = 256 * 2**20
_MOST_BYTES_OF_A_LIST = 256 * 2**20
_PAGES = re.compile(r"(?P<first>\d{1,9})(?:-(?P<last>\d{1,9}))?")
_FILE_AND_PAGES = re.compile(r"(?P<path>.+)#(?P<pages>[\d,-]+)", re.DOTALL)


@dataclass(frozen=True)
class PictureSource:
    """A picture to read.

    Attributes:
        name: As the user knows it: the path, `FILE.pdf#2` for a page, `-` for standard input.
        open: Returns what `images.loader.load_image` reads; to be called when it is the picture's turn. Raises
            ImageError.
        path: The file it is in, if it is in one.
    """

    name: str
    open: Callable[[], ImageSource]
    path: Path | None = None


@dataclass(frozen=True)
class SourceSettings:
    """How names become pictures.

    Attributes:
        recursive: Folders are taken with the folders in them.
        suffixes: Endings of the files that are taken from folders, in lower case, without a dot.
        pages: Of PDF files, from 1, where the name itself chooses none; all of them if empty.
    """

    recursive: bool = False
    suffixes: tuple[str, ...] = PICTURE_SUFFIXES
    pages: tuple[range, ...] = ()


def collect_sources(names: Iterable[str], settings: SourceSettings = SourceSettings()) -> list[PictureSource]:
    """The pictures that names on a command line stand for.

    Args:
        names: Each a file, a folder, a pattern as `glob` knows it (where no file has that very name), `-` for the
            bytes of one picture on standard input, or `FILE.pdf#2`, `FILE.pdf#1,3-5` for pages.
        settings: How they become pictures.

    Returns:
        The pictures in the order of the names; those of folders and patterns sorted by path.
    """
    return [source for name in names for source in _sources_of(name, settings)]


def collect_listed(
    listing: bytes, title: str, *, null: bool, settings: SourceSettings
) -> list[PictureSource]:
    """The pictures of a list of paths, as `find` writes it.

    Args:
        listing: A path a line (CRLF is fine); or, with `null`, paths parted by null bytes. Files, folders and pages;
            patterns and `-` aren't special there.
        title: What the list is called in messages.
        null: See `listing`.
        settings: How paths become pictures.
    """
    parts = listing.split(b"\0") if null else [line.removesuffix(b"\r") for line in listing.split(b"\n")]
    paths = [os.fsdecode(part) for part in parts if part]
    if not paths:
        return [_problem(title, "no paths in the list", "no_pictures")]
    return [source for path in paths for source in _sources_of_path(path, settings)]


def read_list(path: str) -> bytes:
    """The bytes of a list of paths; `-` is standard input.

    Raises:
        ImageError: Standard input is a terminal, or the list has no end.
        OSError: The file can't be read.
    """
    if path == STANDARD_INPUT:
        return _read_standard_input("paths", _MOST_BYTES_OF_A_LIST)
    return Path(path).read_bytes()


def parse_pages(text: str) -> tuple[range, ...]:
    """`1,3-5` -> ranges of pages, from 1.

    Raises:
        ValueError: It isn't that, or a range is empty.
    """
    ranges = []
    for part in text.split(","):
        found = _PAGES.fullmatch(part.strip())
        if found is None:
            raise ValueError(f"{text!r} doesn't say which pages; examples: 2 or 1,3-5")
        first = int(found["first"])
        last = int(found["last"] or first)
        if not 1 <= first <= last:
            raise ValueError(f"{text!r}: {part.strip()} has no page; pages count from 1 and upwards")
        ranges.append(range(first, last + 1))
    return tuple(ranges)


def _sources_of(name: str, settings: SourceSettings) -> Iterator[PictureSource]:
    if name == STANDARD_INPUT:
        yield from _standard_input(settings)
    elif not name:
        yield _problem("''", "an empty name; is a variable of the shell unset?", "missing")
    elif glob.has_magic(name) and not os.path.lexists(name) and not _names_pages(name):
        paths = sorted(path for path in glob.glob(name, recursive=True) if not os.path.isdir(path))
        if not paths:
            yield _problem(name, "no file matches this pattern", "no_pictures")
        for path in paths:
            yield from _sources_of_path(path, settings)
    else:
        yield from _sources_of_path(name, settings)


def _sources_of_path(name: str, settings: SourceSettings) -> Iterator[PictureSource]:
    if os.path.isdir(name):
        yield from _folder(name, settings)
    elif (found := _names_pages(name)) is not None:
        path, pages = found
        try:
            chosen = parse_pages(pages)
        except ValueError as error:
            yield _problem(name, str(error), "no_such_page")
        else:
            yield from _pdf(Path(path), chosen, path)
    elif _is_pdf(name):
        yield from _pdf(Path(name), settings.pages, name)
    else:
        yield PictureSource(name, lambda: Path(name), Path(name))


def _names_pages(name: str) -> tuple[str, str] | None:
    """`FILE.pdf#2` -> (`FILE.pdf`, `2`), unless that is itself the name of a file."""
    found = _FILE_AND_PAGES.fullmatch(name)
    if found is None or not _is_pdf(found["path"]) or os.path.lexists(name):
        return None
    return found["path"], found["pages"]


def _is_pdf(name: str) -> bool:
    return name.lower().endswith(".pdf")


def _folder(name: str, settings: SourceSettings) -> Iterator[PictureSource]:
    others: set[str] = set()
    count = 0
    problems: list[OSError] = []
    for folder, subfolders, files in os.walk(name, onerror=problems.append):
        subfolders[:] = (
            sorted(sub for sub in subfolders if not sub.startswith(".")) if settings.recursive else []
        )
        for file in sorted(files):
            if file.startswith("."):  # thumbnails and the like of other programs
                continue
            suffix = os.path.splitext(file)[1].lower().removeprefix(".")
            if suffix not in settings.suffixes:
                others.add(suffix or "no ending")
                continue
            for source in _sources_of_path(os.path.join(folder, file), settings):
                count += 1
                yield source
    for error in problems:
        yield _problem(str(error.filename), f"can't be read ({error.strerror})", "unreadable")
    if not count and not problems:
        hint = "" if settings.recursive else "; folders in it are left out without --recursive"
        seen = f" (there are files of {', '.join(sorted(others)[:8])})" if others else ""
        yield _problem(
            name,
            f"no pictures in this folder{seen}; endings taken are set by --suffixes{hint}",
            "no_pictures",
        )


def _pdf(source: Path | bytes, pages: Sequence[range], name: str) -> Iterator[PictureSource]:
    path = source if isinstance(source, Path) else None
    try:
        count = pdf_pages.count_pages(source, name)
    except ImageError as error:
        yield PictureSource(name, _raiser(error), path)
        return
    # One page beyond the last is enough to say that there is none, however many were asked for.
    chosen = [number for part in pages or (range(1, count + 1),) for number in part if number <= count + 1]
    chosen += [part.start for part in pages if part.start > count + 1]
    for number in chosen:
        title = name if count == 1 and not pages else f"{name}#{number}"
        yield PictureSource(title, _page_opener(source, number, title), path)
    if not chosen:
        yield _problem(name, "the document has no pages", "no_pictures")


def _page_opener(source: Path | bytes, number: int, title: str) -> Callable[[], ImageSource]:
    return lambda: pdf_pages.draw_page(source, number, title)


def _standard_input(settings: SourceSettings) -> Iterator[PictureSource]:
    try:
        content = _read_standard_input("a picture", _MOST_BYTES_OF_STANDARD_INPUT)
    except ImageError as error:
        yield PictureSource(STANDARD_INPUT, _raiser(error))
        return
    if content.startswith(b"%PDF"):
        yield from _pdf(content, settings.pages, STANDARD_INPUT)
    else:
        yield PictureSource(STANDARD_INPUT, lambda: content)


def _read_standard_input(what: str, most_bytes: int) -> bytes:
    if sys.stdin is None or sys.stdin.isatty():
        raise ImageError(
            f"-: standard input is a terminal; send {what} by a pipe or by < FILE",
            reason="unsupported_source",
        )
    content = sys.stdin.buffer.read(most_bytes + 1)
    if len(content) > most_bytes:
        raise ImageError(
            f"-: more than {most_bytes // 2**20} MiB on standard input; give {what} as a file",
            reason="unsupported_source",
        )
    return content


def _problem(name: str, message: str, reason: str) -> PictureSource:
    return PictureSource(name, _raiser(ImageError(f"{name}: {message}", reason=reason)))


def _raiser(error: ImageError) -> Callable[[], ImageSource]:
    def refuse() -> ImageSource:
        raise error

    return refuse
