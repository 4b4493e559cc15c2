r"""Reads what TeX printed about a batch: which formulas it reached, finished and complained about."""

from __future__ import annotations

import re
from dataclasses import dataclass, field

# Message (as TeX prints it after "! ") -> slug; the first that matches counts.
_SLUGS: tuple[tuple[str, str], ...] = (
    (r"Undefined control sequence", "undefined_control_sequence"),
    (r"Missing \$ inserted|Bad math environment|Display math should end", "math_mode_ended"),
    (r"(LaTeX|Package \w+) Error: Environment .* undefined", "undefined_environment"),
    (r"LaTeX Error: \\begin\{.*ended by", "unbalanced_environment"),
    (
        r"Missing [{}] inserted|Too many }'s|Extra }, or forgotten|Argument of .* has an extra }",
        "unbalanced_braces",
    ),
    (
        r"Missing \\right|Extra \\right|Missing \\left|Missing delimiter|Extra \\middle",
        "unbalanced_delimiters",
    ),
    (r"Double (super|sub)script", "double_script"),
    (r"Missing number|Illegal unit|Dimension too large|Number too big|Arithmetic overflow", "bad_number"),
    (r"Misplaced alignment tab|Extra alignment tab|Misplaced \\(cr|noalign|omit)", "misplaced_alignment"),
    (r"Illegal parameter number|You can't use `macro parameter", "macro_parameter"),
    (r"Ambiguous; you need another \{ and \}", "ambiguous_fraction"),
    (r"Runaway|Paragraph ended before|File ended while|Forbidden control sequence", "runaway_argument"),
    (r"Use of .* doesn't match", "bad_macro_use"),
    (r"LaTeX Error: Command .* (invalid|undefined) in", "invalid_command"),
    (
        r"LaTeX Error: (Unicode character|Invalid UTF-8)|Text line contains an invalid character",
        "invalid_character",
    ),
    (r"Please use .mathaccent", "text_accent_in_math"),
    (r"TeX capacity exceeded", "capacity_exceeded"),
    (r"LaTeX Error: Too many math alphabets", "too_many_alphabets"),
    (r"You can't use", "not_allowed_here"),
    (r"Extra ", "extra_token"),
    (r"Missing ", "missing_token"),
    (r"LaTeX Error|Package \w+ Error", "latex_error"),
    (r"Emergency stop|Fatal|job aborted", "tex_stopped"),
)
_SLUG_PATTERNS = tuple((re.compile(pattern), slug) for pattern, slug in _SLUGS)
_LAST_CONTROL_SEQUENCE = re.compile(r"(\\(?:[A-Za-z]+|.))\s*$")
_DETAIL_CHARACTERS = 120


@dataclass
class BatchLog:
    """What one TeX run said.

    Attributes:
        started: Numbers of the formulas that it began, in order.
        finished: Numbers of those whose page it shipped.
        refused: Numbers of those that it ended without a page -> why.
        errors: Number of a formula -> its first error, "slug: detail".
        desynchronised: It met a formula's beginning in a state that only an earlier formula can have left.
        fingerprints: Fingerprints of its state, at the start of the batch and at its end.
        stray_error: First error outside any formula, if any.
    """

    started: list[int] = field(default_factory=list)
    finished: set[int] = field(default_factory=set)
    refused: dict[int, str] = field(default_factory=dict)
    errors: dict[int, str] = field(default_factory=dict)
    desynchronised: bool = False
    fingerprints: list[str] = field(default_factory=list)
    stray_error: str | None = None


def describe_error(message: str, context: str = "") -> str:
    """Turn an error of TeX into "slug: detail".

    Args:
        message: The line after "! ".
        context: The lines below it, which show where TeX was.
    """
    slug = next((slug for pattern, slug in _SLUG_PATTERNS if pattern.search(message)), "tex_error")
    if slug == "undefined_control_sequence":
        # TeX breaks the context line right behind the culprit.
        found = _LAST_CONTROL_SEQUENCE.search(context.split("\n", 1)[0])
        return f"{slug}: {found.group(1)}" if found else slug
    return f"{slug}: {message.strip()[:_DETAIL_CHARACTERS]}"


def read_batch_log(output: str, nonce: str) -> BatchLog:
    """Read the terminal output of a TeX run over a batch.

    Args:
        output: What TeX printed.
        nonce: The word that opens each of our own messages; no formula knows it.
    """
    log = BatchLog()
    current: int | None = None
    lines = output.split("\n")
    marker = re.compile(rf"\[{nonce} (\w+) ?([^\]]*)\]")
    for index, line in enumerate(lines):
        for kind, argument in marker.findall(line):
            if kind == "begin":
                current = int(argument)
                log.started.append(current)
            elif kind == "end":
                log.finished.add(int(argument))
                current = None
            elif kind == "refused":
                number, reason = argument.split(" ", 1)
                log.refused.setdefault(int(number), reason)
                current = None
            elif kind == "lost":
                log.desynchronised = True
                current = None
            elif kind == "state":
                log.fingerprints.append(argument)
        error: str | None = None
        if line.startswith("! "):
            error = describe_error(line[2:], _context(lines, index + 1))
        elif line.startswith("Missing character:"):
            error = f"missing_glyph: {line[len('Missing character:') :].strip()[:_DETAIL_CHARACTERS]}"
        if error is not None:
            if current is not None:
                log.errors.setdefault(current, error)
            elif log.stray_error is None:
                log.stray_error = error
    return log


def _context(lines: list[str], start: int) -> str:
    """The first context line below an error message, skipping LaTeX's advice to read the manual."""
    for line in lines[start : start + 12]:
        if line.startswith(("l.", "<", "\\")):
            return line
    return ""
