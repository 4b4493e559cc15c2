from __future__ import annotations

import pytest

from im2latex_fairseq.preparation.dictionary import (
    DictionaryError,
    count_tokens,
    read_dictionary,
    write_dictionary,
)


def test_most_frequent_first_and_ties_by_alphabet(tmp_path):
    path = tmp_path / "dict.txt"
    assert write_dictionary(path, count_tokens(["b a a", "c b a", "d"]), threshold=1) == 4
    assert path.read_text() == "a 3\nb 2\nc 1\nd 1\n"
    assert read_dictionary(path) == {"a": 3, "b": 2, "c": 1, "d": 1}


def test_the_threshold_drops_rare_tokens(tmp_path):
    path = tmp_path / "dict.txt"
    assert write_dictionary(path, {"a": 5, "b": 4}, threshold=5) == 1
    assert read_dictionary(path) == {"a": 5}


def test_fairseq_reads_it_back(tmp_path):
    dictionary = pytest.importorskip("fairseq.data").Dictionary
    path = tmp_path / "dict.txt"
    tokens = ["\\", "#", "{", r"\left(", "^", "ä", "0", "<"]
    write_dictionary(path, {token: 10 - number for number, token in enumerate(tokens)})
    loaded = dictionary.load(str(path))
    assert [loaded[loaded.nspecial + number] for number in range(len(tokens))] == tokens
    ids = loaded.encode_line(" ".join(tokens), add_if_not_exist=False, append_eos=False)
    assert loaded.string(ids) == " ".join(tokens)


@pytest.mark.parametrize("token", ["<unk>", "<pad>", "a b", "a\u2028"])
def test_tokens_that_fairseq_can_not_hold(tmp_path, token):
    with pytest.raises(DictionaryError, match="can't be in a fairseq dictionary"):
        write_dictionary(tmp_path / "dict.txt", {token: 2})


def test_nothing_frequent_enough(tmp_path):
    with pytest.raises(DictionaryError, match="lower the threshold"):
        write_dictionary(tmp_path / "dict.txt", {"a": 1}, threshold=2)


@pytest.mark.parametrize(
    ("content", "told"), [("a\n", "line 1"), ("a 1\na 2\n", "line 2.*twice"), ("a x\n", "line 1")]
)
def test_bad_dictionaries(tmp_path, content, told):
    path = tmp_path / "dict.txt"
    path.write_text(content)
    with pytest.raises(DictionaryError, match=told):
        read_dictionary(path)


def test_missing_dictionary(tmp_path):
    with pytest.raises(FileNotFoundError, match="build_dictionary"):
        read_dictionary(tmp_path / "dict.txt")
