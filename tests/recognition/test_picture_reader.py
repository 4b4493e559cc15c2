"""From pictures to results around a decoder that knows only how large a picture is."""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.recognition import picture_groups
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_reader import PictureReader
from im2latex_fairseq.recognition.results import Reading, Recognition
from im2latex_fairseq.recognition.scale import KnownText
from tests.recognition.tiny_models import CALIBRATION

SAMPLES = Path(__file__).resolve().parents[2] / "examples" / "quickstart" / "pictures"
DICTIONARY = ("<s>", "<pad>", "</s>", "<unk>", "w", "x", "y")


@dataclass(frozen=True)
class Ids:
    ids: tuple[int, ...]
    score: float
    token_log_probabilities: tuple[float, ...]


class CountingReader(PictureReader):
    """Reads as many `w` as the picture is wide in pixels less 16, then `x`; a second reading ends in `y`.

    Attributes:
        batches: Shapes of the pictures of each batch.
    """

    def __init__(self, calibration: Calibration = CALIBRATION) -> None:
        every_size = KnownText(em_px=15.0, smallest_em_px=1.0, largest_em_px=1000.0)
        super().__init__(DICTIONARY, PreparationSettings(), calibration, every_size)
        self.batches: list[list[tuple[int, ...]]] = []

    def _decode(self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions) -> list[list[Ids]]:
        self.batches.append([picture.shape for picture in pictures])
        found = []
        for picture in pictures:
            count = picture.shape[1] - 16
            hypotheses = [
                Ids((4,) * count + (last,), score, (-0.1,) * count + (score, -0.01))
                for last, score in ((5, -0.2), (6, -0.7))
            ]
            found.append(hypotheses[: options.beam])
        return found


def frame(width: int, height: int = 16) -> NDArray[np.uint8]:
    """A black frame of 1 px; prepared, it is 8 px wider and higher."""
    picture = np.full((height + 20, width + 20), 255, dtype=np.uint8)
    picture[10 : 10 + height, 10 : 10 + width] = 0
    picture[11 : 9 + height, 11 : 9 + width] = 255
    return picture


def read(reader: PictureReader, width: int) -> Recognition:
    return reader.predict(frame(width))


def test_a_reading_and_its_confidences() -> None:
    reading = read(CountingReader(), 11).readings[0]
    assert reading.tokens == ("w", "w", "w", "x")
    assert reading.latex == "wwwx"
    log_probabilities = (-0.1, -0.1, -0.1, -0.2, -0.01)
    assert reading.score == pytest.approx(sum(log_probabilities) / 5)  # not the search's
    assert reading.confidence == CALIBRATION.formula_confidence(log_probabilities, lead=0.5)
    assert reading.token_confidences == CALIBRATION.token_confidences(log_probabilities)[:4]


def test_the_lead_is_part_of_the_confidence() -> None:
    """Whatever number of readings is asked for; and only where the search knows of another reading."""
    weights = replace(CALIBRATION, formula_with_lead=replace(CALIBRATION.formula, lead=1.0))  # type: ignore[type-var]
    reader = CountingReader(weights)
    leading, other = reader.predict(frame(11), nbest=2).readings
    assert reader.predict(frame(11)).confidence == leading.confidence
    greedy = reader.predict(frame(11), beam=1)
    assert greedy.confidence == CALIBRATION.formula_confidence((-0.1, -0.1, -0.1, -0.2, -0.01))
    assert leading.confidence > greedy.confidence > other.confidence


def test_little_trust_in_what_is_not_strokes() -> None:
    """A decoder may be sure of what it sees in a photograph."""
    rng = np.random.default_rng(1)
    greys = np.kron(rng.integers(0, 256, (6, 10)), np.ones((10, 10))).astype(np.uint8)
    photograph = np.pad(greys, 10, constant_values=255)
    reader = CountingReader(Calibration.none())
    reading = reader.predict(photograph).readings[0]
    assert reading.confidence < 0.1 * np.exp(-0.1 * (len(reading.tokens) - 1) - 0.21)
    assert min(reading.token_confidences) > 0.8


