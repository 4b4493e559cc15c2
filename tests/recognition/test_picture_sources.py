"""Names on a command line -> pictures, in order, each with its own error."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest
from PIL import Image

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.recognition.picture_sources import (
    PictureSource,
    SourceSettings,
    collect_listed,
    collect_sources,
    parse_pages,
    read_list,
)

PDF = SourceSettings(suffixes=("pdf",))


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("L", (20, 10), 255).save(path)
    return path


def document(path: Path, pages: int) -> Path:
    first, *others = [Image.new("L", (72, 36), 40 * number) for number in range(pages)]
    first.save(path, "PDF", save_all=True, append_images=others, resolution=72)
    return path


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder that is the current one, so that names are short."""
    for name in ("b.png", "a.PNG", "sub/c.jpg", ".hidden.png", "sub/.git/d.png"):
        picture(tmp_path / name)
    (tmp_path / "notes.txt").write_text("no picture")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def names(sources: list[PictureSource]) -> list[str]:
    return [source.name for source in sources]


def error_of(source: PictureSource) -> ImageError:
    with pytest.raises(ImageError) as caught:
        source.open()
    return caught.value


@pytest.mark.parametrize(
    "given, settings, found",
    [
        (["b.png", "a.PNG"], SourceSettings(), ["b.png", "a.PNG"]),  # in the order given
        (["b.png", "b.png"], SourceSettings(), ["b.png", "b.png"]),  # twice if named twice
        (["."], SourceSettings(), ["./a.PNG", "./b.png"]),  # of a folder: sorted, no hidden files
        (["."], SourceSettings(recursive=True), ["./a.PNG", "./b.png", "./sub/c.jpg"]),
        (["."], SourceSettings(recursive=True, suffixes=("jpg",)), ["./sub/c.jpg"]),
        (["*.png"], SourceSettings(), ["b.png"]),  # a pattern in quotes
        (["**/*.jpg"], SourceSettings(), ["sub/c.jpg"]),
        (
            ["notes.txt"],
            SourceSettings(),
            ["notes.txt"],
        ),  # a name is taken at its word; reading says what it is
        (["sub/"], SourceSettings(), ["sub/c.jpg"]),
    ],
)
def test_names_become_pictures(
    folder: Path, given: list[str], settings: SourceSettings, found: list[str]
) -> None:
    sources = collect_sources(given, settings)
    assert names(sources) == found
    assert [str(source.path) for source in sources] == [str(Path(name)) for name in found]


def test_a_name_with_the_signs_of_a_pattern_is_a_name_first(folder: Path) -> None:
    picture(folder / "a[1].png")
    picture(folder / "a1.png")
    assert names(collect_sources(["a[1].png"])) == ["a[1].png"]


@pytest.mark.parametrize(
    "given, reason, says",
    [
        ("missing.png", "missing", "no such file"),
        ("*.tiff", "no_pictures", "no file matches"),
        ("empty", "no_pictures", "--recursive"),
        ("text", "no_pictures", "files of md, no ending"),
        ("", "missing", "empty name"),
        ("null\0byte", "unreadable", "null"),
    ],
)
def test_a_name_without_a_picture_is_an_error_of_its_own(
    folder: Path, given: str, reason: str, says: str
) -> None:
    (folder / "empty").mkdir()
    (folder / "text").mkdir()
    for name in ("a.md", "b"):
        (folder / "text" / name).write_text("")
    before, wrong, after = collect_sources(["b.png", given, "a.PNG"])
    with pytest.raises(ImageError, match=says) as caught:
        load_image(wrong.open())
    assert caught.value.reason == reason
    assert load_image(before.open()).shape == load_image(after.open()).shape == (10, 20)


@pytest.mark.skipif(not hasattr(os, "geteuid") or os.geteuid() == 0, reason="root reads everything")
def test_a_folder_that_may_not_be_read(folder: Path) -> None:
    (folder / "sub").chmod(0)
    try:
        (source,) = collect_sources(["sub"])
    finally:
        (folder / "sub").chmod(0o755)
    assert error_of(source).reason == "unreadable"


@pytest.mark.parametrize(
    "listing, null, found",
    [
        (b"b.png\na.PNG\n", False, ["b.png", "a.PNG"]),
        (
            b"b.png\r\n\r\na.PNG",
            False,
            ["b.png", "a.PNG"],
        ),  # Windows line ends; blank lines; no end of the last
        (b"b.png\0a\nb.png\0", True, ["b.png", "a\nb.png"]),  # any name at all
        (b"sub\n", False, ["sub/c.jpg"]),  # folders as well
        (b"*.png\n", False, ["*.png"]),  # but a list is exact: no patterns
        (b"-\n", False, ["-"]),
        (b"caf\xe9.png\n", False, ["caf\udce9.png"]),  # bytes that are no UTF-8
    ],
)
def test_lists_of_paths(folder: Path, listing: bytes, null: bool, found: list[str]) -> None:
    sources = collect_listed(listing, "paths.txt", null=null, settings=SourceSettings())
    assert names(sources) == found
    assert all(source.path is not None for source in sources)


