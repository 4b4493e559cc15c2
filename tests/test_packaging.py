"""What is installed: the wheel holds the package and nothing else, and each machine gets one fairseq."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement

import im2latex_fairseq

ROOT = Path(__file__).resolve().parents[1]

# What a package may ship besides code. A new kind of file needs a line in setup.py's package_data too.
SHIPPED = {".py", ".typed", ".yaml", ".tsv", ".txt", ".json", ".css", ".js", ".safetensors", ".md"}


@pytest.fixture(scope="module")
def wheel_metadata(wheel: Path) -> metadata.PackageMetadata:
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(wheel.parent / "unpacked")
    (distribution,) = metadata.distributions(path=[str(wheel.parent / "unpacked")])
    return distribution.metadata


def requirements(wheel_metadata: metadata.PackageMetadata) -> list[Requirement]:
    return [Requirement(line) for line in wheel_metadata.get_all("Requires-Dist") or []]


def test_wheel_holds_every_file_of_the_package(wheel: Path) -> None:
    package = ROOT / "im2latex_fairseq"
    expected = {
        str(path.relative_to(ROOT))
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts and not path.name.startswith(".")
    }
    assert {Path(name).suffix for name in expected} <= SHIPPED
    with zipfile.ZipFile(wheel) as archive:
        assert expected - set(archive.namelist()) == set()


def test_wheel_claims_one_top_level_name(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name.split("/")[0] for name in archive.namelist()}
    assert {name for name in names if not name.endswith(".dist-info")} == {"im2latex_fairseq"}


def test_every_folder_with_code_is_a_package() -> None:
    """Without its `__init__.py` a folder works from the checkout and is missing from the wheel."""
    folders = {path.parent for path in (ROOT / "im2latex_fairseq").rglob("*.py")}
    assert [str(folder) for folder in folders if not (folder / "__init__.py").exists()] == []


def test_wheel_states_licence_and_readme(wheel: Path, wheel_metadata: metadata.PackageMetadata) -> None:
    assert "MIT" in (wheel_metadata["License-Expression"] or wheel_metadata["License"])
    assert wheel_metadata["Description-Content-Type"] == "text/markdown"
    with zipfile.ZipFile(wheel) as archive:
        assert any(name.endswith("LICENSE") for name in archive.namelist())


def test_version_is_stated_once(wheel: Path, wheel_metadata: metadata.PackageMetadata) -> None:
    version = im2latex_fairseq.__version__
    assert wheel_metadata["Version"] == version
    assert wheel.name.startswith(f"im2latex_fairseq-{version}-")
    changelog = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    newest = re.search(r"^## \[?([0-9][^\]\s]*)", changelog, re.MULTILINE)
    assert newest is not None
    assert newest.group(1) == version


@pytest.mark.parametrize(
    "system, machine, python, distribution",
    [
        ("Linux", "x86_64", "3.11", "ve-fairseq"),
        ("Linux", "x86_64", "3.12", "ve-fairseq"),
        ("Linux", "x86_64", "3.10", "fairseq-fixed"),  # no wheel for 3.10
        ("Linux", "aarch64", "3.11", "fairseq-fixed"),
        ("Darwin", "arm64", "3.12", "fairseq-fixed"),
        ("Darwin", "x86_64", "3.11", "fairseq-fixed"),
        ("Windows", "AMD64", "3.10", "fairseq-built"),
        ("Windows", "AMD64", "3.11", "fairseq-built"),
    ],
)
def test_each_machine_gets_one_fairseq(
    wheel_metadata: metadata.PackageMetadata, system: str, machine: str, python: str, distribution: str
) -> None:
    environment = {
        "platform_system": system,
        "platform_machine": machine,
        "python_version": python,
        "extra": "",
    }
    chosen = [
        requirement.name
        for requirement in requirements(wheel_metadata)
        if "fairseq" in requirement.name
        and (requirement.marker is None or requirement.marker.evaluate(environment))
    ]
    assert chosen == [distribution]


def test_requirements_are_ranges_with_a_ceiling(wheel_metadata: metadata.PackageMetadata) -> None:
    for requirement in requirements(wheel_metadata):
        is_extra = "extra ==" in str(requirement.marker)
        if "fairseq" in requirement.name:
            assert str(requirement.specifier).startswith("=="), requirement
        elif not is_extra:
            operators = {specifier.operator for specifier in requirement.specifier}
            assert operators == {">=", "<"}, f"{requirement}: name the oldest and cap the next major"


def test_constraints_pin_what_the_package_asks_for(wheel_metadata: metadata.PackageMetadata) -> None:
    lines = (ROOT / ".ci" / "constraints.txt").read_text(encoding="utf-8").split("\n")
    pins = {
        pin.name: pin for pin in (Requirement(line) for line in lines if line and not line.startswith("#"))
    }
    for requirement in requirements(wheel_metadata):
        pin = pins.get(requirement.name.lower())
        if pin is not None:
            (version,) = (specifier.version for specifier in pin.specifier)
            assert requirement.specifier.contains(version), f"{pin} contradicts {requirement}"
    for name in ("torch", "numpy", "pillow", "sacrebleu", "hydra-core", "ve-fairseq", "pytest"):
        assert name in pins


@pytest.mark.parametrize(
    "command",
    ["fairseq-train", "fairseq-generate", "fairseq-validate", "fairseq-interactive", "fairseq-hydra-train"],
)
def test_the_environment_has_fairseqs_commands(command: str) -> None:
    """Training and decoding go by fairseq's own commands; ours, `im2latex`, judges what they wrote."""
    assert command in {script.name for script in metadata.entry_points(group="console_scripts")}


def test_wheel_brings_one_command(wheel: Path, wheel_metadata: metadata.PackageMetadata) -> None:
    (distribution,) = metadata.distributions(path=[str(wheel.parent / "unpacked")])
    scripts = {script.name: script for script in distribution.entry_points.select(group="console_scripts")}
    assert set(scripts) == {"im2latex"}
    assert callable(scripts["im2latex"].load())


def test_installed_package_is_found_by_name_from_anywhere(wheel: Path, tmp_path: Path) -> None:
    """`--user-dir im2latex_fairseq` is looked for in the current folder and beside fairseq itself."""
    site_packages = tmp_path / "site-packages"
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(site_packages)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    program = (
        "import argparse, fairseq.utils, im2latex_fairseq\n"
        "from fairseq.tasks import TASK_REGISTRY\n"
        "from fairseq.models import ARCH_MODEL_REGISTRY\n"
        "fairseq.utils.import_user_module(argparse.Namespace(user_dir=im2latex_fairseq.__path__[0]))\n"
        "print(im2latex_fairseq.__path__[0])\n"
        "assert 'im2latex' in TASK_REGISTRY\n"
        "assert any(name.startswith('im2latex_fconv') for name in ARCH_MODEL_REGISTRY)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(site_packages)}
    result = subprocess.run(
        [sys.executable, "-c", program],
        cwd=elsewhere,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
        timeout=300,
    )
    assert result.returncode == 0, result.stderr
    assert Path(result.stdout.strip().split("\n")[-1]) == site_packages / "im2latex_fairseq"
