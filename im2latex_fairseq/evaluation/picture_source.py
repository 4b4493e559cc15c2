"""The pictures that a system read, by the ids of the references: from an image store or a folder of files."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from im2latex_fairseq.data.image_store import ImageStore
from im2latex_fairseq.evaluation.errors import EvaluationInputError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.renderer import GreyImage

_SUFFIXES = (".png", ".jpg", ".jpeg", ".bmp", ".gif", ".tif", ".tiff", ".webp")


class StoredPictures(Mapping[str, GreyImage]):
    """Pictures of a store, read when they are asked for.

    Args:
        store: The store.
        numbers: Id -> index in the store.
    """

    def __init__(self, store: ImageStore, numbers: Mapping[str, int]) -> None:
        self._store = store
        self._numbers = dict(numbers)

    def __getitem__(self, key: str) -> GreyImage:
        return self._store[self._numbers[key]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._numbers)

    def __len__(self) -> int:
        return len(self._numbers)


class PictureFiles(Mapping[str, GreyImage]):
    """Pictures in files, decoded to grey when they are asked for.

    Args:
        paths: Id -> file.
    """

    def __init__(self, paths: Mapping[str, Path]) -> None:
        self._paths = dict(paths)

    def __getitem__(self, key: str) -> GreyImage:
        return load_image(self._paths[key])

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)


def open_pictures(
    path: str | Path, ids: Sequence[str], numbers: Sequence[int], *, no_others: bool = False
) -> Mapping[str, GreyImage]:
    """The pictures of all references.

    Args:
        path: An image store, whose picture i is that of row i of the split; or a folder in which a picture is
            called by its reference's id, with the ending of an image format or not.
        ids: Of the references.
        numbers: Their rows in the split, from 0.
        no_others: The store must have no further pictures; for rows that are guessed by their order.

    Returns:
        Id -> (height, width) uint8, 255 = paper.

    Raises:
        EvaluationInputError: A reference has no picture, or the store is that of another split.
        ImageStoreError: It is no store, or corrupt.
    """
    path = Path(path)
    if path.is_dir():
        return PictureFiles(_files_of(path, ids))
    store = ImageStore(path)
    beyond = [number for number in numbers if number >= len(store)]
    if beyond:
        raise EvaluationInputError(
            f"{path} has {len(store):,} pictures, but there is a reference of picture {max(beyond):,} (from 0); they "
            "belong to different splits"
        )
    if no_others and len(store) > len(ids):
        raise EvaluationInputError(
            f"{path} has {len(store):,} pictures for {len(ids):,} samples, so nobody knows which belong together; give "
            "a folder with a picture for each name"
        )
    return StoredPictures(store, dict(zip(ids, numbers, strict=True)))


def _files_of(folder: Path, ids: Sequence[str]) -> dict[str, Path]:
    names = {entry.name for entry in folder.iterdir() if entry.is_file()}
    found: dict[str, Path] = {}
    lacking: list[str] = []
    for id_ in ids:
        # An id may be a path, as im2markup's lists have it; the folder is the one that was given.
        base = id_.rsplit("/", 1)[-1]
        name = next(
            (name for name in (base, *(base + suffix for suffix in _SUFFIXES)) if name in names), None
        )
        if name is None:
            lacking.append(id_)
        else:
            found[id_] = folder / name
    if lacking:
        raise EvaluationInputError(
            f"{folder}: no picture of {len(lacking):,} of {len(ids):,} references, the first {lacking[0]!r}; a picture "
            f"is called by the reference's id, for example {lacking[0]}.png"
        )
    return found
