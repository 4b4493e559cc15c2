"""`from_pretrained`: pictures in, LaTeX out, without a data folder."""

from __future__ import annotations

import io
import math
import shutil
from pathlib import Path

import pytest
import torch
from PIL import Image

from im2latex_fairseq import plugin  # noqa: F401
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.models.hub_interface import Im2LatexHubInterface, Prediction
from im2latex_fairseq.models.im2latex_model import Im2LatexModel
from tests.synthetic_data import draw_formula, write_data

FORMULAS = [["a", "+", "b"], ["x"], ["y", "=", "z", "+", "c", "^", "{", "2", "}"], ["x"]]


@pytest.fixture
def hub(checkpoint: Path, tmp_path: Path) -> Im2LatexHubInterface:
    """Of a checkpoint that is alone in its folder."""
    shutil.copy(checkpoint, tmp_path / "model.pt")
    return Im2LatexModel.from_pretrained(tmp_path)


def predict_one(hub: Im2LatexHubInterface, image: object, **options: int) -> Prediction:
    prediction = hub.predict(image, max_len=8, **options)
    assert isinstance(prediction, Prediction)
    return prediction


def predict_many(hub: Im2LatexHubInterface, images: object, **options: int) -> list[Prediction]:
    predictions = hub.predict(images, max_len=8, **options)
    assert isinstance(predictions, list)
    return predictions


def test_a_picture_from_anything(hub: Im2LatexHubInterface, tmp_path: Path) -> None:
    array = draw_formula(FORMULAS[0])
    image = Image.fromarray(array)
    path = tmp_path / "formula.png"
    image.save(path)
    expected = predict_one(hub, array)
    assert expected.tokens
    assert expected.latex == hub.task.latex_of(expected.tokens)
    for source in (
        image,
        image.convert("RGB"),
        path,
        str(path),
        path.read_bytes(),
        io.BytesIO(path.read_bytes()),
    ):
        assert predict_one(hub, source) == expected
    assert predict_many(hub, [path]) == [expected]
    assert [p.tokens for p in predict_many(hub, (path, image))] == [expected.tokens] * 2
    assert hub.predict([]) == []


@pytest.mark.parametrize("batch_size", [2, 16])
def test_batched_is_as_alone(hub: Im2LatexHubInterface, batch_size: int) -> None:
    pictures = [draw_formula(tokens) for tokens in FORMULAS]
    together = predict_many(hub, pictures, nbest=2, beam=3, batch_size=batch_size)
    for picture, prediction in zip(pictures, together, strict=True):
        alone = predict_one(hub, picture, nbest=2, beam=3)
        assert [h.tokens for h in alone.hypotheses] == [h.tokens for h in prediction.hypotheses]
        for ours, theirs in zip(alone.hypotheses, prediction.hypotheses, strict=True):
            assert ours.score == pytest.approx(theirs.score, abs=1e-4)


def test_hypotheses_are_ranked_and_scored(hub: Im2LatexHubInterface) -> None:
    prediction = predict_one(hub, draw_formula(FORMULAS[0]), nbest=4, beam=4)
    scores = [hypothesis.score for hypothesis in prediction.hypotheses]
    assert len(scores) == 4
    assert scores == sorted(scores, reverse=True)
    assert scores[0] == prediction.score < 0
    for hypothesis in prediction.hypotheses:
        assert len(hypothesis.token_scores) == len(hypothesis.tokens) + 1
        assert hypothesis.score == pytest.approx(
            math.fsum(hypothesis.token_scores) / len(hypothesis.token_scores)
        )


def test_the_beam_may_change_from_call_to_call(hub: Im2LatexHubInterface) -> None:
    picture = draw_formula(FORMULAS[2])
    first = predict_one(hub, picture, beam=2)
    predict_one(hub, picture, beam=5)
    assert predict_one(hub, picture, beam=2) == first


