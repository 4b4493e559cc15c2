"""Pictures that were read with doubt are looked at in other sizes; the likeliest reading decides.

The size of the text is estimated before anything is read (`scale`), and the estimate may err: a blurred picture looks
like an enlarged one. A model reads text of a wrong size badly, but it knows: its own probabilities are the better
judge of the size. So a doubtful picture is read greedily in sizes a step apart, farther on the side where it becomes
likelier, and in its own size; then the likeliest size is read as it was asked for.

A search takes as many steps as its longest formula has tokens, however few pictures it reads: doubtful ones are
gathered from all groups and looked at together.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.picture_groups import PictureGroup, PreparedPicture, group_prepared
from im2latex_fairseq.recognition.results import Outcome, Recognition

DOUBT = 0.03
"""Readings with less confidence are doubted."""

_STEP = 1.28
_ROUNDS = 3
_MOST_LONGER, _MORE_TOKENS = 1.25, 16  # than the longest first reading
_SAME = 1.1  # sizes within this factor of each other are one


class DoubtfulPictures:
    """Gathers the pictures that were read with doubt, out of many groups.

    Args:
        enough: So many are looked at together.
    """

    def __init__(self, enough: int) -> None:
        self._enough = enough
        self._waiting: list[tuple[int, PreparedPicture, Recognition]] = []

    @property
    def are_enough(self) -> bool:
        """Whether it is time to `take` them."""
        return len(self._waiting) >= self._enough

    def outcomes(self, group: PictureGroup, recognitions: Sequence[Recognition]) -> Iterator[Outcome]:
        """What a group says, but for what is doubted and can be read in other sizes: that waits for a second look."""
        for number, picture, recognition in zip(group.numbers, group.pictures, recognitions, strict=True):
            if not group.doubted and picture.given is not None and recognition.confidence < DOUBT:
                self._waiting.append((number, picture, recognition))
            else:
                yield Outcome(number, recognition=recognition)

    def take(self, parts: int = 1) -> list[PictureGroup]:
        """Those that wait, in groups of one size for so many who read at the same time; none where none waits."""
        waiting, self._waiting = self._waiting, []
        groups = []
        for first in range(min(parts, len(waiting))):
            numbers, pictures, recognitions = zip(*waiting[first::parts], strict=True)
            groups.append(PictureGroup(numbers, pictures, recognitions))
        return groups


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
        pictures: Their `given` is there.
        recognitions: What they were read as.
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
    ]
    longest = max((len(recognition.readings[0].tokens) for recognition in recognitions), default=0)
    most = min(options.max_len, int(_MOST_LONGER * longest) + _MORE_TOKENS)  # in a wrong size some never end
    quickly = replace(options, beam=1, nbest=1, rerank=None, max_len=most)
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
