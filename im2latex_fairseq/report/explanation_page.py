"""A picture and its reading as one HTML file: hover a token and see its place, hover a place and see its token."""

from __future__ import annotations

import base64
import io

from PIL import Image

from im2latex_fairseq import __version__
from im2latex_fairseq.images.renderer import GreyImage
from im2latex_fairseq.recognition.explanation import ExplainedToken, Explanation, PlaceInPicture
from im2latex_fairseq.recognition.results import Recognition
from im2latex_fairseq.report.document import asset, html_document
from im2latex_fairseq.report.safe_text import escaped, shortened

#: Confidence from which on a token is called so, in colours that are told apart with every common form of colour
#: blindness (after Okabe and Ito, 2008, darkened for text).
CONFIDENCE_CLASSES = ((0.99, "sure"), (0.9, "likely"), (0.5, "doubtful"), (0.0, "unsure"))

_LEAST_WIDTH_PX = 640
_MOST_ZOOM = 6.0
_MOST_PIXELS = 4_000_000


def explanation_page(explanation: Explanation, title: str) -> str:
    """The whole document.

    Args:
        explanation: What it shows.
        title: Of the page: the name of the picture.
    """
    name = escaped(shortened(title))
    recognition = explanation.recognition
    body = (
        f"<header><h1>{name}</h1>"
        f'<p class="soft">Read with a confidence of {recognition.confidence:.1%}. '
        f"im2latex-fairseq {escaped(__version__)}.</p></header>\n<main>\n"
        f'<p><code id="latex">{escaped(shortened(recognition.latex))}</code></p>\n'
        f"{_picture(explanation)}\n"
        f'<p id="told" role="status"></p>\n<p class="tokens" id="tokens">{_tokens(explanation.tokens)}</p>\n'
        f"{_key()}\n{_alternatives(recognition)}\n"
        '<p class="note">Places are found from where the model looked, snapped to the strokes of the picture; those '
        "of symbols that touch each other are the least sure. Braces, scripts, fonts and spaces have no place.</p>"
        "\n</main>"
    )
    return html_document(name, asset("page.css") + asset("explanation.css"), asset("explanation.js"), body)


def confidence_class(confidence: float) -> str:
    """The name of a confidence, as in `CONFIDENCE_CLASSES`."""
    return next(name for least, name in CONFIDENCE_CLASSES if confidence >= least)


def _picture(explanation: Explanation) -> str:
    height, width = explanation.picture.shape
    zoom = min(_MOST_ZOOM, max(1.0, _LEAST_WIDTH_PX / width))
    placed = [
        (index, token, token.place)
        for index, token in enumerate(explanation.tokens)
        if token.place is not None
    ]
    # The smaller above the larger, so that what a root covers can be hovered.
    placed.sort(key=lambda item: -_area(item[2]))
    boxes = "".join(_place(index, token, place) for index, token, place in placed)
    return (
        f'<div class="seen"><svg id="picture" role="img" aria-label="The picture that was read" '
        f'viewBox="0 0 {width} {height}" width="{width * zoom:.0f}" height="{height * zoom:.0f}">'
        f'<image href="data:image/png;base64,{_png(explanation.picture)}" width="{width}" height="{height}"/>'
        f"{boxes}</svg></div>"
    )


def _png(picture: GreyImage) -> str:
    image = Image.fromarray(picture)
    if picture.size > _MOST_PIXELS:
        factor = (_MOST_PIXELS / picture.size) ** 0.5
        size = max(1, round(image.width * factor)), max(1, round(image.height * factor))
        image = image.resize(size, Image.Resampling.BOX)
    file = io.BytesIO()
    image.save(file, format="PNG", optimize=True)
    return base64.b64encode(file.getvalue()).decode("ascii")


def _area(place: PlaceInPicture) -> float:
    return (place.bottom - place.top) * (place.right - place.left)


def _place(index: int, token: ExplainedToken, place: PlaceInPicture) -> str:
    return (
        f'<rect class="place {confidence_class(token.confidence)}" data-token="{index}" x="{place.left:.1f}" '
        f'y="{place.top:.1f}" width="{place.right - place.left:.1f}" height="{place.bottom - place.top:.1f}">'
        f"<title>{escaped(shortened(token.text))} {token.confidence:.1%}</title></rect>"
    )


def _tokens(tokens: tuple[ExplainedToken, ...]) -> str:
    return " ".join(_token(index, token) for index, token in enumerate(tokens))


def _token(index: int, token: ExplainedToken) -> str:
    text = escaped(shortened(token.text))
    where = "" if token.place is not None else "; draws nothing itself"
    kind = "placed" if token.place is not None else "bare"
    return (
        f'<span class="token {kind} {confidence_class(token.confidence)}" data-token="{index}" tabindex="0" '
        f'data-said="{text}: right with {token.confidence:.1%}{where}">{text}</span>'
    )


def _key() -> str:
    limits = [f"{least:.0%} and more" for least, _ in CONFIDENCE_CLASSES[:-1]]
    limits.append(f"below {CONFIDENCE_CLASSES[-2][0]:.0%}")
    parts = "".join(
        f' <span class="key {name}">{name}: {limit}</span>'
        for (_, name), limit in zip(CONFIDENCE_CLASSES, limits, strict=True)
    )
    return f'<p class="note">Probability that a token is right:{parts}</p>'


def _alternatives(recognition: Recognition) -> str:
    others = recognition.readings[1:]
    if not others:
        return ""
    rows = "".join(
        f'<tr><td><code>{escaped(shortened(reading.latex))}</code></td><td class="number">{reading.score:.3f}</td>'
        "</tr>"
        for reading in others
    )
    return (
        '<section><h2>Other readings</h2><div class="scroll" role="region" aria-label="Other readings" tabindex="0">'
        '<table id="others"><thead><tr><th scope="col">LaTeX</th><th scope="col" class="number">'
        f"score (the first: {recognition.readings[0].score:.3f})</th></tr></thead><tbody>{rows}</tbody></table></div>"
        "</section>"
    )
