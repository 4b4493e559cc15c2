"""LaTeX sources from folders and archives, as arXiv gives them out, without trusting them.

An archive is read as a stream, in memory: nothing is unpacked to disk, so no name in it can lead anywhere;
links and devices are not followed; and what it grows to is counted while it grows, so that a small file which
unpacks to gigabytes is refused after the limit.
"""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import tarfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from typing import IO, cast

from im2latex_fairseq.latex.source_text import decode_source, included_names

ARCHIVE_SUFFIXES = (".tar.gz", ".tgz", ".gz", ".tar", ".tar.bz2", ".tbz2", ".bz2", ".tar.xz", ".txz", ".xz")
# Files that may hold formulas, and those that hold macros only. arXiv has sources without any suffix.
FORMULA_SUFFIXES = (".tex", ".ltx", ".latex", "")
MACRO_SUFFIXES = (".sty", ".macros", ".mac", ".def")
_TAR_BLOCK = 512
_CHUNK = 1 << 16


@dataclass(frozen=True)
class SourceLimits:
    """How much is read of what a stranger packed.

    Attributes:
        file_bytes: A larger .tex file is refused.
        archive_bytes: An archive that unpacks to more is refused, whatever is in it.
        members: An archive with more entries is refused.
    """

    file_bytes: int = 8 << 20
    archive_bytes: int = 512 << 20
    members: int = 20_000


@dataclass(frozen=True)
class RefusedFile:
    """A file that was not read, and why."""

    name: str
    reason: str
    detail: str = ""


@dataclass
class SourceCollection:
    """The readable files of an archive or a folder, by name, and what was refused."""

    files: dict[str, str] = field(default_factory=dict)
    refused: list[RefusedFile] = field(default_factory=list)


class _TooLargeError(Exception):
    """The archive grew past its limit."""


class _BoundedReader(io.RawIOBase):
    """Passes a decompressed stream on, up to a limit."""

    def __init__(self, stream: IO[bytes], limit: int) -> None:
        super().__init__()
        self._stream = stream
        self._left = limit

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: object) -> int:
        view = memoryview(cast(bytearray, buffer))
        chunk = self._stream.read(min(len(view), _CHUNK))
        self._left -= len(chunk)
        if self._left < 0:
            raise _TooLargeError
        view[: len(chunk)] = chunk
        return len(chunk)


def is_archive(path: str | os.PathLike[str]) -> bool:
    """Whether a name says that a file is packed."""
    return Path(path).name.lower().endswith(ARCHIVE_SUFFIXES)


def find_sources(source: str | os.PathLike[str]) -> list[Path]:
    """The archives and loose .tex files of a folder and its subfolders, sorted; or `source` itself if a file.

    Links are not followed. Hidden files and folders are passed over.

    Raises:
        FileNotFoundError: There is nothing at `source`, or nothing to read in it.
    """
    source = Path(source)
    if source.is_file():
        return [source]
    if not source.is_dir():
        raise FileNotFoundError(f"{source}: no such file or folder; give .tex files or archives of them")
    found: list[Path] = []
    for folder, folders, names in os.walk(source, followlinks=False):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in sorted(names):
            path = Path(folder, name)
            suffix = path.suffix.lower()
            wanted = is_archive(path) or suffix in (*FORMULA_SUFFIXES, *MACRO_SUFFIXES)
            if wanted and not name.startswith(".") and not path.is_symlink() and path.is_file():
                found.append(path)
    if not any(is_archive(path) or path.suffix.lower() in FORMULA_SUFFIXES for path in found):
        suffixes = ", ".join(ARCHIVE_SUFFIXES)
        raise FileNotFoundError(f"{source}: neither .tex files nor archives ({suffixes}) in it")
    return found


def read_archive(path: str | os.PathLike[str], limits: SourceLimits = SourceLimits()) -> SourceCollection:
    """Read the LaTeX files of a packed tar, or the one file of a plain .gz, .bz2 or .xz (a short paper).

    Returns:
        The files, by their names in the archive (a single one by the archive's own, without its suffix), and
        what was refused: members with names that lead out of the archive, links, files over the limits. If
        the archive as a whole can't be trusted, nothing of it is kept, and the reason is the archive's.
    """
    path = Path(path)
    collection = SourceCollection()
    try:
        with path.open("rb") as packed:
            _read_packed(path, packed, limits, collection)
    except _TooLargeError:
        reason, detail = "archive_too_large", f"unpacks to more than {limits.archive_bytes} bytes"
    except (OSError, EOFError, zlib.error, lzma.LZMAError, tarfile.TarError, ValueError) as error:
        reason, detail = "archive_corrupt", f"{type(error).__name__}: {error}"
    else:
        return collection
    return SourceCollection({}, [RefusedFile(path.name, reason, detail)])