def test_it_reads_what_fairseq_generate_reads(
    prepared_data: Path, checkpoint: Path, hub: Im2LatexHubInterface
) -> None:
    from im2latex_fairseq.data.image_store import ImageStore
    from tests.fairseq_commands import run_fairseq

    output = run_fairseq(
        "generate", prepared_data, "--task", "im2latex", "--path", checkpoint, "--gen-subset", "test",
        "--batch-size", 4, "--max-len-b", 8, "--num-workers", 0, "--beam", 3,
    )  # fmt: skip
    printed = {
        int(line.split("\t")[0][2:]): line.split("\t")[2].split()
        for line in output.splitlines()
        if line.startswith("H-")
    }
    predictions = predict_many(hub, list(ImageStore(prepared_data / "test.images")), beam=3)
    assert [list(p.tokens) for p in predictions] == [printed[number] for number in range(len(printed))]


@pytest.mark.parametrize(
    "options, message",
    [
        ({"nbest": 3, "beam": 2}, "nbest 3 hypotheses need a beam at least as wide, got beam 2"),
        ({"beam": 0}, "must be at least 1"),
        ({"batch_size": -1}, "must be at least 1"),
    ],
)
def test_numbers_out_of_range(hub: Im2LatexHubInterface, options: dict[str, int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        predict_one(hub, draw_formula(["x"]), **options)


def test_a_bad_picture_is_named(hub: Im2LatexHubInterface, tmp_path: Path) -> None:
    with pytest.raises(ImageError, match=r"missing\.png: no such file"):
        hub.predict([draw_formula(["x"]), tmp_path / "missing.png"])


def test_the_checkpoint_itself_may_be_named(checkpoint: Path) -> None:
    hub = Im2LatexModel.from_pretrained(checkpoint)
    assert hub.device == torch.device("cpu")
    assert predict_one(hub, draw_formula(["x"])).hypotheses


def test_an_ensemble(checkpoint: Path) -> None:
    name = checkpoint.name
    ensemble = Im2LatexModel.from_pretrained(checkpoint.parent, f"{name}:{name}")
    assert len(ensemble.models) == 2
    alone = predict_one(Im2LatexModel.from_pretrained(checkpoint), draw_formula(["x"]))
    assert predict_one(ensemble, draw_formula(["x"])).tokens == alone.tokens


def test_with_the_data_folder_both_are_compared(
    prepared_data: Path, checkpoint: Path, tmp_path: Path
) -> None:
    hub = Im2LatexModel.from_pretrained(checkpoint, data_name_or_path=prepared_data)
    assert hub.task.cfg.data == str(prepared_data)
    other = write_data(tmp_path / "other", {"valid": 1}, settings=PreparationSettings(margin_px=6))
    with pytest.raises(ValueError, match="margin_px: 4 here, 6 there"):
        Im2LatexModel.from_pretrained(checkpoint, data_name_or_path=other)


def test_options_of_the_checkpoint_can_be_replaced(checkpoint: Path) -> None:
    doubled = draw_formula(FORMULAS[0]).repeat(2, axis=0).repeat(2, axis=1)
    hub = Im2LatexModel.from_pretrained(checkpoint, image_scale=0.5)
    expected = predict_one(hub, draw_formula(FORMULAS[0]), scale=1)
    assert predict_one(hub, doubled).tokens == expected.tokens


def test_checkpoints_that_are_not_there_or_not_ours(checkpoint: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match=r"model\.pt: no such checkpoint; .* has none"):
        Im2LatexModel.from_pretrained(tmp_path)
    state = torch.load(checkpoint)
    state["cfg"]["task"]["_name"] = "translation"
    torch.save(state, tmp_path / "model.pt")
    with pytest.raises(ValueError, match="of the task 'translation', not of 'im2latex'"):
        Im2LatexModel.from_pretrained(tmp_path)


@pytest.mark.parametrize("size", [0, 100, 10_000])
def test_a_checkpoint_that_is_cut_off(checkpoint: Path, tmp_path: Path, size: int) -> None:
    (tmp_path / "model.pt").write_bytes(checkpoint.read_bytes()[:size])
    with pytest.raises(ValueError, match=r"model\.pt: no checkpoint that can be read .*copy it again"):
        Im2LatexModel.from_pretrained(tmp_path)
