r"""The formulas of the release's pages as their authors wrote them, by the ids of a prepared split.

What a system is scored against when nobody has normalised the references:

    python -m examples.evaluation.write_references_as_written --release DATA/im2latex100k/pages.tar \
        --split validate --manifest data-bin/im2latex_100k/pages_valid.tsv --out pages.as-written.tsv
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from im2latex_fairseq.data.atomic_file import write_text_atomically
from im2latex_fairseq.data.manifest import read_manifest
from im2latex_fairseq.preparation.image_files import ImageFiles
from im2latex_fairseq.preparation.image_layouts import read_release_layout


class AsWrittenError(ValueError):
    """A manifest that isn't of this release; says which picture is unknown."""


def formulas_as_written(release: Path, split: str, manifest: Path) -> list[tuple[str, str]]:
    """(id, formula) of each row of a manifest, as the release's list has the formula.

    Args:
        release: The release's folder, or a .tar of it.
        split: "train", "validate" or "test".
        manifest: Of the prepared split; its ids end in the names of the release's pictures.

    Raises:
        AsWrittenError: A picture of the manifest isn't in the release's split, or has no formula there.
        LayoutError: The release's lists can't be read.
    """
    formulas = {Path(pair.image).stem: pair.text for pair in read_release_layout(ImageFiles(release), split)}
    rows = []
    for entry in read_manifest(manifest):
        formula = formulas.get(entry.id.rpartition("-")[2])
        if formula is None:
            raise AsWrittenError(
                f"{manifest}: picture {entry.id} has no formula in the {split} list of {release}; "
                "the manifest must be of pages of that split"
            )
        rows.append((entry.id, " ".join(formula.split("\t"))))
    return rows


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(
        description="Write the release's formulas as their authors wrote them, by the ids of a prepared split."
    )
    parser.add_argument("--release", type=Path, required=True, help="the release's folder, or a .tar of it")
    parser.add_argument("--split", default="validate", help="of the release (default validate)")
    parser.add_argument("--manifest", type=Path, required=True, help="of the prepared split")
    parser.add_argument("--out", type=Path, required=True, help="TSV to write: id, formula")
    options = parser.parse_args(arguments)
    try:
        rows = formulas_as_written(options.release, options.split, options.manifest)
    except (OSError, ValueError) as error:
        parser.error(str(error))
    write_text_atomically(
        options.out, "".join(f"{id_}\t{formula}\n" for id_, formula in [("id", "formula"), *rows])
    )
    print(f"{options.out}: {len(rows)} formulas")


if __name__ == "__main__":
    main()
