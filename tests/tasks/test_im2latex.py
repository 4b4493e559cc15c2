"""The task's own functions, without a command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from im2latex_fairseq import plugin  # noqa: F401
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.tasks.im2latex import Im2LatexTask
from im2latex_fairseq.tasks.im2latex_config import Im2LatexConfig
from im2latex_fairseq.tasks.task_state import dictionary_difference
from im2latex_fairseq.tasks.validation_metrics import generation_statistics, token_statistics
from tests.synthetic_data import draw_formula


@pytest.fixture
def task(prepared_data: Path) -> Im2LatexTask:
    return Im2LatexTask.setup_task(Im2LatexConfig(data=str(prepared_data)))


def test_its_state_makes_the_same_task_without_data(task: Im2LatexTask) -> None:
    again = Im2LatexTask.setup_task(Im2LatexConfig(data="nowhere"), task_state=task.state_dict())
    assert again.dictionary.symbols == task.dictionary.symbols
    assert again.preparation == task.preparation
    again.load_state_dict(task.state_dict())


@pytest.mark.parametrize("missing", ["dictionary", "preparation"])
def test_a_state_that_lacks_something(task: Im2LatexTask, missing: str) -> None:
    state = {key: value for key, value in task.state_dict().items() if key != missing}
    with pytest.raises(ValueError, match=f"holds no {missing}; give the data folder"):
        Im2LatexTask.setup_task(Im2LatexConfig(data="nowhere"), task_state=state)


def test_ids_to_tokens(task: Im2LatexTask) -> None:
    dictionary = task.dictionary
    ids = torch.tensor([dictionary.index("a"), dictionary.unk(), dictionary.eos(), dictionary.pad()])
    assert task.tokens_of(ids) == ["a", "<unk>"]
    assert task.tokens_of(ids, unknown="<reference-unk>") == ["a", "<reference-unk>"]


def test_tokens_to_latex(task: Im2LatexTask) -> None:
    assert task.latex_of("x ^ { 2 } + \\alpha y".split()) == "x^2+\\alpha y"
    assert task.latex_of(["{", "x"])  # what no parser takes


def test_a_picture_from_anything(task: Im2LatexTask, tmp_path: Path) -> None:
    array = draw_formula(["a", "+", "b"])
    image = Image.fromarray(array)
    image.save(tmp_path / "a.png")
    sources = [array, image, tmp_path / "a.png", str(tmp_path / "a.png"), (tmp_path / "a.png").read_bytes()]
    pictures = [task.read_picture(source) for source in sources]
    assert all(torch.equal(picture, pictures[0]) for picture in pictures)
    assert pictures[0].dim() == 3
    with open(tmp_path / "a.png", "rb") as file:
        assert torch.equal(task.read_picture(file), pictures[0])


def test_a_blank_picture_is_named(task: Im2LatexTask, tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.fromarray(np.full((30, 30), 255, dtype=np.uint8)).save(path)
    with pytest.raises(ImageError, match=r"blank\.png: blank: no ink") as caught:
        task.read_picture(path)
    assert caught.value.reason == "blank"


def test_pictures_keep_their_numbers_where_some_are_missing(task: Im2LatexTask) -> None:
    pictures = [None, torch.rand(1, 16, 24), None, torch.rand(1, 24, 16)]
    dataset = task.build_dataset_for_inference(pictures, [])
    batch = dataset.collater([dataset[0], dataset[1]])
    assert batch["id"].tolist() == [1, 3]
    torch.testing.assert_close(batch["net_input"]["src_tokens"][0, :, :16], pictures[1], rtol=0, atol=1 / 255)
    assert len(task.build_dataset_for_inference([None], [])) == 0


def test_token_accuracy_leaves_out_padding() -> None:
    logits = torch.nn.functional.one_hot(torch.tensor([[4, 5, 6], [4, 1, 1]]), 8).float()
    target = torch.tensor([[4, 5, 7], [4, 2, 1]])
    assert token_statistics(logits, target, pad=1) == {"_token_correct": 3, "_token_total": 5}


def test_statistics_of_decoding_sum() -> None:
    pairs = [(["a", "b"], ["a", "b"]), (["a"], ["b", "c"]), ([], ["a"])]
    parts = [generation_statistics([pair]) for pair in pairs]
    assert generation_statistics(pairs) == {key: sum(part[key] for part in parts) for key in parts[0]}
    assert set(generation_statistics([])) == set(parts[0])  # the same keys in every worker
    assert set(generation_statistics([]).values()) == {0}


@pytest.mark.parametrize(
    "checkpoint, data, difference",
    [
        (["a", "b"], ["a", "b"], None),
        (
            ["a", "b"],
            ["b", "a"],
            "in another order, from number 0 on ('a' in the checkpoint, 'b' in the data)",
        ),
        (["a"], ["a", "b"], "only in the checkpoint none; only in the data 'b'"),
        (list("abcdefgh"), ["a"], "only in the checkpoint 'b', 'c', 'd', 'e', 'f' and 2 more"),
    ],
)
def test_differences_of_dictionaries(checkpoint: list[str], data: list[str], difference: str | None) -> None:
    found = dictionary_difference(checkpoint, data)
    assert (found is None) == (difference is None)
    assert difference is None or difference in str(found)
