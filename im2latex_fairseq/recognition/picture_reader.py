"""From pictures to results around any decoder: preparation, groups, readings; no torch."""

from __future__ import annotations

import math
import time
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeAlias, overload

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.decoding.confidence import Calibration
from im2latex_fairseq.images.enlargement import undo_enlargement
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import ImageSource, load_image
from im2latex_fairseq.images.preparation_settings import PreparationSettings
from im2latex_fairseq.images.prepared_geometry import PreparedGeometry
from im2latex_fairseq.images.transforms import prepare_with_geometry
from im2latex_fairseq.latex.formatter import format_tokens
from im2latex_fairseq.recognition.model_file import SPECIAL_SYMBOLS
from im2latex_fairseq.recognition.options import OptionFields, RecognitionOptions, Reranker, Scale
from im2latex_fairseq.recognition.picture_groups import PictureGroup, PreparedPicture, group_prepared, windows
from im2latex_fairseq.recognition.plausibility import plausibility
from im2latex_fairseq.recognition.results import Outcome, Reading, Recognition
from im2latex_fairseq.recognition.scale import KnownText, estimate_scale
from im2latex_fairseq.recognition.second_look import DoubtfulPictures, look_again

if TYPE_CHECKING:
    from typing_extensions import Unpack

    from im2latex_fairseq.decoding.token_filter import CombinedFilter

Source: TypeAlias = "ImageSource | Callable[[], ImageSource]"
"""A picture, or a function that returns it when it is the picture's turn."""


_MOST_MISJUDGED = 1.5
"""Times that an enlarged picture's text may be larger than it is estimated."""

_MOST_KEPT_PIXELS = 500_000
"""Of a picture, until it has been read without doubt; hundreds wait at the same time."""


class DecodedIds(Protocol):
    """What a decoder says of a picture: `DecodedHypothesis`, or the like of another engine."""

    @property
    def ids(self) -> Sequence[int]:
        """Of the dictionary, without the end."""
        ...

    @property
    def score(self) -> float:
        """Sum of the log-probabilities / their number ** length penalty."""
        ...

    @property
    def token_log_probabilities(self) -> Sequence[float]:
        """One a token, then that of the end."""
        ...


