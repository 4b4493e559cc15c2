from __future__ import annotations

import pytest

from im2latex_fairseq.data.manifest import ManifestEntry
from im2latex_fairseq.preparation.formula_table import FormulaRow
from im2latex_fairseq.preparation.selection import (
    SizeLimits,
    comparison_keys,
    refuse_by_size,
    refuse_known,
    refuse_rare_tokens,
    refuse_repeated,
)


def rows(*formulas: str) -> list[FormulaRow]:
    return [FormulaRow(f"r{number}", "", formula) for number, formula in enumerate(formulas)]


@pytest.mark.parametrize(
    ("entry", "reason"),
    [
        (ManifestEntry("x", 10, 20, 2, "a b"), None),  # all limits are inclusive
        (ManifestEntry("x", 11, 20, 2, "a b"), "too_high"),
        (ManifestEntry("x", 10, 21, 2, "a b"), "too_wide"),
        (ManifestEntry("x", 10, 20, 3, "a b c"), "too_many_tokens"),
        (ManifestEntry("x", 10, 20, 1, "a"), "too_few_tokens"),
    ],
)
def test_size_limits(entry, reason):
    limits = SizeLimits(min_tokens=2, max_tokens=2, max_height_px=10, max_width_px=20)
    refused = refuse_by_size([entry], limits)
    assert [reject.reason for reject in refused.values()] == ([reason] if reason else [])


def test_no_limits_refuse_nothing():
    assert refuse_by_size(rows("a", "a " * 500 + "b"), SizeLimits(max_tokens=None)) == {}


def test_spaces_in_a_row():
    table = rows(r"a \, ~ b", r"a \, ~ \quad b", r"a \, ~ b \; \; c", r"\quad ~ \,", "a b c")
    refused = refuse_by_size(table, SizeLimits(max_spaces=2))
    assert {index: reject.detail for index, reject in refused.items()} == {
        1: "3 spaces in a row, maximum 2",
        3: "3 spaces in a row, maximum 2",
    }
    assert {reject.reason for reject in refused.values()} == {"too_many_spaces"}


def test_known_formulas_are_refused_however_they_are_written():
    known = comparison_keys(rows(r"\left( x \right) ."))
    refused = refuse_known(rows("( x )", "( y )", r"{ ( } \mathbf { x } )"), known)
    assert {index: reject.detail for index, reject in refused.items()} == {0: "equals r0", 2: "equals r0"}


def test_of_repeated_formulas_the_first_stays():
    assert set(refuse_repeated(rows("a", "{ a }", "b", "a ."))) == {1, 3}


def test_rare_tokens_leave_with_their_formulas_and_make_others_rare():
    # \z is rare; without that formula b occurs once only; then c too.
    table = rows(r"\z b", "b c", "c d", "d", "d a", "a")
    refused = refuse_rare_tokens(table, 2)
    assert set(refused) == {0, 1, 2}
    assert "token \\z" in refused[0].detail
    kept = [row for index, row in enumerate(table) if index not in refused]
    assert refuse_rare_tokens(kept, 2) == {}


def test_a_token_counts_once_a_formula():
    assert set(refuse_rare_tokens(rows("a a a", "b", "b"), 2)) == {0}
