"""The house and its arrows (CONTRIBUTING.md): who may import whom, and what lies where."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = "im2latex_fairseq"

TOP_LEVEL = {
    ".ci",
    ".gitignore",
    ".pre-commit-config.yaml",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "LICENSE",
    "README.md",
    "examples",
    "im2latex_fairseq",
    "preprocess",
    "pyproject.toml",
    "setup.py",
    "tests",
}

# Room -> what it may import besides the standard library and itself. A dotted name allows only what is below
# it: `fairseq.data` does not allow `fairseq.models`. The deepest room that holds a file decides.
# `tasks` may not import `models`: fairseq joins them by their registries.
ARROWS: dict[str, set[str]] = {
    f"{PACKAGE}.latex": set(),
    f"{PACKAGE}.images": {"PIL", "numpy", "torch", "matplotlib"},
    f"{PACKAGE}.metrics": {
        f"{PACKAGE}.__version__",  # part of each signature
        f"{PACKAGE}.images",
        f"{PACKAGE}.latex",
        "numpy",
        "rapidfuzz",
        "sacrebleu",
        "scipy.optimize",
    },
    f"{PACKAGE}.data": {f"{PACKAGE}.images", "fairseq.data", "numpy", "torch"},
    f"{PACKAGE}.preparation": {
        f"{PACKAGE}.__version__",  # part of what finished steps are known by
        f"{PACKAGE}.data",
        f"{PACKAGE}.images",
        f"{PACKAGE}.latex",
        "numpy",
        "tomli",
        "tqdm",
    },
    f"{PACKAGE}.models.image_encoders": {
        f"{PACKAGE}.models.positional_encoding",
        "torch",
    },
    f"{PACKAGE}.decoding": {f"{PACKAGE}.latex", "numpy", "scipy.optimize", "torch"},
    f"{PACKAGE}.models": {
        f"{PACKAGE}.decoding",
        f"{PACKAGE}.models.image_encoders",
        f"{PACKAGE}.models.positional_encoding",
        "fairseq",
        "numpy",
        "omegaconf",
        "torch",
    },
    f"{PACKAGE}.evaluation": {
        f"{PACKAGE}.__version__",  # part of what a saved evaluation says of itself
        f"{PACKAGE}.data.atomic_file",
        f"{PACKAGE}.data.image_store",
        f"{PACKAGE}.images",
        f"{PACKAGE}.metrics",
        "numpy",
    },
    f"{PACKAGE}.report": {
        f"{PACKAGE}.__version__",
        f"{PACKAGE}.data.atomic_file",
        f"{PACKAGE}.evaluation",
        f"{PACKAGE}.images",
        f"{PACKAGE}.latex",
        f"{PACKAGE}.metrics",
        f"{PACKAGE}.recognition.explanation",
        f"{PACKAGE}.recognition.results",
        "PIL",
        "numpy",
        "rapidfuzz",
    },
    f"{PACKAGE}.onnx_runtime": {  # and so neither torch nor fairseq: tests/onnx_runtime block them
        f"{PACKAGE}.data.atomic_file",
        f"{PACKAGE}.decoding",
        f"{PACKAGE}.images",
        f"{PACKAGE}.recognition",
        "numpy",
        "onnxruntime",
    },
    f"{PACKAGE}.onnx_export": {
        f"{PACKAGE}.__version__",
        f"{PACKAGE}.data.image_store",
        f"{PACKAGE}.images",
        f"{PACKAGE}.models.image_encoders",
        f"{PACKAGE}.onnx_runtime",
        f"{PACKAGE}.recognition",
        "numpy",
        "onnx",
        "onnxruntime",
    },
    # No fairseq, so that the command starts quickly.
    f"{PACKAGE}.recognition": {
        f"{PACKAGE}.__version__",  # part of a model's card
        f"{PACKAGE}.data.atomic_file",
        f"{PACKAGE}.data.batching",
        f"{PACKAGE}.decoding",
        f"{PACKAGE}.images",
        f"{PACKAGE}.latex",
        f"{PACKAGE}.metrics",
        f"{PACKAGE}.models.decoder_options",
        f"{PACKAGE}.models.image_encoders",
        "PIL",
        "numpy",
        "pypdfium2",
        "safetensors",
        "scipy.ndimage",
        "scipy.optimize",
        "torch",
        "typing_extensions",
    },
    f"{PACKAGE}.commands": {
        f"{PACKAGE}.__version__",
        f"{PACKAGE}.data.atomic_file",
        f"{PACKAGE}.decoding.confidence",
        f"{PACKAGE}.evaluation",
        f"{PACKAGE}.images.errors",
        f"{PACKAGE}.onnx_export",
        f"{PACKAGE}.onnx_runtime",
        f"{PACKAGE}.preparation.progress",
        f"{PACKAGE}.preparation.workers",
        f"{PACKAGE}.recognition",
        f"{PACKAGE}.report",
        "numpy",
        "shtab",
        "tqdm",
    },
    f"{PACKAGE}.scoring": {
        f"{PACKAGE}.evaluation",
        f"{PACKAGE}.metrics",
        f"{PACKAGE}.preparation.workers",
        "fairseq",
    },
    f"{PACKAGE}.tasks": {
        f"{PACKAGE}.data",
        f"{PACKAGE}.decoding",
        f"{PACKAGE}.images",
        f"{PACKAGE}.latex",
        f"{PACKAGE}.metrics",
        "fairseq",
        "numpy",
        "omegaconf",
        "torch",
        "tqdm",
    },
}
PREPROCESS = {
    "preprocess",
    f"{PACKAGE}.preparation",
    f"{PACKAGE}.latex",
    f"{PACKAGE}.images",
    f"{PACKAGE}.data",
    "PIL",
    "numpy",
    "tqdm",
    "tomli",
}
# The front door may open every room: fairseq needs those imported that register something.
FRONT_DOOR = (f"{PACKAGE}.__init__", f"{PACKAGE}.plugin")


class Import(NamedTuple):
    """One imported name, as an absolute dotted path, and the line that imports it."""

    name: str
    line: int


def module_name(path: Path, root: Path) -> str:
    """Dotted name of a file; a package's `__init__.py` keeps that last part, so that levels count right."""
    return ".".join(path.relative_to(root).with_suffix("").parts)


