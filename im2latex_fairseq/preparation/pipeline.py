"""Every step of a recipe, in order: from lists and pictures to a folder that the task reads."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Sequence
from pathlib import Path

from im2latex_fairseq.data.atomic_file import write_json_atomically, write_text_atomically
from im2latex_fairseq.preparation.dictionary import count_tokens, read_dictionary, write_dictionary
from im2latex_fairseq.preparation.fingerprint import fingerprint
from im2latex_fairseq.preparation.formula_extraction import ExtractionSettings, extract_sources
from im2latex_fairseq.preparation.formula_table import (
    FormulaRow,
    Reject,
    read_formula_table,
    write_formula_table,
    write_rejects,
)
from im2latex_fairseq.preparation.image_files import ImageFiles
from im2latex_fairseq.preparation.image_import import import_images
from im2latex_fairseq.preparation.image_layouts import (
    PairSource,
    read_im2markup_layout,
    read_pair_table,
    read_parallel_lists,
    read_release_layout,
)
from im2latex_fairseq.preparation.normalization import NormalizationSettings, normalize_file
from im2latex_fairseq.preparation.prepared_set import PreparedSet
from im2latex_fairseq.preparation.recipe import ImagesEntry, Recipe, RenderingsEntry, SplitEntry
from im2latex_fairseq.preparation.rendering import parse_looks, render_set
from im2latex_fairseq.preparation.report import (
    StepReport,
    format_markdown,
    read_finished_report,
    write_report,
)
from im2latex_fairseq.preparation.selection import (
    SizeLimits,
    comparison_keys,
    refuse_by_size,
    refuse_known,
    refuse_repeated,
)
from im2latex_fairseq.preparation.selection_steps import select_rows

REPORT_NAME = "report.json"
REPORT_TABLE_NAME = "report.md"


class PreparationRun:
    """One run of a recipe. Steps that an earlier run finished with the same inputs are not done again."""

    def __init__(
        self,
        recipe: Recipe,
        data: str | os.PathLike[str],
        output: str | os.PathLike[str],
        *,
        processes: int = 1,
        log: Callable[[str], None] = print,
    ) -> None:
        """Prepare to run.

        Args:
            recipe: What to do.
            data: Folder that the recipe's paths are relative to.
            output: Folder to make; intermediate files go to its `work/`.
            processes: Worker processes.
            log: Takes each step's report as text.
        """
        self._recipe = recipe
        self._data = Path(data)
        self._output = Path(output)
        self._work = self._output / "work"
        self._processes = processes
        self._log = log
        self._reports: dict[str, StepReport] = {}

    def run(self) -> dict[str, StepReport]:
        """Run all steps; returns step -> report, which `OUTPUT/report.json` and `report.md` hold as well.

        Raises:
            ValueError, FileNotFoundError: From any step; finished steps stay finished.
        """
        recipe = self._recipe
        if not self._data.is_dir():
            raise FileNotFoundError(f"{self._data}: no such data folder")
        self._work.mkdir(parents=True, exist_ok=True)
        for images in recipe.images:
            self._import(images)
        for formulas in recipe.formulas:
            macros = (
                (recipe.path.parent / formulas.macros).read_text(encoding="utf-8") if formulas.macros else ""
            )
            settings = NormalizationSettings(
                encoding=formulas.encoding,
                split_rows=formulas.split_rows,
                macros=macros,
                limit=formulas.limit or None,
                seed=recipe.seed,
            )
            report = normalize_file(
                self._data / formulas.file,
                self._table(formulas.name),
                settings,
                id_prefix=formulas.name,
                processes=self._processes,
            )
            self._record(f"normalize {formulas.name}", report)
        for source in recipe.sources:
            extraction = ExtractionSettings(source.kinds, "split" if source.split_rows else "whole")
            report = extract_sources(
                self._data / source.path,
                self._table(source.name),
                extraction,
                id_prefix=source.name,
                processes=self._processes,
            )
            self._record(f"extract {source.name}", report)
        taken: dict[str, str] = {}
        rendered: set[str] = set()
        for split in recipe.splits:
            for rendering in recipe.renderings:
                if rendering.name in split.sources and rendering.name not in rendered:
                    self._render(rendering, taken)
                    rendered.add(rendering.name)
            self._make_split(split)
        self._make_dictionary()
        write_json_atomically(self._output / "preparation.json", recipe.preparation.to_dict())
        write_json_atomically(
            self._output / REPORT_NAME, {name: report.to_dict() for name, report in self._reports.items()}
        )
        write_text_atomically(self._output / REPORT_TABLE_NAME, format_markdown(self._reports))
        return dict(self._reports)

    def _record(self, name: str, report: StepReport) -> None:
        self._reports[name] = report
        self._log(f"\n[{name}]\n{report.format_table()}")

    def _table(self, name: str) -> Path:
        return self._work / f"{name}.formulas.tsv"

    def _set(self, name: str) -> Path:
        return self._work / name

    def _import(self, entry: ImagesEntry) -> None:
        files = ImageFiles(self._data / entry.files)
        report = import_images(
            self._set(entry.name),
            self._list_pairs(entry, files),
            files,
            settings=self._recipe.preparation,
            scale=entry.scale,
            id_prefix=f"{entry.name}-",
            keep_refused=entry.keep_refused,
            processes=self._processes,
        )
        self._record(f"import {entry.name}", report)

    def _list_pairs(self, entry: ImagesEntry, files: ImageFiles) -> list[PairSource]:
        if entry.layout == "release":
            return read_release_layout(files, entry.split)
        if entry.layout == "table":
            return read_pair_table(
                self._data / entry.table,
                image_column=entry.image_column,
                formula_column=entry.formula_column,
                encoding=entry.encoding,
            )
        read = read_im2markup_layout if entry.layout == "im2markup" else read_parallel_lists
        return read(self._data / entry.formulas, self._data / entry.image_list, encoding=entry.encoding)

    def _render(self, entry: RenderingsEntry, taken: dict[str, str]) -> None:
        known: dict[str, str] = {}
        for split in self._recipe.splits:
            if entry.name in split.sources:
                for name in split.not_in:
                    known.update(comparison_keys(PreparedSet(self._output / name).entries))
        rows = self._choose_formulas(entry, known, taken)
        taken.update(comparison_keys(rows))
        report = render_set(
            self._set(entry.name),
            rows,
            parse_looks(entry.looks),
            settings=self._recipe.preparation,
            copies=entry.copies,
            seed=self._recipe.seed,
            engine=self._recipe.engine,
            processes=self._processes,
        )
        self._record(f"render {entry.name}", report)

    def _choose_formulas(
        self, entry: RenderingsEntry, known: dict[str, str], taken: dict[str, str]
    ) -> list[FormulaRow]:
        """The formulas that are worth the rendering: neither long, nor known, nor met before."""
        rows = [row for name in entry.formulas for row in read_formula_table(self._table(name))]
        output = self._work / f"{entry.name}.chosen.tsv"
        name = f"choose {entry.name}"
        identity = fingerprint(name, rows, entry, sorted(known), sorted(taken), self._recipe.seed)
        finished = read_finished_report(output, identity)
        if finished is not None and output.is_file():
            self._record(name, finished)
            return read_formula_table(output)
        limits = SizeLimits(min_tokens=max(entry.min_tokens, 1), max_tokens=entry.max_tokens or None)
        refused = refuse_by_size(rows, limits)
        rules = (
            lambda left: refuse_known(left, known),
            lambda left: refuse_known(left, taken, "in_earlier_rendering"),
            refuse_repeated,
        )
        for rule in rules:
            left = [index for index in range(len(rows)) if index not in refused]
            found = rule([rows[index] for index in left])
            refused.update({left[position]: reject for position, reject in found.items()})
        left = [index for index in range(len(rows)) if index not in refused]
        if entry.limit and len(left) > entry.limit:
            drawn = set(random.Random(f"{self._recipe.seed}/{entry.name}").sample(left, entry.limit))
            for index in left:
                if index not in drawn:
                    refused[index] = Reject(
                        rows[index].id, "over_limit", f"limit {entry.limit}", rows[index].formula
                    )
        chosen = [row for index, row in enumerate(rows) if index not in refused]
        write_formula_table(output, chosen)
        write_rejects(f"{output}.rejects.tsv", [reject for _, reject in sorted(refused.items())])
        report = StepReport(
            name, len(rows), len(chosen), _count(list(refused.values())), fingerprint=identity
        )
        write_report(output, report)
        self._record(name, report)
        return chosen

    def _make_split(self, split: SplitEntry) -> None:
        known: dict[str, str] = {}
        for name in split.not_in:
            known.update(comparison_keys(PreparedSet(self._output / name).entries))
        report = select_rows(
            [PreparedSet(self._set(source)) for source in split.sources],
            self._output / split.name,
            step=f"split {split.name}",
            limits=SizeLimits(
                min_tokens=max(split.min_tokens, 1),
                max_tokens=split.max_tokens or None,
                max_height_px=split.max_height_px or None,
                max_width_px=split.max_width_px or None,
                max_spaces=split.max_spaces or None,
            ),
            known=known,
            rare_tokens=split.rare_tokens,
            limit=split.limit,
            seed=split.seed or self._recipe.seed,
        )
        self._record(f"split {split.name}", report)

    def _make_dictionary(self) -> None:
        recipe = self._recipe
        path = self._output / "dict.txt"
        entries = PreparedSet(self._output / recipe.dictionary_from).entries
        counts = count_tokens(entry.formula for entry in entries)
        write_dictionary(path, counts, recipe.dictionary_threshold)
        known = read_dictionary(path)
        unknown = {
            split.name: sum(
                any(token not in known for token in entry.formula.split(" "))
                for entry in PreparedSet(self._output / split.name).entries
            )
            for split in recipe.splits
        }
        report = StepReport(
            "dictionary",
            read=len(counts),
            kept=len(known),
            dropped={"below_threshold": len(counts) - len(known)},
            details={"counts": "tokens", "formulas_with_unknown_tokens": unknown},
        )
        self._record("dictionary", report)


def _count(rejects: Sequence[Reject]) -> dict[str, int]:
    counts: dict[str, int] = {}
    for reject in rejects:
        counts[reject.reason] = counts.get(reject.reason, 0) + 1
    return counts


def prepare_data(
    recipe: Recipe, data: str | os.PathLike[str], output: str | os.PathLike[str], *, processes: int = 1
) -> dict[str, StepReport]:
    """Run a recipe; see `PreparationRun`."""
    return PreparationRun(recipe, data, output, processes=processes).run()
