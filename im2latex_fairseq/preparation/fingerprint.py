"""Short identities of inputs and options, so that a restarted step knows what is done already."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable
from pathlib import Path

from im2latex_fairseq import __version__


def fingerprint(*parts: object) -> str:
    """A digest of the `repr` of each part; equal parts give equal digests over processes and runs.

    The package's version is a part, too: another release may normalise or draw a formula otherwise.

    Only for values whose `repr` says everything: numbers, strings, tuples, lists, dicts, dataclasses of such.
    """
    digest = hashlib.sha256()
    for part in (__version__, *parts):
        text = repr(part).encode("utf-8", "surrogatepass")
        digest.update(f"{len(text)}:".encode("ascii"))
        digest.update(text)
    return digest.hexdigest()[:32]


def fingerprint_files(paths: Iterable[str | os.PathLike[str]]) -> str:
    """A digest of the contents of the files."""
    digest = hashlib.sha256()
    for path in paths:
        with open(Path(path), "rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
        digest.update(b"\0end\0")
    return digest.hexdigest()[:32]
