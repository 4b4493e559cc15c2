"""The recipe file: which lists and pictures make which splits, read strictly from TOML."""

from __future__ import annotations

import os
import sys
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any, TypeVar

from im2latex_fairseq.images.transforms import PreparationSettings

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

LAYOUTS = ("release", "im2markup", "table", "lists")


class RecipeError(ValueError):
    """A recipe that can't be followed; names the file, the entry and what to do."""


@dataclass(frozen=True)
class ImagesEntry:
    """`[[images]]`: existing pictures. Paths are relative to the data folder.

    Attributes:
        name: By which splits ask for it.
        files: Folder or .tar of the pictures (of the whole release for layout "release").
        layout: "release", "im2markup", "table" or "lists".
        split: For "release": "train", "validate" or "test".
        table: For "table": the TSV or CSV.
        formulas: For "im2markup" and "lists": the list of formulas.
        image_list: For "im2markup" and "lists": the list of images.
        image_column: For "table".
        formula_column: For "table".
        encoding: Of the lists (the release's formula list always is ISO-8859-1).
        scale: Factor for both sides of the pictures.
        keep_refused: Keep formulas that the normaliser refuses as they are given.
    """

    name: str
    files: str
    layout: str = "table"
    split: str = "train"
    table: str = ""
    formulas: str = ""
    image_list: str = ""
    image_column: str = "image"
    formula_column: str = "formula"
    encoding: str = "utf-8"
    scale: float = 1.0
    keep_refused: bool = False


@dataclass(frozen=True)
class FormulasEntry:
    """`[[formulas]]`: a list of formulas, one a line.

    Attributes:
        name: By which renderings ask for it; also the start of the ids.
        file: Path relative to the data folder.
        encoding: Of the file.
        split_rows: Cut multi-row displays into rows.
        macros: File with LaTeX definitions that the formulas rely on, relative to the recipe.
        limit: At most this many lines, drawn at random; 0 takes all.
    """

    name: str
    file: str
    encoding: str = "utf-8"
    split_rows: bool = False
    macros: str = ""
    limit: int = 0


@dataclass(frozen=True)
class SourcesEntry:
    """`[[sources]]`: LaTeX documents (.tex files, arXiv archives, folders of them) to take formulas from.

    Attributes:
        name: By which renderings ask for it; also the start of the ids.
        path: Relative to the data folder.
        kinds: "display", "inline".
        split_rows: Cut multi-row displays into rows.
    """

    name: str
    path: str
    kinds: tuple[str, ...] = ("display", "inline")
    split_rows: bool = False


@dataclass(frozen=True)
class RenderingsEntry:
    """`[[renderings]]`: pictures made from lists.

    A formula that an earlier `[[renderings]]` entry has is not taken again.

    Attributes:
        name: By which splits ask for it.
        formulas: Names of `[[formulas]]` and `[[sources]]` entries.
        looks: Look or preset -> weight.
        copies: Different looks a formula.
        limit: At most this many formulas, drawn at random; 0 takes all.
        min_tokens: Shorter formulas are dropped.
        max_tokens: Longer formulas are dropped.
    """

    name: str
    formulas: tuple[str, ...]
    looks: Mapping[str, float]
    copies: int = 1
    limit: int = 0
    min_tokens: int = 1
    max_tokens: int = 150


@dataclass(frozen=True)
class SplitEntry:
    """`[[splits]]`: what goes into a split of the prepared folder.

    Attributes:
        name: "train", "valid", "test", ...
        sources: Names of `[[images]]` and `[[renderings]]` entries.
        not_in: Names of splits whose formulas must not be in this one.
        min_tokens, max_tokens, max_height_px, max_width_px: Limits; 0 sets none.
        max_spaces: Formulas with more spacing tokens in a row are dropped; 0 sets no limit.
        rare_tokens: Drop formulas with a token that fewer than this many pairs of the split have.
        limit: At most this many pairs, drawn at random; 0 takes all.
        seed: Of that draw; 0 takes the recipe's. With one of its own a split for evaluation stays what it is.
    """

    name: str
    sources: tuple[str, ...]
    not_in: tuple[str, ...] = ()
    min_tokens: int = 0
    max_tokens: int = 0
    max_height_px: int = 0
    max_width_px: int = 0
    max_spaces: int = 0
    rare_tokens: int = 0
    limit: int = 0
    seed: int = 0


