"""The processor that figures were taken on."""

from __future__ import annotations

import platform
from pathlib import Path


def processor_name() -> str:
    """The model as Linux tells it; elsewhere what Python knows, at least the architecture."""
    name = platform.processor() or platform.machine()
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        models = [line for line in cpuinfo.read_text(encoding="utf-8").split("\n") if "model name" in line]
        name = models[0].partition(":")[2].strip() if models else name
    return name