def test_a_picture_from_anything(tmp_path: Path) -> None:
    image = Image.fromarray(frame(11))
    path = tmp_path / "frame.png"
    image.save(path)
    content = path.read_bytes()
    reader = CountingReader()
    sources = [frame(11), image, path, str(path), content, io.BytesIO(content), lambda: path]
    for source in sources:
        recognition = reader.predict(source)  # type: ignore[arg-type]
        assert isinstance(recognition, Recognition)
        assert recognition.tokens == ("w", "w", "w", "x")
    assert [r.latex for r in reader.predict((path, image))] == ["wwwx", "wwwx"]
    assert [r.latex for r in reader.predict([path])] == ["wwwx"]
    assert reader.predict([]) == []


def test_the_order_stays_while_like_amounts_of_ink_meet() -> None:
    widths = [40, 11, 300, 12, 41, 301, 13, 39]
    reader = CountingReader()
    found = reader.predict([frame(width) for width in widths], batch_size=3)
    assert [len(recognition.tokens) for recognition in found] == [width + 8 - 16 + 1 for width in widths]
    assert [sorted(width - 8 for _, width in batch) for batch in reader.batches] == [
        [11, 12, 13],
        [39, 40, 41],
        [300, 301],
    ]


def test_results_come_as_soon_as_they_are_known() -> None:
    """An endless stream is read a few batches at a time, and what can't be read doesn't hold up the others."""
    taken = []

    def endless() -> Iterator[NDArray[np.uint8]]:
        while True:
            taken.append(len(taken))
            yield frame(11) if len(taken) % 2 else np.full((9, 9), 255, dtype=np.uint8)

    reader = CountingReader()
    outcomes = reader.recognize(endless(), RecognitionOptions(batch_size=2))
    first = [next(outcomes) for _ in range(10)]
    assert len(taken) == 2 * picture_groups._WINDOW_GROUPS
    assert len(reader.batches) == 1
    assert sorted(outcome.number for outcome in first) == [0, 1, 2, 3, 5, 7, 9, 11, 13, 15]
    for outcome in first:
        assert (outcome.error is None) == (outcome.recognition is not None) == (outcome.number % 2 == 0)


def test_large_pictures_are_read_with_few_others() -> None:
    """Memory grows with the pixels of a batch, so that their number is limited, too."""
    reader = CountingReader()
    reader.predict([frame(700, 160)] * 40, batch_size=64)
    assert [len(batch) for batch in reader.batches] == [35, 5]  # of 65,536 cells, each has 1,869


@pytest.mark.parametrize("beam, together", [(1, 320), (5, 64), (400, 1)])
def test_without_a_batch_size_as_many_are_read_together_as_have_320_rows(beam: int, together: int) -> None:
    reader = CountingReader()
    reader.predict([frame(11)] * 330, beam=beam)
    assert len(reader.batches[0]) == together


def test_errors_are_raised_or_returned(tmp_path: Path) -> None:
    reader = CountingReader()
    blank = np.full((30, 30), 255, dtype=np.uint8)
    sources = [frame(11), tmp_path / "none.png", blank, b"", frame(12)]
    with pytest.raises(ImageError, match=r"none\.png: no such file"):
        reader.predict(sources)
    found = reader.predict(sources, on_error="return")
    reasons = [result.reason if isinstance(result, ImageError) else result.latex for result in found]
    assert reasons == ["wwwx", "missing", "blank", "empty_file", "wwwwx"]
    with pytest.raises(ImageError, match="blank"):
        reader.predict(blank)
    with pytest.raises(ValueError, match="on_error must be 'raise' or 'return'"):
        reader.predict(sources, on_error="ignore")  # type: ignore[call-overload]


def test_a_blank_file_is_named(tmp_path: Path) -> None:
    path = tmp_path / "blank.png"
    Image.new("L", (30, 30), 255).save(path)
    with pytest.raises(ImageError, match=r"blank\.png: blank: no ink") as caught:
        CountingReader().predict(path)
    assert caught.value.reason == "blank"


def test_an_interruption_loses_nothing_that_was_done() -> None:
    class Interrupted(CountingReader):
        def _decode(
            self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions
        ) -> list[list[Ids]]:
            if len(self.batches) == 2:
                raise KeyboardInterrupt
            return super()._decode(pictures, options)

    outcomes = Interrupted().recognize([frame(11)] * 7, RecognitionOptions(batch_size=2))
    assert [next(outcomes).number for _ in range(4)] == [0, 1, 2, 3]
    with pytest.raises(KeyboardInterrupt):
        next(outcomes)


