"""Reading TeX's terminal output."""

from __future__ import annotations

import pytest

from im2latex_fairseq.images.tex_log import describe_error, read_batch_log

OUTPUT = r"""This is pdfTeX
(./batch.tex
[nonce state 0A]

[nonce begin 0]
[0]
[nonce end 0]

[nonce begin 1]
! Undefined control sequence.
l.5 x+\foo
           y
! Missing $ inserted.
<inserted text>
                $
[1]
[nonce end 1]

[nonce begin 2]

[nonce refused 2 too_large: 9999pt wide]

[nonce begin 3]
Missing character: There is no A in font nullfont!
[3]
[nonce end 3]
! Interruption.

[nonce state 0B]
"""


def test_each_formula_gets_its_own_errors():
    log = read_batch_log(OUTPUT, "nonce")
    assert log.started == [0, 1, 2, 3]
    assert log.finished == {0, 1, 3}
    assert log.refused == {2: "too_large: 9999pt wide"}
    assert log.errors == {
        1: r"undefined_control_sequence: \foo",  # the first counts
        3: "missing_glyph: There is no A in font nullfont!",
    }
    assert log.fingerprints == ["0A", "0B"]
    assert log.stray_error == "tex_error: Interruption."
    assert not log.desynchronised


def test_messages_of_another_run_count_for_nothing():
    log = read_batch_log("[other end 0]\n[nonce begin 0]\n[other refused 0 x]\n[nonce lost]", "nonce")
    assert (log.started, log.finished, log.refused, log.desynchronised) == ([0], set(), {}, True)


@pytest.mark.parametrize(
    "message, slug",
    [
        ("Undefined control sequence.", "undefined_control_sequence"),
        ("Missing $ inserted.", "math_mode_ended"),
        ("Missing } inserted.", "unbalanced_braces"),
        ("Missing \\right. inserted.", "unbalanced_delimiters"),
        ("Double superscript.", "double_script"),
        ("Illegal unit of measure (pt inserted).", "bad_number"),
        ("Misplaced alignment tab character &.", "misplaced_alignment"),
        ("LaTeX Error: Environment foo undefined.", "undefined_environment"),
        ("LaTeX Error: \\begin{array} on input line 4 ended by \\end{matrix}.", "unbalanced_environment"),
        ("TeX capacity exceeded, sorry [input stack size=5000].", "capacity_exceeded"),
        ("Package amsmath Error: \\tag not allowed here.", "latex_error"),
        ("Never seen before.", "tex_error"),
    ],
)
def test_slugs(message, slug):
    assert describe_error(message).split(":")[0] == slug
