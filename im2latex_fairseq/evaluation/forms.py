"""Names of the forms that `formula_list` reads; apart, so that a command line can list them without reading any."""

from __future__ import annotations

AUTO = "auto"
FORMS = ("lines", "tsv", "json", "log")
