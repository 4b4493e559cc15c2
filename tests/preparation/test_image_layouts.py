from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from im2latex_fairseq.preparation.formula_table import FormulaTableError
from im2latex_fairseq.preparation.image_files import ImageFiles, ImageFilesError
from im2latex_fairseq.preparation.image_layouts import (
    LayoutError,
    read_im2markup_layout,
    read_pair_table,
    read_parallel_lists,
    read_release_layout,
)

# Line 1 has a carriage return, line 2 a form feed and a NEL: splitlines() would count six lines, not four.
RELEASE_FORMULAS = b"a\nb \r c\nd \x0c e \x85 f\n\\mbox{f\xfcr}\n"


def make_release(folder: Path, rows: str) -> Path:
    (folder / "formula_images").mkdir(parents=True)
    (folder / "im2latex_formulas.lst").write_bytes(RELEASE_FORMULAS)
    (folder / "im2latex_train.lst").write_text(rows)
    return folder


def make_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as archive:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            archive.addfile(info, io.BytesIO(content))
    return path


def test_release_layout_counts_lines_by_line_feeds_alone(tmp_path):
    files = ImageFiles(make_release(tmp_path / "r", "0 aaa basic\n3 ddd basic\n2 ccc basic\n"))
    pairs = read_release_layout(files, "train")
    assert [(pair.image, pair.text) for pair in pairs] == [
        ("aaa.png", "a"),
        ("ddd.png", r"\mbox{für}"),
        ("ccc.png", "d \x0c e \x85 f"),
    ]


def test_release_layout_inside_a_tar(tmp_path):
    members = {
        "pages/im2latex_formulas.lst": RELEASE_FORMULAS,
        "pages/im2latex_train.lst": b"1 bbb basic\n",
        "pages/formula_images/bbb.png": b"picture",
    }
    files = ImageFiles(make_tar(tmp_path / "pages.tar", members))
    (pair,) = read_release_layout(files, "train")
    assert pair.text == "b \r c"
    assert files.read(pair.image) == b"picture"


def test_a_formula_behind_the_end_is_marked_not_guessed(tmp_path):
    files = ImageFiles(make_release(tmp_path / "r", "4 eee basic\n"))
    assert read_release_layout(files, "train")[0].text is None


@pytest.mark.parametrize("row", ["one aaa basic", "1", "1 a b c", "-1 aaa basic"])
def test_bad_release_rows(tmp_path, row):
    files = ImageFiles(make_release(tmp_path / "r", f"0 aaa basic\n{row}\n"))
    with pytest.raises(LayoutError, match=r"im2latex_train\.lst, line 2"):
        read_release_layout(files, "train")


def test_missing_split(tmp_path):
    files = ImageFiles(make_release(tmp_path / "r", ""))
    with pytest.raises(LayoutError, match=r"no im2latex_test\.lst"):
        read_release_layout(files, "test")


def test_im2markup_layout(tmp_path):
    (tmp_path / "f.lst").write_text("x ^ 2\ny\n")
    (tmp_path / "valid_filter.lst").write_text("b.png 1\na.png 0\nc.png 7\n")
    pairs = read_im2markup_layout(tmp_path / "f.lst", tmp_path / "valid_filter.lst")
    assert [(pair.image, pair.text) for pair in pairs] == [
        ("b.png", "y"),
        ("a.png", "x ^ 2"),
        ("c.png", None),
    ]
    assert pairs[0].source == "valid_filter.lst:1"


def test_lists_of_different_length_are_refused_with_both_lengths(tmp_path):
    (tmp_path / "f.txt").write_text("a\nb\nc\n")
    (tmp_path / "i.txt").write_text("1.png\n2.png\n")
    with pytest.raises(LayoutError, match=r"f.txt has 3 lines and .*i.txt has 2"):
        read_parallel_lists(tmp_path / "f.txt", tmp_path / "i.txt")
    (tmp_path / "f.txt").write_text("a\u2028x\nb\n")
    assert [pair.text for pair in read_parallel_lists(tmp_path / "f.txt", tmp_path / "i.txt")] == [
        "a\u2028x",
        "b",
    ]


