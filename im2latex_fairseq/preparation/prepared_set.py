"""A prepared set: `PREFIX.tsv` (manifest) and `PREFIX.images` (store), whose rows and images belong together."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from im2latex_fairseq.data.atomic_file import remove_unfinished
from im2latex_fairseq.data.image_store import GreyImage, ImageStore, ImageStoreWriter
from im2latex_fairseq.data.manifest import ManifestEntry, make_entry, read_manifest, write_manifest
from im2latex_fairseq.preparation.formula_table import Reject, write_rejects
from im2latex_fairseq.preparation.report import StepReport, write_report


class PreparedSetError(ValueError):
    """A manifest and a store that don't belong together, or sets that can't be joined."""


def manifest_path(prefix: str | os.PathLike[str]) -> Path:
    """Of the set with this prefix; a `PREFIX.tsv` is taken as well as `PREFIX`."""
    return Path(f"{_bare(prefix)}.tsv")


def store_path(prefix: str | os.PathLike[str]) -> Path:
    """Of the set with this prefix."""
    return Path(f"{_bare(prefix)}.images")


def rejects_path(prefix: str | os.PathLike[str]) -> Path:
    """Where the step that made the set listed what it dropped."""
    return Path(f"{_bare(prefix)}.rejects.tsv")


class PreparedSet:
    """Entries and images of a set, checked against each other."""

    def __init__(self, prefix: str | os.PathLike[str]) -> None:
        """Open a set.

        Raises:
            FileNotFoundError, ManifestError, ImageStoreError: From either file.
            PreparedSetError: Their counts or sizes differ.
        """
        self.prefix = _bare(prefix)
        self.entries = read_manifest(manifest_path(prefix))
        self.store = ImageStore(store_path(prefix))
        if len(self.entries) != len(self.store):
            raise PreparedSetError(
                f"{self.prefix}: the manifest has {len(self.entries)} rows and the store {len(self.store)} images; "
                "they are not of one run, prepare the set again"
            )
        for index, entry in enumerate(self.entries):
            stored = (int(self.store.heights[index]), int(self.store.widths[index]))
            if stored != (entry.height, entry.width):
                raise PreparedSetError(
                    f"{self.prefix}: row {index} ({entry.id}) says {entry.height} x {entry.width} px, its image has "
                    f"{stored[0]} x {stored[1]}; they are not of one run, prepare the set again"
                )

    def __len__(self) -> int:
        return len(self.entries)


class PreparedSetWriter:
    """Writes a set pair by pair; both files appear at the clean end of the `with` block, or neither."""

    def __init__(self, prefix: str | os.PathLike[str], settings: Mapping[str, Any]) -> None:
        """`settings` are those the images were prepared with (`PreparationSettings.to_dict()`)."""
        self._prefix = _bare(prefix)
        self._store = ImageStoreWriter(store_path(prefix), settings)
        self._entries: list[ManifestEntry] = []

    def __enter__(self) -> PreparedSetWriter:
        # A manifest of an earlier run must not meet the new store if this run dies between the two renames.
        manifest_path(self._prefix).unlink(missing_ok=True)
        for path in (manifest_path(self._prefix), store_path(self._prefix)):
            if path.parent.is_dir():
                remove_unfinished(path.parent, path.name)
        self._store.__enter__()
        return self

    def __len__(self) -> int:
        return len(self._entries)

    def add(self, id: str, image: GreyImage, formula: str) -> None:
        """Append a prepared image (H, W) uint8 and its formula of space-joined tokens."""
        self._store.add(image)
        self._entries.append(make_entry(id, image.shape, formula))

    def copy_from(self, source: PreparedSet, index: int, *, id: str | None = None) -> None:
        """Append pair `index` of another set, under another id if one is given, without decoding its image."""
        entry = source.entries[index]
        self._store.copy_from(source.store, index)
        self._entries.append(
            ManifestEntry(id or entry.id, entry.height, entry.width, entry.tokens, entry.formula)
        )

    def __exit__(
        self,
        exception_type: type[BaseException] | None,
        exception: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._store.__exit__(exception_type, exception, traceback)
        if exception_type is None:
            write_manifest(manifest_path(self._prefix), self._entries)


def join_sets(
    prefix: str | os.PathLike[str],
    sources: Sequence[PreparedSet],
    *,
    step: str,
    dropped: Mapping[tuple[int, int], Reject] | None = None,
    fingerprint: str = "",
    details: Mapping[str, Any] | None = None,
) -> StepReport:
    """Write the pairs of `sources`, one set after the other, save the dropped ones, into one set.

    Args:
        prefix: The set to write.
        sources: Sets prepared with equal settings.
        step: Name of the step, for the report.
        dropped: (source number, index in it) -> why that pair is left out.
        fingerprint: For the report.
        details: For the report.

    Returns:
        The report, which is stored beside the set, as is the list of the dropped pairs.

    Raises:
        PreparedSetError: No sources, settings differ, or an id is in two sources.
    """
    dropped = dropped or {}
    settings = common_settings(sources)
    check_distinct_ids(sources)
    with PreparedSetWriter(prefix, settings) as writer:
        for number, source in enumerate(sources):
            for index in range(len(source)):
                if (number, index) not in dropped:
                    writer.copy_from(source, index)
    reasons: dict[str, int] = {}
    for reject in dropped.values():
        reasons[reject.reason] = reasons.get(reject.reason, 0) + 1
    write_rejects(rejects_path(prefix), list(dropped.values()))
    report = StepReport(
        step=step,
        read=sum(len(source) for source in sources),
        kept=len(writer),
        dropped=reasons,
        details={**(details or {}), **describe_files(prefix, len(writer))},
        fingerprint=fingerprint,
    )
    write_report(_bare(prefix), report)
    return report


def common_settings(sources: Sequence[PreparedSet]) -> dict[str, Any]:
    """The preparation settings that all sources share.

    Raises:
        PreparedSetError: There are no sources, or two differ; names the fields and both values.
    """
    if not sources:
        raise PreparedSetError("no prepared set was given")
    first = sources[0].store.settings
    for other in sources[1:]:
        settings = other.store.settings
        if settings != first:
            names = sorted(k for k in {*first, *settings} if first.get(k) != settings.get(k))
            fields = "; ".join(f"{name}: {first.get(name)!r} and {settings.get(name)!r}" for name in names)
            raise PreparedSetError(
                f"{sources[0].prefix} and {other.prefix} were prepared differently ({fields}); prepare them alike"
            )
    return first


def check_distinct_ids(sources: Iterable[PreparedSet]) -> None:
    """Refuse sets that share an id: the joint manifest could not tell the pairs apart."""
    owner: dict[str, Path] = {}
    for source in sources:
        for entry in source.entries:
            if entry.id in owner:
                raise PreparedSetError(
                    f"id {entry.id!r} is in {owner[entry.id]} and in {source.prefix}; "
                    "give each set ids of its own (--id-prefix of the step that made it)"
                )
            owner[entry.id] = source.prefix


def describe_files(prefix: str | os.PathLike[str], count: int) -> dict[str, Any]:
    """Size figures of a written set, for its report."""
    size = store_path(prefix).stat().st_size
    return {"store_bytes": size, "store_bytes_per_image": round(size / count) if count else 0}


def _bare(prefix: str | os.PathLike[str]) -> Path:
    text = os.fspath(prefix)
    for suffix in (".tsv", ".images"):
        if text.endswith(suffix):
            return Path(text[: -len(suffix)])
    return Path(text)
