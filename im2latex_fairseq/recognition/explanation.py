"""What was read, token by token, with the place in the picture from which it was read."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from numpy.typing import NDArray

from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.transforms import pad_to_batch, to_tensor
from im2latex_fairseq.recognition.attention_boxes import token_boxes
from im2latex_fairseq.recognition.options import RecognitionOptions
from im2latex_fairseq.recognition.results import Recognition

if TYPE_CHECKING:
    from im2latex_fairseq.recognition.picture_reader import Source
    from im2latex_fairseq.recognition.recognizer import Recognizer

# Every encoder's cells divide this, so that the size of a cell follows from their number.
_PADDED_TO_PX = 32

_USUAL_OPTIONS = RecognitionOptions(nbest=5)


class PlaceInPicture(NamedTuple):
    """A box in pixels of the picture that was given, to the right and down; bottom and right exclusive."""

    top: float
    left: float
    bottom: float
    right: float


@dataclass(frozen=True)
class ExplainedToken:
    """A token of the best reading.

    Attributes:
        text: The token.
        confidence: Probability that it is right, in [0, 1].
        place: Where it was read; None for what draws nothing itself (braces, scripts, fonts, spaces).
    """

    text: str
    confidence: float
    place: PlaceInPicture | None


@dataclass(frozen=True)
class Explanation:
    """A picture, what it says, and where.

    Attributes:
        picture: (H, W), uint8, as it was given, upright.
        recognition: What it says; the best reading is the one that is explained.
        tokens: Those of the best reading, in order.
    """

    picture: NDArray[np.uint8]
    recognition: Recognition
    tokens: tuple[ExplainedToken, ...]


class Look(NamedTuple):
    """Where a model looks while it writes a formula.

    Attributes:
        attention: (T + 1, S), float32: each token's, then that of the end; S = H' * W', row-major.
        grid_size: (H', W'), cells.
        stride: Pixels a cell, (vertical, horizontal).
    """

    attention: NDArray[np.float32]
    grid_size: tuple[int, int]
    stride: tuple[int, int]


def explain(
    recognizer: Recognizer, source: Source, options: RecognitionOptions = _USUAL_OPTIONS
) -> Explanation:
    """Read a picture, and find the place of each token.

    Args:
        recognizer: Reads it.
        source: See `PictureReader.predict`.
        options: How it is read.

    Raises:
        ImageError: The picture can't be read or holds no formula; the message names it.
    """
    given = source() if callable(source) else source
    picture = load_image(given)
    (outcome,) = recognizer.recognize([picture], options)
    if outcome.recognition is None:
        assert outcome.error is not None
        if isinstance(given, (str, Path)):
            raise ImageError(f"{given}: {outcome.error}", reason=outcome.error.reason) from outcome.error
        raise outcome.error
    best = outcome.recognition.readings[0]
    prepared = recognizer.prepare(picture, options.scale, read_with=outcome.recognition.scale)
    look = follow(recognizer, prepared.image, best.tokens)
    boxes = token_boxes(look.attention, look.grid_size, look.stride, prepared.image, best.tokens)
    places = [None if box is None else PlaceInPicture(*prepared.geometry.to_original(box)) for box in boxes]
    return Explanation(
        picture,
        outcome.recognition,
        tuple(map(ExplainedToken, best.tokens, best.token_confidences, places)),
    )


def follow(recognizer: Recognizer, prepared: NDArray[np.uint8], tokens: Sequence[str]) -> Look:
    """Let a model write given tokens, and see where it looks.

    Args:
        recognizer: Its model.
        prepared: (H, W), uint8, 255 = paper: a prepared picture.
        tokens: Of its dictionary.

    Raises:
        ValueError: The dictionary lacks a token, or there are more than the model can write.
    """
    # Imported here: who looks at an explanation alone doesn't wait for torch.
    from im2latex_fairseq.decoding.forced_tokens import ForcedTokens
    from im2latex_fairseq.decoding.settings import DecodingSettings

    numbers = {symbol: number for number, symbol in enumerate(recognizer.dictionary)}
    unknown = [token for token in tokens if token not in numbers]
    if unknown:
        raise ValueError(f"the model's dictionary lacks {', '.join(unknown[:5])}")
    height, width = (side + -side % _PADDED_TO_PX for side in prepared.shape)
    padded = np.full((height, width), 255, dtype=np.uint8)
    padded[: prepared.shape[0], : prepared.shape[1]] = prepared
    images, sizes = pad_to_batch([to_tensor(padded)])
    sizes[0, 0], sizes[0, 1] = prepared.shape
    decoder = recognizer.decoder
    ((hypothesis,),) = decoder.decode(
        images.to(recognizer.device),
        sizes.to(recognizer.device),
        DecodingSettings(beam=1, max_len=max(len(tokens), 1), attention=True),
        ForcedTokens(
            [numbers[token] for token in tokens],
            eos=decoder.eos,
            vocabulary_size=len(recognizer.dictionary),
        ),
    )
    if len(hypothesis.ids) != len(tokens):
        raise ValueError(f"{len(tokens)} tokens; the model writes {len(hypothesis.ids)} at most")
    assert hypothesis.attention is not None and hypothesis.grid_size is not None
    rows, columns = hypothesis.grid_size
    return Look(
        hypothesis.attention.float().cpu().numpy(), (rows, columns), (height // rows, width // columns)
    )