def imports_of(source: str, module: str) -> Iterator[Import]:
    """Every import in a file: relative ones made absolute, those inside functions and `if` included."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = module.split(".")[: -node.level]
                base = ".".join([*parents, base] if base else parents)
            for alias in node.names:
                yield Import(f"{base}.{alias.name}", node.lineno)
        elif isinstance(node, ast.Call) and imported_by_call(node):
            argument = node.args[0]
            if isinstance(argument, ast.Constant) and isinstance(argument.value, str):
                yield Import(argument.value, node.lineno)


def imported_by_call(call: ast.Call) -> bool:
    """True for `__import__("x")` and `importlib.import_module("x")` with an argument."""
    name = call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")
    return name in ("__import__", "import_module") and bool(call.args)


def is_within(name: str, room: str) -> bool:
    return name == room or name.startswith(room + ".")


def is_standard_library(name: str) -> bool:
    return name.split(".")[0] in sys.stdlib_module_names or name.startswith("__future__")


def room_of(module: str) -> str | None:
    rooms = [room for room in ARROWS if is_within(module, room)]
    return max(rooms, key=len) if rooms else None


def forbidden_imports(source: str, module: str, own_room: str, allowed: set[str]) -> list[str]:
    return [
        f"{module}:{found.line} imports {found.name}; {own_room} may import only "
        f"{sorted(allowed) or 'the standard library'}"
        for found in imports_of(source, module)
        if not is_standard_library(found.name)
        and not is_within(found.name, own_room)
        and not any(is_within(found.name, door) for door in allowed)
    ]


def python_files(*folders: str) -> list[Path]:
    return sorted(path for folder in folders for path in (ROOT / folder).rglob("*.py"))


def tracked_files() -> list[str]:
    listing = subprocess.run(
        ["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False, timeout=60
    )
    if listing.returncode != 0:
        pytest.skip("not a git checkout: no list of tracked files")
    return [name for name in listing.stdout.split("\0") if name and (ROOT / name).exists()]


def test_every_room_keeps_its_arrows() -> None:
    problems = []
    for path in python_files(PACKAGE):
        module = module_name(path, ROOT)
        room = room_of(module)
        if room is not None:
            problems += forbidden_imports(path.read_text(encoding="utf-8"), module, room, ARROWS[room])
    assert problems == []


def test_every_file_of_the_package_is_in_a_room() -> None:
    homeless = [
        module
        for path in python_files(PACKAGE)
        if room_of(module := module_name(path, ROOT)) is None and module not in FRONT_DOOR
    ]
    assert homeless == [], "give the new room its arrows in ARROWS and in CONTRIBUTING.md"


def test_the_package_imports_no_command_line_example_or_test() -> None:
    problems = []
    for path in python_files(PACKAGE):
        for found in imports_of(path.read_text(encoding="utf-8"), module_name(path, ROOT)):
            if found.name.split(".")[0] in ("preprocess", "examples", "tests"):
                problems.append(f"{path.relative_to(ROOT)}:{found.line} imports {found.name}")
    assert problems == []


def test_preprocess_imports_text_pictures_and_data_only() -> None:
    problems = []
    for path in python_files("preprocess"):
        source = path.read_text(encoding="utf-8")
        problems += forbidden_imports(source, module_name(path, ROOT), "preprocess", PREPROCESS)
    assert problems == []


def test_there_are_no_rooms_for_odds_and_ends() -> None:
    everywhere = python_files(PACKAGE, "preprocess", "examples", "tests")
    names = ("utils", "util", "helpers", "helper", "common", "misc")
    assert [str(path.relative_to(ROOT)) for path in everywhere if path.stem in names] == []


def test_the_top_level_is_fixed() -> None:
    seen = {name.split("/")[0] for name in tracked_files()}
    assert seen - TOP_LEVEL == set(), "the top level is for what every project has; new things have a room"


def test_tests_mirror_the_package() -> None:
    """tests/latex/test_tokenizer.py tests im2latex_fairseq/latex/...: no test room without a room to test."""
    rooms = {path.name for path in (ROOT / PACKAGE).iterdir() if path.is_dir()} | {"preprocess", "examples"}
    test_rooms = {
        path.parent.relative_to(ROOT / "tests").parts for path in (ROOT / "tests").rglob("test_*.py")
    }
    assert {parts[0] for parts in test_rooms if parts} - rooms == set()


def test_no_file_names_a_path_of_one_machine() -> None:
    # Written in pieces, so that this file doesn't find itself.
    machine_path = re.compile(
        r"(?<![\w.}-])/(?:" + "|".join(["work", "root", r"home/\w+", "Users", "tmp"]) + r")/"
    )
    problems = []
    for name in tracked_files():
        try:
            text = (ROOT / name).read_text(encoding="utf-8")
        except UnicodeDecodeError:
            continue  # a picture, say
        problems += [
            f"{name}:{number}: {line.strip()[:100]}"
            for number, line in enumerate(text.split("\n"), 1)
            if machine_path.search(line)
        ]
    assert problems == []


@pytest.mark.parametrize(
    "source, module, found",
    [
        ("import torch", "p.latex.tokenizer", ["torch"]),
        ("from torch.nn import functional", "p.latex.tokenizer", ["torch.nn.functional"]),
        ("from .errors import E", "p.latex.tokenizer", ["p.latex.errors.E"]),
        ("from . import errors", "p.latex.tokenizer", ["p.latex.errors"]),
        ("from ..images import loader", "p.latex.tokenizer", ["p.images.loader"]),
        ("from .tokenizer import t", "p.latex.__init__", ["p.latex.tokenizer.t"]),  # a package's own level
        ("def f():\n    import torch", "p.latex.tokenizer", ["torch"]),  # hidden in a function
        ("if True:\n    from .. import images", "p.latex.tokenizer", ["p.images"]),
        ("import importlib\nimportlib.import_module('torch')", "p.a", ["importlib", "torch"]),
        ("__import__('torch')", "p.a", ["torch"]),
    ],
)
def test_the_scanner_sees_every_way_to_import(source: str, module: str, found: list[str]) -> None:
    assert [name for name, _ in imports_of(source, module)] == found


@pytest.mark.parametrize(
    "source, ok",
    [
        ("import re", True),  # standard library
        ("from .registry import x", True),  # itself
        ("from ..positional_encoding import y", True),  # an arrow to one file
        ("from ..architectures import y", False),  # its parent room
        ("from im2latex_fairseq.data import z", False),
        ("from fairseq.models import FairseqEncoder", False),  # the recogniser starts without fairseq
        ("from torch import nn", True),
        ("import torchvision", False),  # not `torch`, though it starts alike
    ],
)
def test_an_image_encoder_may_import_little(source: str, ok: bool) -> None:
    room = f"{PACKAGE}.models.image_encoders"
    assert (forbidden_imports(source, f"{room}.resnet", room, ARROWS[room]) == []) is ok
