from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from im2latex_fairseq.preparation.formula_table import Reject, read_rejects
from im2latex_fairseq.preparation.prepared_set import PreparedSet, rejects_path
from im2latex_fairseq.preparation.sharded_build import Sample, build_in_shards

# A maker that writes down what it is called for, and takes its time.
PROGRAM = """
import os, sys, time
from dataclasses import dataclass, field
import numpy as np
from im2latex_fairseq.preparation.sharded_build import Sample, build_in_shards

@dataclass(frozen=True)
class SlowMaker:
    log: str
    pause_s: float = field(repr=False)

    def __call__(self, items):
        for item in items:
            with open(self.log, "a") as file:
                file.write(f"{item} {os.getpid()}\\n")
            time.sleep(self.pause_s)
            yield Sample(f"id{item}", np.full((3, item + 1), item, np.uint8), f"f {item}")

if __name__ == "__main__":
    prefix, log, pause_s, processes = sys.argv[1:]
    report = build_in_shards(
        prefix, list(range(12)), SlowMaker(log, float(pause_s)), step="slow", settings={"version": 1},
        shard_size=3, processes=int(processes),
    )
    print(report.kept)
"""


@dataclass(frozen=True)
class PickyMaker:
    """Refuses the odd ones."""

    def __call__(self, items: Sequence[int]) -> Iterator[Sample | Reject]:
        for item in items:
            if item % 2:
                yield Reject(f"id{item}", "odd", f"{item} is odd", str(item))
            else:
                yield Sample(f"id{item}", np.full((2, item + 1), item, np.uint8), f"f {item}")


def build(prefix: Path, items: list[int], **options: int):
    defaults = {"shard_size": 4, "processes": 1}
    return build_in_shards(
        prefix, items, PickyMaker(), step="picky", settings={"version": 1}, **{**defaults, **options}
    )


def test_kept_and_rejected_add_up_and_keep_their_order(tmp_path):
    report = build(tmp_path / "set", list(range(11)))
    assert (report.read, report.kept, dict(report.dropped)) == (11, 6, {"odd": 5})
    pairs = PreparedSet(tmp_path / "set")
    assert [entry.id for entry in pairs.entries] == ["id0", "id2", "id4", "id6", "id8", "id10"]
    assert [int(image[0, 0]) for image in pairs.store] == [0, 2, 4, 6, 8, 10]
    assert pairs.store.settings == {"version": 1}
    assert [reject.id for reject in read_rejects(rejects_path(tmp_path / "set"))] == [
        "id1",
        "id3",
        "id5",
        "id7",
        "id9",
    ]
    assert not (tmp_path / "set.shards").exists()


def test_shard_size_and_processes_change_nothing(tmp_path):
    build(tmp_path / "a", list(range(9)))
    build(tmp_path / "b", list(range(9)), shard_size=1)
    build(tmp_path / "c", list(range(9)), shard_size=2, processes=2)
    for suffix in (".tsv", ".images", ".rejects.tsv"):
        contents = {(tmp_path / f"{name}{suffix}").read_bytes() for name in "abc"}
        assert len(contents) == 1


def test_other_items_are_built_anew(tmp_path):
    build(tmp_path / "set", [0, 2])
    assert build(tmp_path / "set", [0, 2, 4]).kept == 3
    assert len(PreparedSet(tmp_path / "set")) == 3


def test_a_damaged_set_is_built_anew(tmp_path):
    build(tmp_path / "set", [0, 2])
    store = tmp_path / "set.images"
    store.write_bytes(store.read_bytes()[:-3])
    build(tmp_path / "set", [0, 2])
    assert len(PreparedSet(tmp_path / "set")) == 2


def test_nothing_to_build_gives_an_empty_set(tmp_path):
    assert build(tmp_path / "set", []).read == 0
    assert len(PreparedSet(tmp_path / "set")) == 0


@pytest.mark.parametrize("options", [{"shard_size": 0}, {"processes": 0}])
def test_bad_options(tmp_path, options):
    with pytest.raises(ValueError, match="at least 1"):
        build(tmp_path / "set", [0, 2], **options)


def run_slow(tmp_path: Path, pause_s: float, processes: int) -> subprocess.Popen[str]:
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    root = Path(__file__).parents[2]
    return subprocess.Popen(
        [
            sys.executable,
            str(program),
            str(tmp_path / "set"),
            str(tmp_path / "log"),
            str(pause_s),
            str(processes),
        ],
        env={**os.environ, "PYTHONPATH": str(root)},
        stdout=subprocess.PIPE,
        text=True,
    )


def wait_for(condition, seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.02)


def calls(tmp_path: Path) -> list[tuple[int, int]]:
    log = tmp_path / "log"
    lines = log.read_text().splitlines() if log.exists() else []
    return [(int(item), int(process)) for item, process in (line.split() for line in lines)]


@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
@pytest.mark.parametrize("processes", [1, 2])
def test_a_killed_run_goes_on_without_redoing_finished_shards(tmp_path, processes):
    first = run_slow(tmp_path, pause_s=0.1, processes=processes)
    wait_for(lambda: (tmp_path / "set.shards" / "00000.report.json").exists())
    first.kill()
    first.wait()
    workers = {process for _, process in calls(tmp_path)} - {first.pid}
    for worker in workers:  # orphans end by themselves
        wait_for(lambda worker=worker: not Path(f"/proc/{worker}").exists() or not Path("/proc").exists())
    assert not (tmp_path / "set.tsv").exists()
    finished = {int(path.name[:5]) for path in (tmp_path / "set.shards").glob("*.report.json")}
    assert 0 in finished
    before = len(calls(tmp_path))

    second = run_slow(tmp_path, pause_s=0.0, processes=processes)
    out, _ = second.communicate(timeout=60)
    assert out.strip() == "12"
    again = {item for item, _ in calls(tmp_path)[before:]}
    assert again == {item for item in range(12) if item // 3 not in finished}
    pairs = PreparedSet(tmp_path / "set")
    assert [entry.id for entry in pairs.entries] == [f"id{item}" for item in range(12)]
    pairs.store.verify()
    leftovers = {path.name for path in tmp_path.iterdir() if path.name.startswith((".", "set.shards"))}
    assert leftovers == set()

    third = run_slow(tmp_path, pause_s=9.0, processes=processes)  # all done: calls nothing
    assert third.communicate(timeout=60)[0].strip() == "12"
    assert len(calls(tmp_path)) == before + len(again)
