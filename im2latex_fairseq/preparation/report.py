"""What a step read, kept and dropped, and why: printed for people, stored as JSON."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from im2latex_fairseq.data.atomic_file import write_json_atomically

REPORT_SUFFIX = ".report.json"


@dataclass(frozen=True)
class StepReport:
    """The account of one step; kept plus dropped by reason equals read, or it cannot be made.

    Attributes:
        step: What ran, e.g. "render_formulas".
        read: How many formulas or pairs came in.
        kept: How many went on.
        dropped: Reason slug -> count; reasons that never occurred are left out.
        details: Further figures worth reading (settings, sizes, counts of another unit).
        fingerprint: Identifies inputs and options; a rerun with the same one has nothing to do.
    """

    step: str
    read: int
    kept: int
    dropped: Mapping[str, int] = field(default_factory=dict)
    details: Mapping[str, Any] = field(default_factory=dict)
    fingerprint: str = ""

    def __post_init__(self) -> None:
        reasons = {reason: count for reason, count in self.dropped.items() if count}
        object.__setattr__(
            self, "dropped", dict(sorted(reasons.items(), key=lambda item: (-item[1], item[0])))
        )
        total = self.kept + sum(self.dropped.values())
        assert self.read == total, f"{self.step}: read {self.read}, but kept and dropped make {total}"

    @property
    def dropped_total(self) -> int:
        """All dropped, over all reasons."""
        return sum(self.dropped.values())

    def format_table(self) -> str:
        """A small table for people, without a final newline."""
        rows = [("read", self.read), ("kept", self.kept)]
        rows += [(f"dropped: {reason}", count) for reason, count in self.dropped.items()]
        width = max(len(name) for name, _ in rows)
        lines = [self.step]
        for name, count in rows:
            share = f"  {100 * count / self.read:5.1f}%" if self.read else ""
            lines.append(f"  {name:<{width}}  {count:>9,}{share}")
        for name, value in self.details.items():
            lines.append(f"  {name}: {value}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """JSON form."""
        return {
            "step": self.step,
            "read": self.read,
            "kept": self.kept,
            "dropped": dict(self.dropped),
            "details": dict(self.details),
            "fingerprint": self.fingerprint,
        }

    @classmethod
    def from_dict(cls, content: Mapping[str, Any]) -> StepReport:
        """The inverse of `to_dict`."""
        return cls(
            step=content["step"],
            read=content["read"],
            kept=content["kept"],
            dropped=content["dropped"],
            details=content["details"],
            fingerprint=content["fingerprint"],
        )


def format_markdown(reports: Mapping[str, StepReport]) -> str:
    """One Markdown table of all steps, a row each: name, read, kept, dropped by reason."""
    lines = ["| step | read | kept | dropped |", "|---|---:|---:|---|"]
    for name, report in reports.items():
        dropped = ", ".join(f"{reason} {count:,}" for reason, count in report.dropped.items())
        lines.append(f"| {name} | {report.read:,} | {report.kept:,} | {dropped} |")
    return "\n".join(lines) + "\n"


def report_path(output: str | os.PathLike[str]) -> Path:
    """Where the report of the step that wrote `output` lies."""
    return Path(f"{output}{REPORT_SUFFIX}")


def write_report(output: str | os.PathLike[str], report: StepReport) -> None:
    """Store the report beside `output`; the last thing a step writes, so its presence means "finished"."""
    write_json_atomically(report_path(output), report.to_dict())


def read_finished_report(output: str | os.PathLike[str], fingerprint: str) -> StepReport | None:
    """The report beside `output` if that step has finished with this very fingerprint, else None."""
    path = report_path(output)
    try:
        report = StepReport.from_dict(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, KeyError, TypeError, AssertionError):
        return None  # missing, or of another kind: the step runs and writes it anew
    return report if report.fingerprint == fingerprint else None
