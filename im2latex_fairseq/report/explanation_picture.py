"""A picture with the place of each token drawn over it, and the tokens by number below."""

from __future__ import annotations

from PIL import Image, ImageDraw, ImageFont

from im2latex_fairseq.recognition.explanation import ExplainedToken, Explanation, PlaceInPicture
from im2latex_fairseq.report.explanation_page import confidence_class
from im2latex_fairseq.report.safe_text import shortened

#: Of the classes of confidence, as in explanation.css.
COLOURS = {
    "sure": (0, 114, 178),
    "likely": (0, 122, 90),
    "doubtful": (213, 94, 0),
    "unsure": (179, 0, 60),
}
# A picture at the size that models read becomes so many times as large: numbers fit between letters then.
_ZOOM = 4
_MOST_WIDTH_PX = 6_000
_LEAST_WIDTH_PX = 480
_NUMBER_PX = 11
_TEXT_PX = 15
_LINE_PX = 22
_MARGIN_PX = 8
_MOST_TOKEN_CHARACTERS = 40


def explanation_picture(explanation: Explanation) -> Image.Image:
    """Draw the places, their numbers, and below them what was read there with its confidence.

    Args:
        explanation: What is shown.

    Returns:
        RGB; as wide as the enlarged picture.
    """
    height, width = explanation.picture.shape
    zoom = max(1, min(round(_ZOOM * explanation.recognition.scale), _MOST_WIDTH_PX // width))
    seen = Image.fromarray(explanation.picture).resize(
        (width * zoom, height * zoom), Image.Resampling.NEAREST
    )
    placed = [(token, token.place) for token in explanation.tokens if token.place is not None]
    full_width = max(seen.width, _LEAST_WIDTH_PX)
    font = ImageFont.load_default(_TEXT_PX)
    lines = _lines([token for token, _ in placed], font, full_width - 2 * _MARGIN_PX)
    page = Image.new(
        "RGB", (full_width, seen.height + 2 * _MARGIN_PX + _LINE_PX * len(lines)), (255, 255, 255)
    )
    page.paste(seen, (0, 0))
    draw = ImageDraw.Draw(page)
    for number, (token, place) in enumerate(placed, 1):
        _draw_place(draw, number, token, place, zoom)
    for row, line in enumerate(lines):
        for left, text, colour in line:
            place_of_text = _MARGIN_PX + left, seen.height + _MARGIN_PX + row * _LINE_PX
            draw.text(place_of_text, text, font=font, fill=colour)
    return page


def _draw_place(
    draw: ImageDraw.ImageDraw, number: int, token: ExplainedToken, place: PlaceInPicture, zoom: int
) -> None:
    colour = COLOURS[confidence_class(token.confidence)]
    top, left, bottom, right = (round(side * zoom) for side in place)
    draw.rectangle((left, top, max(right - 1, left), max(bottom - 1, top)), outline=colour, width=1)
    font = ImageFont.load_default(_NUMBER_PX)
    draw.text((left + 1, max(top - _NUMBER_PX - 2, 0)), str(number), font=font, fill=colour)


def _lines(
    tokens: list[ExplainedToken], font: ImageFont.FreeTypeFont | ImageFont.ImageFont, width: int
) -> list[list[tuple[int, str, tuple[int, int, int]]]]:
    """Numbers, tokens and confidences, broken into lines: (left, text, colour) each."""
    lines: list[list[tuple[int, str, tuple[int, int, int]]]] = [[]]
    left = 0
    for number, token in enumerate(tokens, 1):
        text = f"{number} {_drawable(token.text)} {token.confidence:.0%}"
        taken = round(font.getlength(text)) + 3 * _MARGIN_PX
        if lines[-1] and left + taken > width:
            lines.append([])
            left = 0
        lines[-1].append((left, text, COLOURS[confidence_class(token.confidence)]))
        left += taken
    return lines


def _drawable(text: str) -> str:
    """What Pillow's own font has letters for."""
    return shortened(text, _MOST_TOKEN_CHARACTERS).encode("latin-1", "replace").decode("latin-1")
