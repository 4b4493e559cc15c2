"""Many small grey images in one memory-mapped file, with an index and checksums.

Layout of a store, version 1, all numbers little-endian:

    header    64 bytes: magic, version, image count, index offset, settings offset and length, file size,
              CRC-32 of the index, CRC-32 of the settings, CRC-32 of the header itself
    pictures  one zlib stream each: the pixels (uint8), column by column
    index     24 bytes an image: offset (8), length (4), height (4), width (4), CRC-32 of the stream (4)
    settings  JSON: the preparation settings of the pictures, any object

Columns rather than rows, since print has more long vertical strokes than horizontal ones: on the valid
split of IM2LATEX-100K that saves 8% against rows; packing two pixels of 16 grey levels in a byte first, row
filters, PNG and lossless WebP were all larger or slower than plain zlib on columns. The coding is lossless
for any uint8 image, however many grey levels it has.
"""

from __future__ import annotations

import json
import mmap
import os
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from types import TracebackType
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.data.atomic_file import atomic_writer

MAGIC = b"I2LIMGS\n"  # the newline shows a transfer that changed line ends
VERSION = 1
_HEADER = struct.Struct("<8sIQQQQQIII")  # ..., index CRC, settings CRC, header CRC
_HEADER_SIZE = 64
_INDEX_DTYPE = np.dtype(
    [("offset", "<u8"), ("length", "<u4"), ("height", "<u4"), ("width", "<u4"), ("crc32", "<u4")]
)
_MAX_SIDE_PX = 65_535
_COMPRESSION_LEVEL = 6  # 9 saves another 3% and takes eight times as long

GreyImage = NDArray[np.uint8]


class ImageStoreError(ValueError):
    """A store that can't be read or written; the message names the file, what is wrong and what to do."""


class ImageStoreWriter:
    """Writes a store, image by image; nothing appears at `path` before all of them are on disk.

    A context manager: a clean end finishes the store and renames it into place, an exception leaves nothing
    behind. Only the index (24 bytes an image) is held in memory.

        with ImageStoreWriter("valid.images", settings.to_dict()) as store:
            for image in images:
                store.add(image)
    """

    def __init__(self, path: str | os.PathLike[str], settings: Mapping[str, Any] | None = None) -> None:
        """Prepare to write.

        Args:
            path: Where the finished store shall be; an existing file there is replaced at the end.
            settings: How the images were prepared (`PreparationSettings.to_dict()`); anything JSON can hold.
        """
        self.path = Path(path)
        self.settings: dict[str, Any] = dict(settings or {})
        self._settings_json = json.dumps(self.settings, ensure_ascii=False, sort_keys=True).encode("utf-8")
        self._index: list[tuple[int, int, int, int, int]] = []
        self._offset = _HEADER_SIZE
        self._context: AbstractContextManager[BinaryIO] | None = None
        self._file: BinaryIO | None = None

    def __enter__(self) -> ImageStoreWriter:
        self._context = atomic_writer(self.path)
        self._file = self._context.__enter__()
        self._file.write(b"\0" * _HEADER_SIZE)
        return self

    def __len__(self) -> int:
        return len(self._index)

    def add(self, image: GreyImage) -> int:
        """Append an image.

        Args:
            image: (H, W) uint8, H and W from 1 to 65,535.

        Returns:
            Its index in the store.

        Raises:
            ImageStoreError: The array is of another type or shape. The store stays usable.
        """
        if not isinstance(image, np.ndarray) or image.dtype != np.uint8 or image.ndim != 2:
            seen = f"{image.dtype} of shape {image.shape}" if isinstance(image, np.ndarray) else type(image)
            raise ImageStoreError(
                f"{self.path}: image {len(self)} is {seen}; a store holds (H, W) uint8 arrays"
            )
        height, width = image.shape
        if not (1 <= height <= _MAX_SIDE_PX and 1 <= width <= _MAX_SIDE_PX):
            raise ImageStoreError(
                f"{self.path}: image {len(self)} is {height} x {width} px; sides go from 1 to {_MAX_SIDE_PX}"
            )
        return self._append(zlib.compress(image.T.tobytes(), _COMPRESSION_LEVEL), height, width)

    def copy_from(self, store: ImageStore, index: int) -> int:
        """Append image `index` of another store without decoding it (its checksum is verified)."""
        payload = store.read_payload(index)
        return self._append(payload, int(store.heights[index]), int(store.widths[index]))

    def _append(self, payload: bytes, height: int, width: int) -> int:
        if self._file is None:
            raise ImageStoreError(f"{self.path}: the writer is not open; use it in a with statement")
        self._file.write(payload)
        self._index.append((self._offset, len(payload), height, width, zlib.crc32(payload)))
        self._offset += len(payload)
        return len(self._index) - 1

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        assert self._context is not None and self._file is not None
        file, context = self._file, self._context
        self._file = self._context = None
        if exception_type is None:
            try:
                self._finish(file)
            except BaseException as error:
                context.__exit__(type(error), error, error.__traceback__)
                raise
        context.__exit__(exception_type, exception, traceback)

    def _finish(self, file: BinaryIO) -> None:
        index = np.array(self._index, dtype=_INDEX_DTYPE).tobytes()
        settings_offset = self._offset + len(index)
        file.write(index)
        file.write(self._settings_json)
        fields = (
            MAGIC,
            VERSION,
            len(self._index),
            self._offset,
            settings_offset,
            len(self._settings_json),
            settings_offset + len(self._settings_json),
            zlib.crc32(index),
            zlib.crc32(self._settings_json),
        )
        header = _HEADER.pack(*fields, zlib.crc32(_HEADER.pack(*fields, 0)))
        file.seek(0)
        file.write(header.ljust(_HEADER_SIZE, b"\0"))
        file.seek(0, os.SEEK_END)


