"""Archives read without trust: what is in them, what is refused, and that nothing reaches the disk."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from im2latex_fairseq.preparation.source_files import (
    RefusedFile,
    SourceLimits,
    find_sources,
    included_files,
    read_archive,
    read_loose_files,
)


def _tar(path: Path, members: dict[str, bytes], mode: str = "w:gz") -> Path:
    with tarfile.open(path, mode) as archive:  # type: ignore[call-overload]
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


@pytest.mark.parametrize(
    "name, mode",
    [("a.tar.gz", "w:gz"), ("a.tgz", "w:gz"), ("a.tar", "w"), ("a.tar.bz2", "w:bz2"), ("a.tar.xz", "w:xz")],
)
def test_reads_packed_tars(tmp_path: Path, name: str, mode: str) -> None:
    path = _tar(
        tmp_path / name,
        {"./main.tex": b"$x$", "sec/a.ltx": b"caf\xe9", "m.sty": b"\\def\\a{b}", "f.eps": b"%!"},
        mode,
    )
    collection = read_archive(path)
    assert collection.files == {"main.tex": "$x$", "sec/a.ltx": "café", "m.sty": "\\def\\a{b}"}
    assert collection.refused == []


@pytest.mark.parametrize(
    "name, pack, expected",
    [
        ("0301001.gz", gzip.compress, "0301001.tex"),  # as arXiv gives out papers of one file
        ("paper.tex.gz", gzip.compress, "paper.tex"),
        ("paper.bz2", bz2.compress, "paper"),
        ("paper.xz", lzma.compress, "paper"),
        ("lying.tar.gz", gzip.compress, "lying"),  # the name says tar, the content doesn't
    ],
)
def test_reads_single_packed_files(
    tmp_path: Path, name: str, pack: Callable[[bytes], bytes], expected: str
) -> None:
    (tmp_path / name).write_bytes(pack(b"\\documentclass{article} $x$"))
    files = read_archive(tmp_path / name).files
    assert list(files.values()) == ["\\documentclass{article} $x$"]
    assert next(iter(files)).removesuffix(".tex") == expected.removesuffix(".tex")


@pytest.mark.parametrize("name", ["/etc/x.tex", "../x.tex", "a/../../x.tex", "..\\x.tex", "\\x.tex"])
def test_refuses_names_that_lead_out(tmp_path: Path, name: str) -> None:
    collection = read_archive(_tar(tmp_path / "a.tar.gz", {name: b"$x$", "good.tex": b"$y$"}))
    assert collection.files == {"good.tex": "$y$"}
    assert [(item.name, item.reason) for item in collection.refused] == [(name, "unsafe_name")]
    assert sorted(os.listdir(tmp_path)) == ["a.tar.gz"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, tarfile.CHRTYPE])
def test_refuses_links_and_devices(tmp_path: Path, kind: bytes) -> None:
    path = tmp_path / "a.tar.gz"
    with tarfile.open(path, "w:gz") as archive:
        member = tarfile.TarInfo("link.tex")
        member.type = kind
        member.linkname = "/etc/passwd"
        archive.addfile(member)
    collection = read_archive(path)
    assert collection.files == {}
    assert [item.reason for item in collection.refused] == ["not_a_plain_file"]


def test_refuses_decompression_bombs(tmp_path: Path) -> None:
    limits = SourceLimits(file_bytes=1 << 16, archive_bytes=1 << 20)
    bomb = tmp_path / "bomb.tar.gz"
    _tar(bomb, {"good.tex": b"$x$", "zeros.eps": bytes(4 << 20)})  # a picture counts as well: it is unpacked
    assert bomb.stat().st_size < 1 << 16
    collection = read_archive(bomb, limits)
    assert collection.files == {}
    assert collection.refused == [
        RefusedFile("bomb.tar.gz", "archive_too_large", f"unpacks to more than {1 << 20} bytes")
    ]
    single = tmp_path / "bomb.gz"
    single.write_bytes(gzip.compress(b"x" * (4 << 20)))
    assert [item.reason for item in read_archive(single, limits).refused] == ["file_too_large"]


def test_refuses_files_and_members_over_the_limits(tmp_path: Path) -> None:
    path = _tar(tmp_path / "a.tar.gz", {"large.tex": b"x" * 100, "small.tex": b"$x$"})
    collection = read_archive(path, SourceLimits(file_bytes=50))
    assert list(collection.files) == ["small.tex"]
    assert [item.reason for item in collection.refused] == ["file_too_large"]
    assert [item.reason for item in read_archive(path, SourceLimits(members=1)).refused] == [
        "archive_corrupt"
    ]


@pytest.mark.parametrize(
    "content",
    [
        gzip.compress(b"x" * 1000, mtime=0)[:20],  # cut off
        b"\x1f\x8b but no gzip",
        b"BZh but no bzip2",
        b"\xfd7zXZ\x00 but no xz",
    ],
    ids=["cut_off", "no_gzip", "no_bzip2", "no_xz"],  # the same in every process that collects
)
def test_says_what_is_corrupt(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "a.tar.gz").write_bytes(content)
    collection = read_archive(tmp_path / "a.tar.gz")
    assert collection.files == {}
    assert [(item.name, item.reason) for item in collection.refused] == [("a.tar.gz", "archive_corrupt")]


def test_a_truncated_tar_is_refused_as_a_whole(tmp_path: Path) -> None:
    path = _tar(tmp_path / "a.tar", {"a.tex": b"$x$", "b.tex": b"y" * 5000}, "w")
    path.write_bytes(path.read_bytes()[:3000])
    collection = read_archive(path)
    assert collection.files == {}
    assert [item.reason for item in collection.refused] == ["archive_corrupt"]


@pytest.mark.parametrize(
    "content, reason", [(b"", "empty_file"), (b" \n", "empty_file"), (b"%PDF\0\1", "not_text")]
)
def test_refuses_what_is_no_text(tmp_path: Path, content: bytes, reason: str) -> None:
    (tmp_path / "a.gz").write_bytes(gzip.compress(content))
    assert [item.reason for item in read_archive(tmp_path / "a.gz").refused] == [reason]


def test_finds_sources_and_follows_no_links(tmp_path: Path) -> None:
    (tmp_path / "sub").mkdir()
    for name in ("b.tex", "sub/a.tar.gz", "c.png", ".hidden.tex", "sub/noext"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "link.tex").symlink_to("/etc/passwd")
    (tmp_path / "loop").symlink_to(tmp_path)
    names = [path.relative_to(tmp_path).as_posix() for path in find_sources(tmp_path)]
    assert names == ["b.tex", "sub/a.tar.gz", "sub/noext"]
    assert find_sources(tmp_path / "b.tex") == [tmp_path / "b.tex"]


def test_says_that_there_is_nothing(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="no such file or folder"):
        find_sources(tmp_path / "missing")
    with pytest.raises(FileNotFoundError, match=r"neither \.tex files nor archives"):
        find_sources(tmp_path)


def test_loose_files_have_names_relative_to_the_folder(tmp_path: Path) -> None:
    (tmp_path / "s").mkdir()
    (tmp_path / "s" / "a.tex").write_bytes(b"$x$")
    assert read_loose_files([tmp_path / "s" / "a.tex"], tmp_path).files == {"s/a.tex": "$x$"}


def test_included_files_are_found_beside_and_from_the_top() -> None:
    files = {
        "main.tex": r"\input{sec/one} \usepackage{mac} \input{missing} \input{../../etc/passwd}",
        "sec/one.tex": r"\input{two} \input{mac.sty} \input{one}",
        "sec/two.tex": "",
        "mac.sty": "",
    }
    assert included_files("main.tex", files) == ["sec/one.tex", "mac.sty"]
    assert included_files("sec/one.tex", files) == ["sec/two.tex", "mac.sty"]