def test_reranking_sees_the_whole_beam() -> None:
    """By batch; it puts readings in another order, of which `nbest` are kept."""
    seen = []

    def backwards(
        pictures: Sequence[NDArray[np.uint8]], readings: Sequence[tuple[Reading, ...]]
    ) -> list[tuple[Reading, ...]]:
        seen.append([picture.shape for picture in pictures])
        return [tuple(reversed(of_picture)) for of_picture in readings]

    found = CountingReader().predict([frame(11), frame(12)], rerank=backwards)
    assert [[reading.latex for reading in recognition.readings] for recognition in found] == [
        ["wwwy"],
        ["wwwwy"],
    ]
    assert seen == [[(24, 19), (24, 20)]]


def test_a_picture_is_scaled() -> None:
    reader = CountingReader()
    small = reader.predict(frame(40, 40), scale=0.5)
    assert (small.scale, len(small.tokens)) == (0.5, 20 + 8 - 16 + 1)
    assert reader.predict(frame(40, 40), scale=None).scale == 1.0
    # Which the estimate decides by default, by what the model knows.
    reader.known_text = KnownText(em_px=1.0, smallest_em_px=1.0, largest_em_px=1.0)
    assert reader.predict(frame(80, 80)).scale < 0.5
    prepared = reader.prepare(frame(40, 40), 0.5)
    assert prepared.image.shape == (28, 28)
    assert prepared.geometry.original_size == (60, 60)


@pytest.mark.parametrize("times", [1, 2, 3])
def test_what_was_read_is_prepared_again(times: int) -> None:
    """Also of an enlarged picture, whose factor alone would average it."""
    reader = CountingReader()
    reader.known_text = KnownText()
    small = load_image(SAMPLES / "euler.png")
    picture = np.asarray(
        Image.fromarray(small).resize(
            (small.shape[1] * times, small.shape[0] * times), Image.Resampling.BICUBIC
        )
    )
    was_read = reader.prepare(picture)
    assert was_read.enlarged == times
    again = reader.prepare(picture, read_with=was_read.scale / times)
    assert np.array_equal(again.image, was_read.image)
    assert again.geometry == was_read.geometry
    # And in the size of a second look.
    other = reader.prepare(picture, read_with=1.28 * was_read.scale / times)
    resized = reader._resized(was_read, 1.28 * was_read.scale)
    assert np.array_equal(other.image, resized.image)


def test_times_are_of_each_picture() -> None:
    found = CountingReader().predict([frame(11)] * 3)
    assert all(0 < recognition.seconds < 60 for recognition in found)


def test_plain_values_for_json() -> None:
    recognition = CountingReader().predict(frame(11), nbest=2)
    content = recognition.to_dict()
    assert content["latex"] == recognition.latex == "wwwx"
    assert content["tokens"] == ["w", "w", "w", "x"]
    assert [other["latex"] for other in content["alternatives"]] == ["wwwy"]
    assert content["scale"] == 1.0
    assert math.isclose(content["confidence"], recognition.confidence)
    assert len(content["token_confidences"]) == 4


@pytest.mark.parametrize(
    "options, message",
    [
        ({"beam": 0, "nbest": 1}, "at least as wide, got beam 0"),
        ({"beam": 2, "nbest": 3}, "nbest 3 readings need a beam at least as wide, got beam 2"),
        ({"nbest": 0}, "nbest must be at least 1"),
        ({"max_len": 0}, "max_len must be at least 1"),
        ({"batch_size": -1}, "batch_size must be at least 1"),
        ({"scale": 0.0}, "scale must be from 0.01 to 100"),
        ({"scale": float("nan")}, "scale must be from 0.01 to 100"),
        ({"scale": "automatic"}, "scale must be a number, 'auto' or None"),
        ({"precision": "float16"}, "precision must be one of"),
        ({"rerank": "draw"}, "rerank must be 'render'"),
    ],
)
def test_numbers_out_of_range(options: dict[str, object], message: str, tmp_path: Path) -> None:
    """Told before any picture is read."""
    with pytest.raises(ValueError, match=message):
        CountingReader().predict(tmp_path / "none.png", **options)  # type: ignore[call-overload]
