"""Doubtful pictures are read in the size in which the model reads them best; others are left alone."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageFilter

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.images.transforms import prepare_with_geometry
from im2latex_fairseq.recognition import second_look
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_groups import PictureGroup, PreparedPicture
from im2latex_fairseq.recognition.picture_reader import PictureReader
from im2latex_fairseq.recognition.recognizer import Recognizer
from im2latex_fairseq.recognition.results import Reading, Recognition
from im2latex_fairseq.recognition.second_look import DOUBT, DoubtfulPictures, look_again

SAMPLES = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "pictures"
OPTIONS = RecognitionOptions(beam=3, nbest=2, batch_size=4)


class Model:
    """Reads a picture the better the nearer its factor is to the right one, which is its ink.

    Attributes:
        read_with: Options and factors of each group.
        largest: No picture can be made larger than by this.
    """

    def __init__(self, largest: float = 100.0) -> None:
        self.read_with: list[tuple[RecognitionOptions, list[float]]] = []
        self.largest = largest

    def read(self, pictures: Sequence[PreparedPicture], options: RecognitionOptions) -> list[Recognition]:
        self.read_with.append((options, [picture.scale for picture in pictures]))
        return [self.recognition(picture) for picture in pictures]

    @staticmethod
    def recognition(picture: PreparedPicture, confidence: float = 0.0) -> Recognition:
        right = float(picture.image[0, 0]) / 100
        score = -abs(math.log(picture.scale / right))
        reading = Reading(f"{picture.scale}", (), confidence, score, ())
        return Recognition((reading,), picture.seconds, picture.scale)

    def resize(self, picture: PreparedPicture, scale: float) -> PreparedPicture:
        if scale > self.largest:
            raise ImageError("too large", reason="too_large")
        return replace(picture, scale=scale)


BLANK = np.full((30, 30), 255, dtype=np.uint8)
BLANK[10:20, 10:20] = 0
GEOMETRY = prepare_with_geometry(BLANK, PreparationSettings())[1]


def picture(scale: float, right: float, *, kept: bool = True) -> PreparedPicture:
    image = np.full((8, 8), round(100 * right), dtype=np.uint8)
    return PreparedPicture(image, GEOMETRY, scale, 0.5, image if kept else None)


def look(model: Model, pictures: Sequence[PreparedPicture], confidence: float = 0.0) -> list[Recognition]:
    first = [model.recognition(picture, confidence) for picture in pictures]
    return look_again(pictures, first, model.read, model.resize, OPTIONS)


def blurred(image: Image.Image) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(1))


def reduced(image: Image.Image) -> Image.Image:
    return image.resize((image.width * 3 // 5, image.height * 3 // 5), Image.Resampling.BICUBIC)


def test_the_shipped_model_reads_spoilt_pictures_as_good_ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Blurred ones look enlarged to the estimate of the size, and small ones lack what it goes by."""
    recognizer = Recognizer.load()
    pictures = [Image.open(path).convert("L") for path in sorted(SAMPLES.glob("*.png"))]
    assert len(pictures) == 10
    good = recognizer.predict(pictures)
    spoilt = [spoil(picture) for spoil in (blurred, reduced) for picture in pictures]
    same = [a.latex == b.latex for a, b in zip(recognizer.predict(spoilt), good * 2, strict=True)]
    monkeypatch.setattr(second_look, "DOUBT", 0.0)
    by_estimate = [a.latex == b.latex for a, b in zip(recognizer.predict(spoilt), good * 2, strict=True)]
    assert sum(same) >= 18
    assert sum(same) > sum(by_estimate)


@given(st.lists(st.tuples(st.floats(0.2, 2.5), st.floats(0.2, 2.5)), max_size=12))
def test_never_worse_and_a_step_away_at_most(sizes: list[tuple[float, float]]) -> None:
    pictures = [picture(scale, right) for scale, right in sizes]
    for before, found in zip(pictures, look(Model(), pictures), strict=True):
        right = float(before.image[0, 0]) / 100
        error, first = abs(math.log(found.scale / right)), abs(math.log(before.scale / right))
        assert error <= first
        if first < math.log(1.28) * 3:
            assert error <= math.log(1.28) * 0.75, "half a step, and sizes that are nearly the same are one"


def test_the_pictures_own_size_is_tried() -> None:
    (found,) = look(Model(), [picture(0.25, 1.0)])
    assert found.scale == 1.0


def test_nothing_doubted_nothing_read() -> None:
    model = Model()
    assert look(model, []) == []
    assert model.read_with == []


def read_group(
    pictures: Sequence[PreparedPicture], confidences: Sequence[float]
) -> tuple[PictureGroup, list[Recognition]]:
    group = PictureGroup(tuple(range(10, 10 + len(pictures))), tuple(pictures))
    return group, [Model.recognition(one, sure) for one, sure in zip(pictures, confidences, strict=True)]