def _read_packed(path: Path, packed: IO[bytes], limits: SourceLimits, collection: SourceCollection) -> None:
    bounded = io.BufferedReader(_BoundedReader(_decompressed(packed), limits.archive_bytes), _CHUNK)
    head = bounded.peek(_TAR_BLOCK)[:_TAR_BLOCK]
    if _is_tar(head):
        _read_tar(bounded, limits, collection)
        return
    name = path.name
    for suffix in sorted(ARCHIVE_SUFFIXES, key=len, reverse=True):
        if name.lower().endswith(suffix):
            name = name[: -len(suffix)]
            break
    content = bounded.read(limits.file_bytes + 1)
    _keep(
        name if PurePosixPath(name).suffix.lower() in FORMULA_SUFFIXES else f"{name}.tex",
        content,
        limits,
        collection,
    )


def _decompressed(packed: IO[bytes]) -> IO[bytes]:
    """The stream inside, by the magic bytes: names of downloaded files lie."""
    magic = packed.read(6)
    packed.seek(0)
    if magic.startswith(b"\x1f\x8b"):
        return cast(IO[bytes], gzip.GzipFile(fileobj=packed))
    if magic.startswith(b"BZh"):
        return cast(IO[bytes], bz2.BZ2File(packed))
    if magic.startswith(b"\xfd7zXZ\x00"):
        return cast(IO[bytes], lzma.LZMAFile(packed))
    return packed


def _is_tar(head: bytes) -> bool:
    """Whether a block is a tar header with a right checksum (old tars carry no magic word)."""
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _read_tar(stream: IO[bytes], limits: SourceLimits, collection: SourceCollection) -> None:
    with tarfile.open(fileobj=stream, mode="r|", errors="surrogateescape") as archive:
        for number, member in enumerate(archive, start=1):
            if number > limits.members:
                raise ValueError(f"more than {limits.members} members")
            name = member.name.encode("utf-8", "replace").decode("utf-8")
            if member.isdir():
                continue
            parts = PurePosixPath(name).parts
            if name.startswith(("/", "\\")) or ".." in parts or "\\" in name or "\0" in name:
                collection.refused.append(RefusedFile(name, "unsafe_name", "leads out of the archive"))
            elif not member.isreg():
                collection.refused.append(RefusedFile(name, "not_a_plain_file", "a link or a device"))
            elif PurePosixPath(name).suffix.lower() in (*FORMULA_SUFFIXES, *MACRO_SUFFIXES):
                if member.size > limits.file_bytes:
                    detail = f"{member.size} bytes, more than {limits.file_bytes}"
                    collection.refused.append(RefusedFile(name, "file_too_large", detail))
                    continue
                file = archive.extractfile(member)
                assert file is not None  # plain files have contents
                _keep(str(PurePosixPath(*parts)), file.read(), limits, collection)


def read_loose_files(
    paths: Sequence[Path], root: Path, limits: SourceLimits = SourceLimits()
) -> SourceCollection:
    """Read .tex and .sty files of a folder, by their names relative to `root`."""
    collection = SourceCollection()
    for path in paths:
        name = path.relative_to(root).as_posix() if path != root else path.name
        try:
            with path.open("rb") as file:
                content = file.read(limits.file_bytes + 1)
        except OSError as error:
            collection.refused.append(RefusedFile(name, "unreadable", str(error)))
            continue
        _keep(name, content, limits, collection)
    return collection


def _keep(name: str, content: bytes, limits: SourceLimits, collection: SourceCollection) -> None:
    if len(content) > limits.file_bytes:
        detail = f"more than {limits.file_bytes} bytes"
        collection.refused.append(RefusedFile(name, "file_too_large", detail))
    elif b"\0" in content[:8192]:
        collection.refused.append(
            RefusedFile(name, "not_text", "holds zero bytes: a picture or a font, no LaTeX")
        )
    elif not content.strip():
        collection.refused.append(RefusedFile(name, "empty_file"))
    else:
        collection.files[name] = decode_source(content)


def included_files(name: str, files: dict[str, str]) -> list[str]:
    r"""The files of a collection that one of them pulls in, in order, by the names that they have in it.

    `\input{sections/intro}` is looked for beside the file, then from the top of the collection, with and
    without `.tex` or `.sty`.
    """
    folder = PurePosixPath(name).parent
    found: list[str] = []
    for wanted in included_names(files[name]):
        for base in (folder, PurePosixPath()):
            for suffix in ("", ".tex", ".sty"):
                candidate = os.path.normpath((base / (wanted + suffix)).as_posix()).replace(os.sep, "/")
                if candidate in files and candidate != name and candidate not in found:
                    found.append(candidate)
                    break
            else:
                continue
            break
    return found
