"""The wheel alone, in an environment of its own, reads pictures with the network cut off.

Its dependencies are those of the environment that runs the tests: pip checks that they are all there and may fetch
nothing. The network is cut off by an empty network namespace where the system grants one (Linux, `unshare`), else by
a Python that can't connect; the name of the test says which.
"""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import sysconfig
import venv
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from examples.quickstart.compare_readings import is_same_formula
from examples.quickstart.draw_pictures import PICTURES, read_formulas

pytestmark = pytest.mark.installation

WEIGHTS = "im2latex_fairseq/recognition/weights/base"
NO_NETWORK = """
import socket
def refuse(*arguments, **options):
    raise OSError("the network is cut off")
for name in ("connect", "connect_ex", "sendto", "sendmsg"):
    setattr(socket.socket, name, refuse)
socket.getaddrinfo = refuse
"""
CONNECT = "import socket, sys; socket.create_connection(('127.0.0.1', int(sys.argv[1])), timeout=5)"


def namespace_command() -> list[str] | None:
    """The command before others that takes their network away, if the system grants that."""
    for options in (["--net"], ["--map-root-user", "--net"]):
        command = ["unshare", *options, "--"]
        if (
            shutil.which("unshare")
            and subprocess.run([*command, "true"], capture_output=True).returncode == 0
        ):
            return command
    return None


CUT_OFF = namespace_command()


@dataclass(frozen=True)
class Installation:
    """An environment with the wheel in it.

    Attributes:
        folder: Of the environment.
        environment: Variables for its programs.
    """

    folder: Path
    environment: dict[str, str]

    def run(self, program: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        """Run a program of the environment without a network, in a folder of its own."""
        command = [*(CUT_OFF or []), str(self.folder / "bin" / program), *map(str, arguments)]
        return subprocess.run(
            command,
            cwd=self.environment["HOME"],
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )


@pytest.fixture(scope="module")
def installation(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Installation:
    folder = tmp_path_factory.mktemp("environment")
    home = tmp_path_factory.mktemp("home")
    venv.create(folder, with_pip=False)
    (site_packages,) = folder.glob("lib/python*/site-packages")
    paths = sysconfig.get_paths()
    # The packages lie there, but not what an editable installation of this one would add.
    (site_packages / "dependencies.pth").write_text(f"{paths['purelib']}\n{paths['platlib']}\n")
    environment = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "VIRTUAL_ENV"))
    }
    environment |= {"HOME": str(home), "OMP_NUM_THREADS": "1"}
    pip = [
        sys.executable,
        "-m",
        "pip",
        "--disable-pip-version-check",
        "--python",
        str(folder / "bin" / "python"),
    ]
    done = subprocess.run(
        [*pip, "install", "--no-index", "--force-reinstall", "--no-deps", str(wheel)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    # Without --force-reinstall nothing is done but to check that each requirement is met.
    done = subprocess.run(
        [*pip, "install", "--no-index", str(wheel)],
        env=environment, capture_output=True, text=True, timeout=300, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    if CUT_OFF is None:
        (site_packages / "no_network.py").write_text(NO_NETWORK)
        (site_packages / "no_network.pth").write_text("import no_network\n")
    return Installation(folder, environment)


@pytest.fixture
def server() -> Iterator[int]:
    """Port of a server on this machine, which can be reached wherever there is a network."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield listening.getsockname()[1]


def test_the_wheel_brings_the_weights(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        sizes = {info.filename: info.file_size for info in archive.infolist()}
    assert f"{WEIGHTS}.safetensors" in sizes, (
        "no weights: im2latex predict would read nothing without --model"
    )
    assert sizes[f"{WEIGHTS}.safetensors"] > 2**20
    assert f"{WEIGHTS}.json" in sizes


@pytest.mark.parametrize("way", ["network namespace" if CUT_OFF else "Python that can't connect"])
def test_the_network_is_cut_off(installation: Installation, server: int, way: str) -> None:
    subprocess.run([sys.executable, "-c", CONNECT, str(server)], check=True, timeout=60)
    done = installation.run("python", "-c", CONNECT, server)
    assert done.returncode != 0
    assert "OSError" in done.stderr or "ConnectionRefused" in done.stderr or "unreachable" in done.stderr


def test_the_package_is_the_installed_one(installation: Installation) -> None:
    done = installation.run("python", "-c", "import im2latex_fairseq; print(im2latex_fairseq.__file__)")
    assert Path(done.stdout.strip()).is_relative_to(installation.folder)


def test_ten_pictures_are_read(installation: Installation) -> None:
    done = installation.run("im2latex", "predict", PICTURES, "--json", "--threads", 1)
    assert done.returncode == 0, done.stderr
    formulas = read_formulas()
    readings = [json.loads(line) for line in done.stdout.splitlines()]
    assert [Path(reading["path"]).name for reading in readings] == sorted(formulas)
    assert len(readings) == 10
    right = [is_same_formula(reading["latex"], formulas[Path(reading["path"]).name]) for reading in readings]
    assert sum(right) >= 6, [reading["latex"] for reading in readings]


def test_python_reads_a_picture(installation: Installation) -> None:
    program = (
        "import sys\nfrom im2latex_fairseq import Recognizer\n"
        "print(Recognizer.load().predict(sys.argv[1]).latex)\nassert 'fairseq' not in sys.modules\n"
    )
    done = installation.run("python", "-c", program, PICTURES / "quadratic.png")
    assert done.returncode == 0, done.stderr
    assert done.stdout.strip()