def test_sure_readings_and_those_that_nobody_kept_do_not_wait() -> None:
    doubtful = DoubtfulPictures(2)
    pictures = [picture(0.5, 1.0), picture(0.6, 1.0, kept=False), picture(0.7, 1.0)]
    outcomes = list(doubtful.outcomes(*read_group(pictures, [DOUBT, 0.0, DOUBT / 2])))
    assert [outcome.number for outcome in outcomes] == [10, 11]
    assert not doubtful.are_enough
    (waiting,) = doubtful.take()
    assert (waiting.numbers, waiting.pictures) == ((12,), (pictures[2],))
    assert [reading.scale for reading in waiting.doubted] == [0.7]
    assert doubtful.take() == []


def test_what_was_looked_at_again_does_not_wait_again() -> None:
    doubtful = DoubtfulPictures(1)
    group, recognitions = read_group([picture(0.5, 1.0)], [0.0])
    assert list(doubtful.outcomes(group, recognitions)) == []
    assert doubtful.are_enough
    (waiting,) = doubtful.take()
    assert [outcome.number for outcome in doubtful.outcomes(waiting, recognitions)] == [10]
    assert doubtful.take() == []


@given(st.lists(st.floats(0, 2 * DOUBT), max_size=20), st.integers(1, 4))
def test_each_picture_comes_out_once(confidences: list[float], parts: int) -> None:
    doubtful = DoubtfulPictures(4)
    group, recognitions = read_group([picture(1.0, 1.0)] * len(confidences), confidences)
    numbers = [outcome.number for outcome in doubtful.outcomes(group, recognitions)]
    waiting = doubtful.take(parts)
    assert sorted(numbers + [number for one in waiting for number in one.numbers]) == list(group.numbers)
    assert len(waiting) <= parts and all(one.numbers for one in waiting)
    if waiting:
        assert max(len(one.numbers) for one in waiting) - min(len(one.numbers) for one in waiting) <= 1


def test_doubtful_pictures_of_several_groups_are_looked_at_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """A look takes as many steps as its longest formula has tokens, however few pictures it reads."""
    recognizer = Recognizer.load()
    paths = [str(path) for path in sorted(SAMPLES.glob("*.png"))]
    groups: list[PictureGroup] = []
    first: list[Recognition] = []
    read = PictureReader.read_group

    def counted(reader: PictureReader, group: PictureGroup, options: RecognitionOptions) -> list[Recognition]:
        groups.append(group)
        found = read(reader, group, options)
        first.extend(found if not group.doubted else [])
        return found

    monkeypatch.setattr(PictureReader, "read_group", counted)
    recognizer.predict(paths, batch_size=2, beam=1, scale=1.0)
    assert len(groups) == 5
    confidences = sorted(recognition.confidence for recognition in first)
    monkeypatch.setattr(second_look, "DOUBT", (confidences[4] + confidences[5]) / 2)
    groups.clear()
    first.clear()
    assert len(recognizer.predict(paths, batch_size=2, beam=1)) == 10
    looked_at = [len(group.numbers) for group in groups if group.doubted]
    assert len(groups) - len(looked_at) == 5
    assert sum(looked_at) == sum(recognition.confidence < second_look.DOUBT for recognition in first) >= 3
    assert all(size >= 2 for size in looked_at[:-1])


def test_it_looks_greedily_and_reads_what_it_chose_as_asked() -> None:
    model = Model()
    pictures = [picture(1.0, 1.28) for _ in range(9)] + [picture(1.0, 1.0)]
    found = look(model, pictures)
    assert [round(r.scale, 2) for r in found] == [1.28] * 9 + [1.0]
    *looks, (asked, scales) = model.read_with
    assert asked == OPTIONS and scales == [1.28], "nine in groups of four, those that moved alone"
    for options, _ in looks[:-2]:
        assert (options.beam, options.nbest) == (1, 1)
        assert options.max_len == 16, "no longer than the first readings, by more than a few tokens"
    assert all(len(scales) <= 4 for _, scales in model.read_with)
    assert all(r.seconds >= 0.5 for r in found)


def test_a_size_that_cannot_be_is_passed_over() -> None:
    (found,) = look(Model(largest=1.1), [picture(1.0, 2.0)])
    assert found.scale == 1.0
    (found,) = look(Model(largest=1.1), [picture(1.0, 0.5)])
    assert found.scale == pytest.approx(1.0 / 1.28**3)


def test_what_the_search_thought_likelier_must_be() -> None:
    """Greedily a size may look better than it is by the search that was asked for."""

    class Fickle(Model):
        def read(self, pictures: Sequence[PreparedPicture], options: RecognitionOptions) -> list[Recognition]:
            found = super().read(pictures, options)
            if options.beam > 1:
                found = [replace(r, readings=(replace(r.readings[0], score=-99.0),)) for r in found]
            return found

    (found,) = look(Fickle(), [picture(0.5, 1.0)])
    assert (found.scale, found.latex) == (0.5, "0.5")