class ImageStore:
    """Reads a store that `ImageStoreWriter` made; indexable, picklable, safe over forks and threads.

    Opening checks the header, the file's size and the index; reading an image checks its own checksum.
    Pickling keeps the path alone, so a worker process maps the file anew and shares the page cache.
    """

    def __init__(self, path: str | os.PathLike[str]) -> None:
        """Map a store.

        Raises:
            FileNotFoundError: There is no such file.
            ImageStoreError: It is truncated, corrupt, or no store.
        """
        self.path = Path(path)
        if not self.path.is_file():
            raise FileNotFoundError(f"{self.path}: no image store; the commands in preprocess/ make one")
        with open(self.path, "rb") as file:
            head = file.read(_HEADER_SIZE)
            count, index_offset, settings_offset, index_crc, settings_crc = self._check_header(
                head, os.fstat(file.fileno()).st_size
            )
            self._map = mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ)
        index_bytes = self._map[index_offset:settings_offset]
        settings_bytes = self._map[settings_offset:]
        if zlib.crc32(index_bytes) != index_crc or len(index_bytes) != count * _INDEX_DTYPE.itemsize:
            raise self._error("its index is corrupt (checksum differs)")
        if zlib.crc32(settings_bytes) != settings_crc:
            raise self._error("its settings are corrupt (checksum differs)")
        self._index = np.frombuffer(index_bytes, dtype=_INDEX_DTYPE)
        self._pictures_end = index_offset
        #: CRC-32 of the index, which holds the CRC-32 of every image: stores of other pictures have another.
        self.checksum: int = index_crc
        self.settings: dict[str, Any] = json.loads(settings_bytes)
        self.heights: NDArray[np.int32] = self._index["height"].astype(np.int32)
        self.widths: NDArray[np.int32] = self._index["width"].astype(np.int32)

    def _check_header(self, head: bytes, size: int) -> tuple[int, int, int, int, int]:
        if size == 0:
            raise self._error("the file is empty")
        if head[: len(MAGIC)] != MAGIC[: len(head)]:
            if head[: len(MAGIC) - 1] == MAGIC[:-1]:
                raise self._error("its line ends were changed in transfer (copy it as binary)")
            if not head.strip(b"\0"):
                raise self._error("its header is blank; the file was never finished")
            raise ImageStoreError(
                f"{self.path}: not an image store (it starts with {head[:8]!r}, a store with {MAGIC!r}); "
                "give the .images file that the commands in preprocess/ wrote"
            )
        if len(head) < _HEADER_SIZE:
            raise self._error(f"truncated within its header ({size} bytes)")
        fields = _HEADER.unpack(head[: _HEADER.size])
        _, version, count, index_offset, settings_offset, _, file_size, index_crc, settings_crc, crc = fields
        if zlib.crc32(_HEADER.pack(*fields[:-1], 0)) != crc:
            raise self._error("its header is corrupt (checksum differs)")
        if version != VERSION:
            raise ImageStoreError(
                f"{self.path}: store version {version}; this release of im2latex_fairseq reads version "
                f"{VERSION}: prepare the data again, or install the release that wrote it"
            )
        if size != file_size:
            what = "truncated" if size < file_size else "longer than it was written"
            raise self._error(f"{what} ({size:,} bytes, {file_size:,} were written)")
        return count, index_offset, settings_offset, index_crc, settings_crc

    def _error(self, what: str) -> ImageStoreError:
        return ImageStoreError(f"{self.path}: image store unusable: {what}; copy it anew or prepare it again")

    def __len__(self) -> int:
        return len(self._index)

    def __getitem__(self, index: int) -> GreyImage:
        """Image `index` (negative counts from the end): a fresh, writable (H, W) uint8 array.

        Raises:
            IndexError: There is no such image.
            ImageStoreError: Its bytes are corrupt.
        """
        if index < 0:
            index += len(self)
        payload = self.read_payload(index)
        height, width = int(self.heights[index]), int(self.widths[index])
        decoder = zlib.decompressobj()
        try:
            pixels = decoder.decompress(payload, height * width + 1)
        except zlib.error as error:
            raise self._error(f"image {index} does not decode ({error})") from error
        if len(pixels) != height * width or not decoder.eof:
            raise self._error(f"image {index} does not hold the {height} x {width} pixels of its index entry")
        columns = np.frombuffer(pixels, dtype=np.uint8).reshape(width, height)
        return np.array(columns.T, order="C")  # W x H -> H x W, copied: frombuffer's memory is read-only

    def read_payload(self, index: int) -> bytes:
        """The compressed bytes of image `index`, verified against their checksum."""
        if not 0 <= index < len(self):
            raise IndexError(f"{self.path}: image {index} of {len(self)}")
        entry = self._index[index]
        start, length = int(entry["offset"]), int(entry["length"])
        if start < _HEADER_SIZE or start + length > self._pictures_end:
            raise self._error(f"the index places image {index} outside of the file's pictures")
        payload = self._map[start : start + length]
        if zlib.crc32(payload) != int(entry["crc32"]):
            raise self._error(f"image {index} is corrupt (checksum differs)")
        return payload

    def __iter__(self) -> Iterator[GreyImage]:
        return (self[index] for index in range(len(self)))

    def verify(self) -> None:
        """Decode every image; raises ImageStoreError at the first that is corrupt."""
        for _ in self:
            pass

    def __reduce__(self) -> tuple[type[ImageStore], tuple[str]]:
        return ImageStore, (str(self.path),)

    def __repr__(self) -> str:
        return f"ImageStore({str(self.path)!r}, {len(self)} images)"
