"""Pictures in a folder or in an uncompressed .tar, read by name from any process."""

from __future__ import annotations

import os
import tarfile
from pathlib import Path, PurePosixPath


class ImageFilesError(ValueError):
    """A place for pictures that can't be used; the message names it and says what to do."""


class ImageFiles:
    """Read-only access to the files of a folder or of a .tar, by name.

    A file is found by its path relative to the root, or by its bare name where only one file has that name.
    Picklable. The files' own contents are not trusted: nothing is unpacked to disk, links are not followed.
    """

    def __init__(self, root: str | os.PathLike[str]) -> None:
        """Index a folder or an archive.

        Raises:
            FileNotFoundError: There is no such folder or file.
            ImageFilesError: It is neither a folder nor an uncompressed .tar.
        """
        self.root = Path(root)
        self._is_folder = self.root.is_dir()
        # Name -> (offset, size) in the archive, or () for a file of a folder.
        self._files: dict[str, tuple[int, ...]] = {}
        if self._is_folder:
            for folder, _, names in os.walk(self.root):
                relative = Path(folder).relative_to(self.root)
                for name in names:
                    self._files[(PurePosixPath(relative.as_posix()) / name).as_posix()] = ()
        elif self.root.is_file():
            self._index_archive()
        else:
            raise FileNotFoundError(f"{self.root}: no such folder or .tar of pictures")
        # Bare name -> full name, or None where several files share it.
        self._bare: dict[str, str | None] = {}
        for name in self._files:
            bare = name.rpartition("/")[2]
            self._bare[bare] = None if bare in self._bare else name

    def _index_archive(self) -> None:
        try:
            with tarfile.open(self.root, "r:") as archive:
                for member in archive:
                    if member.isfile():
                        self._files[PurePosixPath(member.name).as_posix()] = (member.offset_data, member.size)
        except (tarfile.TarError, EOFError) as error:
            raise ImageFilesError(
                f"{self.root}: not an uncompressed .tar ({error}); unpack it and give the folder instead"
            ) from error

    def __len__(self) -> int:
        return len(self._files)

    def __contains__(self, name: object) -> bool:
        return isinstance(name, str) and self._find(name) is not None

    def read(self, name: str) -> bytes:
        """The bytes of a file.

        Raises:
            FileNotFoundError: None has that name, or several share that bare name.
        """
        full = self._find(name)
        if full is None:
            what = "several files have this name" if name in self._bare else "no such file"
            raise FileNotFoundError(f"{self.root}: {name}: {what}")
        if self._is_folder:
            return (self.root / full).read_bytes()
        offset, size = self._files[full]
        with open(self.root, "rb") as file:
            file.seek(offset)
            content = file.read(size)
        if len(content) != size:
            raise ImageFilesError(f"{self.root}: truncated within {full}; copy it anew")
        return content

    def _find(self, name: str) -> str | None:
        return name if name in self._files else self._bare.get(name)

    def __repr__(self) -> str:
        # Identifies the state of the pictures for fingerprints, without reading gigabytes.
        status = self.root.stat()
        return (
            f"ImageFiles({str(self.root)!r}, {len(self)} files, {status.st_size} bytes, {status.st_mtime_ns})"
        )
