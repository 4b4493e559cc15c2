"""Files that appear whole or not at all: written beside their place, flushed to disk, then renamed."""

from __future__ import annotations

import contextlib
import json
import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

TEMPORARY_SUFFIX = ".unfinished"


@contextlib.contextmanager
def atomic_writer(path: str | os.PathLike[str]) -> Iterator[BinaryIO]:
    """Open a binary file for writing that takes the place of `path` only when the block ends well.

    The data go to a temporary file of the same folder (so that the rename stays within one file system),
    are flushed to disk and renamed over `path`. An exception removes the temporary file and leaves what was
    at `path` untouched. After a `kill -9` the temporary file stays; `remove_unfinished` sweeps it up.

    Args:
        path: Where the finished file shall be. Its folder is made if missing.

    Yields:
        The temporary file, opened "w+b".
    """
    final = Path(path)
    final.parent.mkdir(parents=True, exist_ok=True)
    descriptor, name = tempfile.mkstemp(prefix=f".{final.name}.", suffix=TEMPORARY_SUFFIX, dir=final.parent)
    temporary = Path(name)
    try:
        with os.fdopen(descriptor, "w+b") as file:
            yield file
            file.flush()
            os.fsync(file.fileno())
        # mkstemp makes files that their owner alone can read; prepared data are meant to be shared.
        os.chmod(temporary, 0o666 & ~_umask())
        os.replace(temporary, final)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    _sync_folder(final.parent)


def write_text_atomically(path: str | os.PathLike[str], text: str) -> None:
    """Write `text` as UTF-8, with its line ends as they are, by `atomic_writer`."""
    with atomic_writer(path) as file:
        file.write(text.encode("utf-8"))


def write_json_atomically(path: str | os.PathLike[str], content: Any) -> None:
    """Write `content` as indented JSON with a final newline, by `atomic_writer`."""
    write_text_atomically(path, json.dumps(content, indent=2, ensure_ascii=False) + "\n")


def remove_unfinished(folder: str | os.PathLike[str], name: str | None = None) -> int:
    """Delete the temporary files that killed writers left in `folder`.

    Call it only where no other process writes.

    Args:
        folder: Where to look.
        name: Of the finished file that they were to become; None for any.

    Returns:
        How many there were.
    """
    start = "." if name is None else f".{name}."
    leftovers = [
        path
        for path in Path(folder).iterdir()
        if path.name.startswith(start) and path.name.endswith(TEMPORARY_SUFFIX)
    ]
    for leftover in leftovers:
        leftover.unlink(missing_ok=True)
    return len(leftovers)


def _umask() -> int:
    # The mask can only be read by setting it; the window is harmless, since both values restrict.
    mask = os.umask(0o077)
    os.umask(mask)
    return mask


def _sync_folder(folder: Path) -> None:
    """Make the rename itself durable, where the system can (Windows cannot open folders)."""
    try:
        descriptor = os.open(folder, os.O_RDONLY)
    except OSError:
        return
    try:
        os.fsync(descriptor)
    except OSError:
        # Some network file systems refuse to sync folders; the file itself is on disk already.
        pass
    finally:
        os.close(descriptor)