@dataclass(frozen=True)
class Recipe:
    """A whole recipe.

    Attributes:
        path: Where it was read from.
        seed: Of every random draw.
        engine: "auto", "tex" or "mathtext".
        preparation: How pictures are prepared.
        dictionary_from: Split whose tokens make the dictionary.
        dictionary_threshold: Tokens that occur less often there are left out of the dictionary.
        images, formulas, sources, renderings, splits: The entries.
    """

    path: Path
    seed: int = 1
    engine: str = "auto"
    preparation: PreparationSettings = field(default_factory=PreparationSettings)
    dictionary_from: str = "train"
    dictionary_threshold: int = 1
    images: tuple[ImagesEntry, ...] = ()
    formulas: tuple[FormulasEntry, ...] = ()
    sources: tuple[SourcesEntry, ...] = ()
    renderings: tuple[RenderingsEntry, ...] = ()
    splits: tuple[SplitEntry, ...] = ()


def read_recipe(path: str | os.PathLike[str]) -> Recipe:
    """Read and check a recipe.

    Raises:
        FileNotFoundError: There is no such file.
        RecipeError: Not TOML, an unknown or missing key, a value of the wrong type, or a name that nothing has.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no such recipe")
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise RecipeError(f"{path}: not valid TOML: {error}") from error
    try:
        return _parse_recipe(path, content)
    except ValueError as error:
        raise RecipeError(f"{path}: {error}") from error


_TOP_LEVEL = (
    "seed",
    "engine",
    "preparation",
    "dictionary",
    "images",
    "formulas",
    "sources",
    "renderings",
    "splits",
)


def _parse_recipe(path: Path, content: dict[str, Any]) -> Recipe:
    _refuse_unknown("the recipe", content, _TOP_LEVEL)
    dictionary = content.get("dictionary", {})
    _refuse_unknown("[dictionary]", dictionary, ("split", "threshold"))
    overrides = content.get("preparation", {})
    preparation = PreparationSettings.from_dict({**PreparationSettings().to_dict(), **overrides})
    recipe = Recipe(
        path=path,
        seed=_typed("the recipe", "seed", content.get("seed", 1), int),
        engine=_typed("the recipe", "engine", content.get("engine", "auto"), str),
        preparation=preparation,
        dictionary_from=_typed("[dictionary]", "split", dictionary.get("split", "train"), str),
        dictionary_threshold=_typed("[dictionary]", "threshold", dictionary.get("threshold", 1), int),
        images=_entries(ImagesEntry, "images", content),
        formulas=_entries(FormulasEntry, "formulas", content),
        sources=_entries(SourcesEntry, "sources", content),
        renderings=_entries(RenderingsEntry, "renderings", content),
        splits=_entries(SplitEntry, "splits", content),
    )
    _check_names(recipe)
    return recipe


def _check_names(recipe: Recipe) -> None:
    pictures = [image.name for image in recipe.images] + [entry.name for entry in recipe.renderings]
    lists = [formulas.name for formulas in recipe.formulas] + [source.name for source in recipe.sources]
    splits = [entry.name for entry in recipe.splits]
    for kind, names in (
        ("images and renderings", pictures),
        ("formulas and sources", lists),
        ("splits", splits),
    ):
        for name in names:
            if names.count(name) > 1:
                raise RecipeError(f"two entries of {kind} are called {name!r}")
            if not name.replace("_", "").replace("-", "").isalnum():
                raise RecipeError(
                    f"{name!r}: names are made of letters, digits, - and _, since files bear them"
                )
    for image in recipe.images:
        if image.layout not in LAYOUTS:
            raise RecipeError(
                f"[[images]] {image.name!r}: layout {image.layout!r}; there are {', '.join(LAYOUTS)}"
            )
        needed = {
            "table": ("table",),
            "im2markup": ("formulas", "image_list"),
            "lists": ("formulas", "image_list"),
        }
        for key in needed.get(image.layout, ()):
            if not getattr(image, key):
                raise RecipeError(f"[[images]] {image.name!r}: layout {image.layout!r} needs {key!r}")
    for rendering in recipe.renderings:
        _check_known(f"[[renderings]] {rendering.name!r}", rendering.formulas, lists, "formulas or sources")
    if not splits:
        raise RecipeError("no [[splits]]: the recipe makes nothing")
    for split in recipe.splits:
        _check_known(f"[[splits]] {split.name!r}", split.sources, pictures, "images or renderings")
        _check_known(f"[[splits]] {split.name!r}, not_in", split.not_in, splits, "splits", may_be_empty=True)
        for name in split.not_in:
            if splits.index(name) >= splits.index(split.name):
                raise RecipeError(f"[[splits]] {split.name!r}: {name!r} of its not_in must come before it")
    _check_known("[dictionary], split", (recipe.dictionary_from,), splits, "splits")


def _check_known(
    where: str, asked: tuple[str, ...], known: list[str], kind: str, *, may_be_empty: bool = False
) -> None:
    if not asked and not may_be_empty:
        raise RecipeError(f"{where}: names no {kind}")
    for name in asked:
        if name not in known:
            raise RecipeError(
                f"{where}: no {kind} entry is called {name!r}; there are {', '.join(known) or 'none'}"
            )


Entry = TypeVar("Entry")


def _entries(kind: type[Entry], key: str, content: Mapping[str, Any]) -> tuple[Entry, ...]:
    tables = content.get(key, [])
    if not isinstance(tables, list) or not all(isinstance(table, dict) for table in tables):
        raise RecipeError(f"{key}: write each entry as a table of its own, headed [[{key}]]")
    return tuple(_entry(kind, f"[[{key}]]", table) for table in tables)


def _entry(kind: type[Entry], where: str, table: dict[str, Any]) -> Entry:
    where = f"{where} {table.get('name', '(unnamed)')!r}"
    types = typing.get_type_hints(kind)
    known = fields(kind)  # type: ignore[arg-type]  # all kinds are dataclasses
    _refuse_unknown(where, table, [item.name for item in known])
    for item in known:
        if item.name not in table and item.default is MISSING:
            raise RecipeError(f"{where}: {item.name!r} is missing")
    return kind(**{key: _typed(where, key, value, types[key]) for key, value in table.items()})


def _typed(where: str, key: str, value: Any, kind: Any) -> Any:
    """`value` as `kind`; TOML's types map one to one, save that a whole number may stand for a float."""
    if kind in (int, float, str, bool):
        if kind is float and type(value) is int:
            value = float(value)
        if type(value) is not kind:
            raise RecipeError(f"{where}: {key} is {value!r}, expected {kind.__name__}")
        return value
    if typing.get_origin(kind) is tuple:
        if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
            raise RecipeError(f"{where}: {key} is {value!r}, expected a list of strings")
        return tuple(value)
    if not isinstance(value, dict):
        raise RecipeError(f"{where}: {key} is {value!r}, expected a table of names and weights")
    return {name: _typed(where, f"{key}.{name}", weight, float) for name, weight in value.items()}


def _refuse_unknown(where: str, table: Mapping[str, Any], known: typing.Sequence[str]) -> None:
    for key in table:
        if key not in known:
            raise RecipeError(f"{where}: unknown key {key!r}; there are {', '.join(known)}")