class PictureReader(ABC):
    """Reads pictures of formulas by a decoder that a subclass brings along.

    Not for several threads at once; each may have its own.

    Args:
        dictionary: Symbols in the order of their ids.
        preparation: How pictures were prepared for training.
        calibration: From log-probabilities to confidences.
        known_text: Size of the text that the decoder reads well.
    """

    def __init__(
        self,
        dictionary: Sequence[str],
        preparation: PreparationSettings,
        calibration: Calibration,
        known_text: KnownText = KnownText(),
    ) -> None:
        self.dictionary = tuple(dictionary)
        self.preparation = preparation
        self.calibration = calibration
        self.known_text = known_text

    @abstractmethod
    def _decode(
        self, pictures: Sequence[NDArray[np.uint8]], options: RecognitionOptions
    ) -> Sequence[Sequence[DecodedIds]]:
        """Decode some pictures together.

        Args:
            pictures: Prepared ones, (H, W) each, uint8, 255 = paper, of any shapes.
            options: `decoding_settings`, and whether outputs are constrained.

        Returns:
            The hypotheses of each picture, at least one, the best first.
        """

    def begin_process(self) -> PictureReader:
        """The reader as it computes in a process of its own that has just begun, one of several: by one thread."""
        return self

    @cached_property
    def rules(self) -> CombinedFilter:
        """What constrained outputs obey: they are well formed LaTeX and don't repeat themselves without end."""
        # Imported here: what isn't asked for doesn't delay the first reading.
        from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter
        from im2latex_fairseq.decoding.repetition import RepetitionFilter
        from im2latex_fairseq.decoding.token_filter import CombinedFilter

        bos, pad, eos, unk = range(len(SPECIAL_SYMBOLS))
        symbols = self.dictionary
        return CombinedFilter(
            [LatexGrammarFilter(symbols, eos=eos, pad=pad, unk=unk, bos=bos), RepetitionFilter(symbols)]
        )

    @overload
    def predict(self, images: Source, **options: Unpack[OptionFields]) -> Recognition: ...

    @overload
    def predict(
        self,
        images: list[Any] | tuple[Any, ...],
        *,
        on_error: Literal["raise"] = "raise",
        **options: Unpack[OptionFields],
    ) -> list[Recognition]: ...

    @overload
    def predict(
        self,
        images: list[Any] | tuple[Any, ...],
        *,
        on_error: Literal["return"],
        **options: Unpack[OptionFields],
    ) -> list[Recognition | ImageError]: ...

    def predict(self, images: Any, *, on_error: str = "raise", **options: Unpack[OptionFields]) -> Any:
        """Read pictures.

        Args:
            images: A picture, or a list or tuple of pictures: each a path, the bytes of a file, an open binary
                file, a PIL image or an array, as `load_image` takes them, or a function that returns one.
            on_error: Of a list: "raise" the error of the first picture that can't be read, or "return" the
                errors in the places of their pictures.
            **options: Fields of `RecognitionOptions`: beam, nbest, max_len, batch_size, scale, ...

        Returns:
            A `Recognition`, or a list of them in the order of the pictures.

        Raises:
            ImageError: A picture can't be read or holds no formula; the message names it.
            ValueError: An option is out of range.
        """
        if on_error not in ("raise", "return"):
            raise ValueError(f"on_error must be 'raise' or 'return', got {on_error!r}")
        is_list = isinstance(images, (list, tuple))
        sources = images if is_list else [images]
        results: dict[int, Recognition | ImageError] = {}
        for outcome in self.recognize(sources, RecognitionOptions(**options)):
            result = outcome.recognition or outcome.error
            assert result is not None
            if isinstance(result, ImageError) and (on_error == "raise" or not is_list):
                raise result
            results[outcome.number] = result
        ordered = [results[number] for number in range(len(sources))]
        return ordered if is_list else ordered[0]

    def recognize(
        self, sources: Iterable[Source], options: RecognitionOptions | None = None
    ) -> Iterator[Outcome]:
        """Read a stream of pictures, of any length, those with formulas of like length together.

        Args:
            sources: Taken some hundreds at a time; see `predict` for what each may be.
            options: The defaults if None.

        Yields:
            What became of each picture, as soon as it is known, so in another order than the sources;
            `Outcome.number` is the place. Readings with hardly any confidence wait for a second look
            (`second_look`). An interruption between two of them loses no other result.

        Raises:
            ValueError: What can't be done on this machine, with this model.
        """
        options = options if options is not None else RecognitionOptions()
        doubtful = DoubtfulPictures(options.pictures_together)
        for item in self.groups(sources, options):
            if isinstance(item, Outcome):
                yield item
                continue
            yield from doubtful.outcomes(item, self.read_group(item, options))
            if doubtful.are_enough:
                yield from self._outcomes_of_all(doubtful.take(), options)
        yield from self._outcomes_of_all(doubtful.take(), options)

    def _outcomes_of_all(
        self, groups: Iterable[PictureGroup], options: RecognitionOptions
    ) -> Iterator[Outcome]:
        for group in groups:
            yield from group.outcomes(self.read_group(group, options))

    def groups(
        self, sources: Iterable[Source], options: RecognitionOptions, parts: int = 1
    ) -> Iterator[PictureGroup | Outcome]:
        """Prepare a stream of pictures, and bring those with formulas of like length together.

        Args:
            sources: Taken some hundreds at a time.
            options: How large groups may be, and the scale.
            parts: How many decode at the same time.

        Yields:
            Pictures to be decoded together, or the outcome of one that can't be read.
        """
        together = options.pictures_together
        for window in windows(enumerate(sources), together, parts):
            prepared: list[tuple[int, PreparedPicture]] = []
            for number, source in window:
                try:
                    prepared.append((number, self.prepare(source, options.scale)))
                except ImageError as error:
                    yield Outcome(number, error=error)
            yield from group_prepared(prepared, together, parts)

    def prepare(
        self, source: Source, scale: Scale = "auto", *, read_with: float | None = None
    ) -> PreparedPicture:
        """Load a picture and bring it to the form that the model reads.

        Args:
            source: See `predict`.
            scale: See `RecognitionOptions`.
            read_with: The `Recognition.scale` of a picture that was read with "auto": it is prepared as it was then.

        Raises:
            ImageError: It can't be read or holds no formula; the message names it.
        """
        start = time.perf_counter()
        picture = source() if callable(source) else source
        image = load_image(picture)
        try:
            if scale == "auto":
                prepared = self._prepare_by_itself(image, read_with)
            else:
                factor = 1.0 if scale is None else scale
                prepared = PreparedPicture(
                    *prepare_with_geometry(image, self.preparation, scale=factor), scale=factor
                )
        except ImageError as error:
            if isinstance(picture, (str, Path)):
                raise ImageError(f"{picture}: {error}", reason=error.reason) from error
            raise
        return replace(prepared, seconds=time.perf_counter() - start)

    def _prepare_by_itself(self, image: NDArray[np.uint8], read_with: float | None) -> PreparedPicture:
        """With the factor that the picture suggests; one that was enlarged is brought back to what it was first."""
        factor = estimate_scale(image, self.known_text)
        undone = undo_enlargement(image, round(_MOST_MISJUDGED / factor)) if factor < 1 else None
        if undone is None:
            factor = read_with or factor
            prepared, geometry = prepare_with_geometry(image, self.preparation, scale=factor)
            given = _around_ink(image, prepared, geometry)
            return PreparedPicture(prepared, geometry, factor, given=given)
        factor = read_with * undone.times if read_with else estimate_scale(undone.image, self.known_text)
        prepared, geometry = prepare_with_geometry(undone.image, self.preparation, scale=factor)
        given = _around_ink(undone.image, prepared, geometry)
        height, width = image.shape
        geometry = geometry.within(undone.origin, undone.times, (height, width))
        return PreparedPicture(prepared, geometry, factor, given=given, enlarged=undone.times)

    def read_group(self, group: PictureGroup, options: RecognitionOptions) -> list[Recognition]:
        """What prepared pictures say, decoded together; those that were read with doubt are read in other sizes."""
        if group.doubted:
            return look_again(group.pictures, group.doubted, self._read, self._resized, options)
        return self._read(group.pictures, options)

    def _resized(self, picture: PreparedPicture, scale: float) -> PreparedPicture:
        """A picture, prepared anew with another factor."""
        start = time.perf_counter()
        assert picture.given is not None, "kept where other sizes may be asked for"
        prepared, geometry = prepare_with_geometry(picture.given, self.preparation, scale=scale)
        seconds = picture.seconds + time.perf_counter() - start
        return PreparedPicture(prepared, geometry, scale, seconds, enlarged=picture.enlarged)

    def _read(self, pictures: Sequence[PreparedPicture], options: RecognitionOptions) -> list[Recognition]:
        start = time.perf_counter()
        decoded = self._decode([picture.image for picture in pictures], options)
        kept = options.nbest if options.rerank is None else options.beam
        readings = [
            self._readings(hypotheses, plausibility(picture.image))[:kept]
            for picture, hypotheses in zip(pictures, decoded, strict=True)
        ]
        if options.rerank is not None:
            rerank = _render_reranker() if options.rerank == "render" else options.rerank
            readings = rerank([picture.image for picture in pictures], readings)
        seconds = (time.perf_counter() - start) / len(pictures)
        return [
            Recognition(ranked[: options.nbest], picture.seconds + seconds, picture.scale / picture.enlarged)
            for picture, ranked in zip(pictures, readings, strict=True)
        ]

    def _readings(self, hypotheses: Sequence[DecodedIds], trust: float) -> tuple[Reading, ...]:
        scores = [hypothesis.score for hypothesis in hypotheses]
        readings = []
        for number, hypothesis in enumerate(hypotheses):
            others = scores[:number] + scores[number + 1 :]
            lead = hypothesis.score - max(others) if others else None
            readings.append(self._reading(hypothesis, lead, trust))
        return tuple(readings)

    def _reading(self, hypothesis: DecodedIds, lead: float | None, trust: float) -> Reading:
        tokens = tuple(self.dictionary[id_] for id_ in hypothesis.ids)
        log_probabilities = hypothesis.token_log_probabilities
        calibration = self.calibration
        return Reading(
            latex=format_tokens(tokens),
            tokens=tokens,
            confidence=trust * calibration.formula_confidence(log_probabilities, lead=lead),
            # Whatever the length penalty by which the search has put them in order
            score=math.fsum(log_probabilities) / len(log_probabilities),
            token_confidences=calibration.token_confidences(log_probabilities)[: len(tokens)],
        )


def _around_ink(
    image: NDArray[np.uint8], prepared: NDArray[np.uint8], geometry: PreparedGeometry
) -> NDArray[np.uint8] | None:
    """The part of a picture that was prepared, to be kept for other sizes; None if that is too much."""
    height, width = prepared.shape
    top, left, bottom, right = geometry.to_original((0, 0, height, width))
    part = image[math.floor(top) : math.ceil(bottom), math.floor(left) : math.ceil(right)]
    return part.copy() if part.size <= _MOST_KEPT_PIXELS else None


def _render_reranker() -> Reranker:
    from im2latex_fairseq.recognition.render_rerank import RenderReranker

    return RenderReranker()
