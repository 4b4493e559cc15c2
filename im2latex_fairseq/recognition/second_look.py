"""Pictures that were read with doubt are looked at in other sizes; the likeliest reading decides.

The size of the text is estimated before anything is read (`scale`), and the estimate may err: a blurred picture looks
like an enlarged one. A model reads text of a wrong size badly, but it knows: its own probabilities are the better
judge of the size. So a doubtful picture is read greedily in sizes a step apart, farther on the side where it becomes
likelier, and in its own size; then the likeliest size is read as it was asked for.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_groups import PreparedPicture, group_prepared
from im2latex_fairseq.recognition.results import Recognition

DOUBT = 0.03
"""Readings with less confidence are doubted."""

_STEP = 1.28
_ROUNDS = 3
_SAME = 1.1  # sizes within this factor of each other are one

Read = Callable[[Sequence[PreparedPicture], RecognitionOptions], Sequence[Recognition]]
Resize = Callable[[PreparedPicture, float], PreparedPicture]


@dataclass
class _Search:
    """The sizes of one doubtful picture.

    Attributes:
        picture: As it was read.
        number: Its place among the pictures.
        scores: Factor -> how likely the reading is, the mean log-probability of its tokens.
        prepared: Factor -> the picture in that size.
    """

    picture: PreparedPicture
    number: int
    scores: dict[float, float]
    prepared: dict[float, PreparedPicture] = field(default_factory=dict)

    @property
    def best(self) -> float:
        """The likeliest factor; the first one where several are as likely."""
        return max(self.scores, key=self.scores.__getitem__)

    def unknown(self, scale: float) -> bool:
        """Whether no size like that was read."""
        return all(max(scale / known, known / scale) > _SAME for known in self.scores)

    def next_sizes(self) -> Iterator[float]:
        """A step to either side of the likeliest, and at first the picture's own size."""
        wanted = [self.best / _STEP, self.best * _STEP]
        if len(self.scores) == 1:
            wanted.append(1.0)
        return (scale for scale in wanted if self.unknown(scale))


def look_again(
    pictures: Sequence[PreparedPicture],
    recognitions: Sequence[Recognition],
    read: Read,
    resize: Resize,
    options: RecognitionOptions,
) -> list[Recognition]:
    """Read doubtful pictures in other sizes.

    Args:
        pictures: Those whose `given` is None stay as they were read.
        recognitions: What they say.
        read: Decodes prepared pictures together.
        resize: Prepares a picture anew with a factor; raises ImageError where that can't be.
        options: Those of `recognitions`.

    Returns:
        For each picture the likelier of what it says in its first and in its likeliest size.
    """
    start = time.perf_counter()
    searches = [
        _Search(picture, number, {picture.scale: recognition.readings[0].score})
        for number, (picture, recognition) in enumerate(zip(pictures, recognitions, strict=True))
        if picture.given is not None and recognition.confidence < DOUBT
    ]
    quickly = replace(options, beam=1, nbest=1, rerank=None)
    looking = searches
    for _ in range(_ROUNDS):
        looking = [search for search in looking if _look_beside(search, resize)]
        waiting = [
            (search, scale) for search in looking for scale in search.prepared if scale not in search.scores
        ]
        before = {search.number: search.best for search in looking}
        found = _read_all([search.prepared[scale] for search, scale in waiting], read, quickly)
        for (search, scale), recognition in zip(waiting, found, strict=True):
            search.scores[scale] = recognition.readings[0].score
        looking = [search for search in looking if search.best != before[search.number]]
    result = list(recognitions)
    moved = [search for search in searches if search.best != search.picture.scale]
    again = _read_all([search.prepared[search.best] for search in moved], read, options)
    for search, recognition in zip(moved, again, strict=True):
        if recognition.readings[0].score > result[search.number].readings[0].score:
            result[search.number] = recognition
    if searches:
        seconds = (time.perf_counter() - start) / len(searches)
        for search in searches:
            recognition = result[search.number]
            result[search.number] = replace(recognition, seconds=recognition.seconds + seconds)
    return result


def _look_beside(search: _Search, resize: Resize) -> bool:
    """Prepare the next sizes; whether there are any."""
    wanted = list(search.next_sizes())
    for scale in wanted:
        try:
            search.prepared[scale] = resize(search.picture, scale)
        except ImageError:  # too small or too large to be read
            continue
    return any(scale not in search.scores for scale in search.prepared)


def _read_all(
    pictures: Sequence[PreparedPicture], read: Read, options: RecognitionOptions
) -> list[Recognition]:
    """Read any number of pictures, as many together as the options say."""
    found: dict[int, Recognition] = {}
    for group in group_prepared(list(enumerate(pictures)), options.pictures_together):
        found.update(zip(group.numbers, read(group.pictures, options), strict=True))
    return [found[number] for number in range(len(pictures))]
