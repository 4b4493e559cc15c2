from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from im2latex_fairseq.data.manifest import (
    ManifestEntry,
    ManifestError,
    make_entry,
    read_manifest,
    write_manifest,
)

HEADER = "id\theight\twidth\ttokens\tformula\n"
# A token holds no white space, as str.split sees it; control characters that aren't white space may occur.
TOKENS = st.text(st.characters(exclude_categories=("Cs",)), min_size=1).filter(lambda t: t.split() == [t])


@given(formulas=st.lists(st.lists(TOKENS, min_size=1, max_size=6), max_size=5))
@settings(max_examples=80, deadline=None)
def test_what_is_written_reads_back(tmp_path_factory, formulas):
    path = tmp_path_factory.mktemp("m") / "train.tsv"
    entries = [
        ManifestEntry(f"a/{number}", 1 + number, 20, len(tokens), " ".join(tokens))
        for number, tokens in enumerate(formulas)
    ]
    write_manifest(path, entries)
    assert read_manifest(path) == entries


def test_it_is_a_table_for_people(tmp_path):
    path = tmp_path / "train.tsv"
    write_manifest(path, [make_entry("x", (32, 100), r"\frac { 1 } { 2 }")])
    assert path.read_bytes() == HEADER.encode() + b"x\t32\t100\t7\t\\frac { 1 } { 2 }\n"


def test_the_last_row_may_lack_its_line_feed(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_bytes(HEADER.encode() + b"x\t1\t2\t1\ta")
    assert [entry.id for entry in read_manifest(path)] == ["x"]


def test_a_manifest_without_rows_is_empty(tmp_path):
    path = tmp_path / "train.tsv"
    write_manifest(path, [])
    assert read_manifest(path) == []


@pytest.mark.parametrize("character", ["\r", "\f", "\v", "\x1c", "\x85", "\u2028", "\u2029"])
def test_other_line_ends_shift_no_row(tmp_path, character):
    # str.splitlines would see four rows here, and every later label would belong to another image.
    path = tmp_path / "train.tsv"
    path.write_bytes((HEADER + f"x\t1\t2\t2\ta {character} b\ny\t1\t2\t1\tc\n").encode())
    with pytest.raises(ManifestError, match="line 2: the formula has the character"):
        read_manifest(path)
    with pytest.raises(ManifestError, match="entry 0"):
        write_manifest(path, [ManifestEntry("x", 1, 2, 2, f"a {character} b")])


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("", "empty file"),
        ("x\t1\t2\t1\ta\n", "line 1: header"),
        (HEADER.replace("\n", "\r\n"), "CRLF"),
        (HEADER + "x\t1\t2\t1\n", "line 2: 4 tab-separated columns"),
        (HEADER + "x\t1\t2\t1\ta\tb\n", "line 2: 6 tab-separated columns"),
        (HEADER + "x\t1\t2\t1\ta\n\n", "line 3: 1 tab-separated columns"),
        (HEADER + "x\tone\t2\t1\ta\n", "height is 'one'"),
        (HEADER + "x\t1\t-2\t1\ta\n", "width is '-2'"),
        (HEADER + "x\t1\t2\t1.0\ta\n", "tokens is '1.0'"),
        (HEADER + "x\t²\t2\t1\ta\n", "height is"),
        (HEADER + "x\t0\t2\t1\ta\n", "not positive"),
        (HEADER + "x\t1\t2\t2\ta\n", "says 2, the formula has 1"),
        (HEADER + "x\t1\t2\t0\t\n", "formula is empty"),
        (HEADER + "x\t1\t2\t1\t a\n", "spaces"),
        (HEADER + "x\t1\t2\t2\ta  b\n", "double spaces"),
        (HEADER + "x\t1\t2\t1\ta\nx\t1\t2\t1\tb\n", "line 3: id 'x' is already that of line 2"),
        (HEADER + "\t1\t2\t1\ta\n", "id '' is empty"),
        (HEADER + "x y\t1\t2\t1\ta\n", "white space"),
    ],
)
def test_bad_manifests_are_refused_by_line(tmp_path, content, told):
    path = tmp_path / "train.tsv"
    path.write_bytes(content.encode())
    with pytest.raises(ManifestError, match=told) as caught:
        read_manifest(path)
    assert str(path) in str(caught.value)


def test_bytes_that_are_no_text(tmp_path):
    path = tmp_path / "train.tsv"
    path.write_bytes(HEADER.encode() + b"x\t1\t2\t1\t\xe9\n")
    with pytest.raises(ManifestError, match="line 2: not UTF-8"):
        read_manifest(path)


def test_missing_manifest(tmp_path):
    with pytest.raises(FileNotFoundError, match="no manifest"):
        read_manifest(tmp_path / "train.tsv")


@pytest.mark.parametrize(
    "entries",
    [
        [ManifestEntry("x", 1, 2, 1, "a"), ManifestEntry("x", 1, 2, 1, "b")],
        [ManifestEntry("x", 1, 2, 1, "")],
        [ManifestEntry("x", 1, 2, 3, "a\tb c")],
        [ManifestEntry("x\ty", 1, 2, 1, "a")],
        [ManifestEntry("x", 1, 2, 5, "a")],
    ],
)
def test_what_would_not_read_back_is_not_written(tmp_path, entries):
    path = tmp_path / "train.tsv"
    with pytest.raises(ManifestError):
        write_manifest(path, entries)
    assert list(tmp_path.iterdir()) == []