def test_tab_separated_tables_know_no_quotes(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b'formula\timage\n"a\t1.png\nb\rc\t2.png\n')
    assert [(p.image, p.text) for p in read_pair_table(path)] == [("1.png", '"a'), ("2.png", "b\rc")]


def test_csv_tables_know_quotes(tmp_path):
    path = tmp_path / "t.csv"
    path.write_bytes(b'image,formula\n1.png,"f(x,y)"\n2.png,"a ""b"" \nc\rd"\n3.png,z\n')
    assert [p.text for p in read_pair_table(path)] == ["f(x,y)", 'a "b" \nc\rd', "z"]


def test_columns_can_be_named(tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("latex,file,note\nx,1.png,n\n")
    (pair,) = read_pair_table(path, image_column="file", formula_column="latex")
    assert (pair.image, pair.text) == ("1.png", "x")


@pytest.mark.parametrize(
    ("name", "content", "told"),
    [
        ("t.tsv", "", "empty file"),
        ("t.tsv", "image\tlatex\n", "column 'formula'"),
        ("t.tsv", "image\timage\tformula\n", "column 'image'"),
        ("t.tsv", "image\tformula\n1.png\n", "line 2: 1 columns"),
        ("t.csv", "image,formula\n1.png,a,b\n", "line 2: 3 columns"),
        ("t.csv", 'image,formula\n1.png,"a\n', "quotation"),
    ],
)
def test_bad_tables(tmp_path, name, content, told):
    path = tmp_path / name
    path.write_bytes(content.encode())
    with pytest.raises(LayoutError, match=told):
        read_pair_table(path)


def test_tables_in_another_encoding(tmp_path):
    path = tmp_path / "t.tsv"
    path.write_bytes(b"image\tformula\n1.png\t\\mbox{f\xfcr}\n")
    with pytest.raises(FormulaTableError, match="line 2"):
        read_pair_table(path)
    assert read_pair_table(path, encoding="latin-1")[0].text == r"\mbox{für}"


def test_files_of_a_folder_by_path_or_bare_name(tmp_path):
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    (tmp_path / "a" / "1.png").write_bytes(b"1")
    (tmp_path / "a" / "2.png").write_bytes(b"2a")
    (tmp_path / "b" / "2.png").write_bytes(b"2b")
    files = ImageFiles(tmp_path)
    assert files.read("1.png") == b"1"
    assert files.read("b/2.png") == b"2b"
    assert "2.png" not in files
    with pytest.raises(FileNotFoundError, match="several files"):
        files.read("2.png")
    with pytest.raises(FileNotFoundError, match="no such file"):
        files.read("../secret")


def test_compressed_and_foreign_archives_are_refused(tmp_path):
    for name, mode in (("x.tar.gz", "w:gz"), ("x.tar.bz2", "w:bz2")):
        path = make_tar(tmp_path / name, {"a": b"1"}, mode)
        with pytest.raises(ImageFilesError, match="unpack it"):
            ImageFiles(path)
    (tmp_path / "x.zip").write_bytes(b"PK" + b"\1" * 600)
    with pytest.raises(ImageFilesError, match="not an uncompressed"):
        ImageFiles(tmp_path / "x.zip")
    with pytest.raises(FileNotFoundError, match="no such folder"):
        ImageFiles(tmp_path / "nothing")


def test_a_tar_cut_short_says_so(tmp_path):
    path = make_tar(tmp_path / "x.tar", {"a": b"1" * 5000})
    path.write_bytes(path.read_bytes()[:2000])
    with pytest.raises((ImageFilesError, FileNotFoundError)):
        ImageFiles(path).read("a")