def test_an_empty_list_is_an_error() -> None:
    (source,) = collect_listed(b"\n\n", "paths.txt", null=False, settings=SourceSettings())
    assert error_of(source).reason == "no_pictures"
    assert str(error_of(source)).startswith("paths.txt: ")


class StandardInput:
    def __init__(self, content: bytes, terminal: bool = False) -> None:
        self.buffer = io.BytesIO(content)
        self._terminal = terminal

    def isatty(self) -> bool:
        return self._terminal


def test_standard_input_is_one_picture(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StandardInput((folder / "b.png").read_bytes()))
    (source,) = collect_sources(["-"])
    assert (source.name, source.path) == ("-", None)
    assert load_image(source.open()).shape == (10, 20)


def test_standard_input_may_be_a_document(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pypdfium2")
    monkeypatch.setattr("sys.stdin", StandardInput(document(tmp_path / "a.pdf", 2).read_bytes()))
    assert names(collect_sources(["-"])) == ["-#1", "-#2"]


def test_a_terminal_is_no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", StandardInput(b"", terminal=True))
    (source,) = collect_sources(["-"])
    assert "terminal" in str(error_of(source))
    with pytest.raises(ImageError, match="terminal"):
        read_list("-")


def test_standard_input_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("im2latex_fairseq.recognition.picture_sources._MOST_BYTES_OF_STANDARD_INPUT", 2**20)
    monkeypatch.setattr("sys.stdin", StandardInput(bytes(2**20 + 1)))
    (source,) = collect_sources(["-"])
    assert "more than 1 MiB" in str(error_of(source))


@pytest.mark.parametrize(
    "given, pages, found",
    [
        ("three.pdf", "", ["three.pdf#1", "three.pdf#2", "three.pdf#3"]),
        ("three.pdf", "2-3", ["three.pdf#2", "three.pdf#3"]),
        ("three.pdf#3,1", "2", ["three.pdf#3", "three.pdf#1"]),  # the name itself decides
        ("one.pdf", "", ["one.pdf"]),  # one page: just the file
        ("one.PDF#1", "", ["one.PDF#1"]),
        (
            "three.pdf#2-999999999",
            "",
            ["three.pdf#2", "three.pdf#3", "three.pdf#4"],
        ),  # the last says: no such page
    ],
)
def test_pages(folder: Path, given: str, pages: str, found: list[str]) -> None:
    pytest.importorskip("pypdfium2")
    document(folder / "three.pdf", 3)
    document(folder / "one.pdf", 1)
    document(folder / "one.PDF", 1)
    sources = collect_sources([given], SourceSettings(pages=parse_pages(pages) if pages else ()))
    assert names(sources) == found


def test_a_page_is_the_one_of_its_number(folder: Path) -> None:
    pytest.importorskip("pypdfium2")
    document(folder / "three.pdf", 3)
    greys = [int(load_image(source.open()).mean()) for source in collect_sources(["three.pdf"])]
    assert greys == pytest.approx([0, 40, 80], abs=6)


def test_a_folder_gives_documents_where_it_is_asked_for_them(folder: Path) -> None:
    pytest.importorskip("pypdfium2")
    document(folder / "three.pdf", 3)
    assert names(collect_sources(["."], PDF)) == ["./three.pdf#1", "./three.pdf#2", "./three.pdf#3"]


def test_a_name_with_a_hash_is_a_name_first(folder: Path) -> None:
    picture(folder / "b.png").rename(folder / "three.pdf#2")
    (source,) = collect_sources(["three.pdf#2"])
    assert load_image(source.open()).shape == (10, 20)


@pytest.mark.parametrize(
    "text, pages", [("2", [2]), ("1,3-5", [1, 3, 4, 5]), (" 7 , 7 ", [7, 7]), ("4-4", [4])]
)
def test_pages_are_parsed(text: str, pages: list[int]) -> None:
    assert [page for part in parse_pages(text) for page in part] == pages


@pytest.mark.parametrize("text", ["", "0", "0-3", "5-3", "a", "1-", "-1", "1,,2", "1" * 12])
def test_pages_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="page"):
        parse_pages(text)
