"""Any picture a user may hand in -> a grey array, or one clear refusal.

The loader decodes; it does not judge what is ink. Dark backgrounds, margins and scale are the work of
`transforms.prepare`.
"""

from __future__ import annotations

import io
import os
from pathlib import Path
from typing import BinaryIO, TypeAlias, cast

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageOps

from im2latex_fairseq.images.errors import ImageError

__all__ = ["MAX_PIXELS", "ImageError", "ImageSource", "load_image"]

ImageSource: TypeAlias = "str | Path | bytes | BinaryIO | Image.Image | NDArray[np.generic]"

MAX_PIXELS = 64_000_000
"""Most pixels that are decoded by default: an A4 page at 600 dpi has 35 million."""

# Raster formats that Pillow decodes by itself. EPS and PDF are left out on purpose: opening an EPS file
# starts Ghostscript on the user's data.
_FORMATS = (
    "PNG",
    "JPEG",
    "GIF",
    "BMP",
    "DIB",
    "TIFF",
    "WEBP",
    "PPM",
    "AVIF",
    "JPEG2000",
    "ICO",
    "MPO",
    "PCX",
    "TGA",
)
Image.init()
# A Pillow build may lack a codec, and Image.open breaks on a name that is not registered.
_KNOWN_FORMATS = tuple(name for name in _FORMATS if name in Image.OPEN)

# What users send in place of a picture, by its first bytes, and what they can do about it.
_NOT_RASTER = (
    (b"%PDF", "a PDF file; rasterise the page first, for example: pdftoppm -r 200 -png file.pdf page"),
    (b"%!PS", "a PostScript file; rasterise it first, for example: gs -sDEVICE=pnggray -r200"),
    (b"<svg", "an SVG drawing; rasterise it first, for example: rsvg-convert -d 200 -p 200"),
    (b"<?xml", "an XML file; if it is an SVG drawing, rasterise it first, for example: rsvg-convert"),
    (b"<!DOCTYPE", "an HTML page; perhaps a download that failed"),
    (b"<html", "an HTML page; perhaps a download that failed"),
)

# Ink that is lighter than this on white paper can't be read there: the picture was made for dark pages.
_UNREADABLE_ON_WHITE = 255 - 48


def load_image(source: ImageSource, *, max_pixels: int = MAX_PIXELS) -> NDArray[np.uint8]:
    """Decode a picture to grey.

    Colour becomes luma (ITU-R 601-2), 16-bit samples are scaled to 8, CMYK and palettes are resolved, the
    EXIF orientation is applied, and transparency is laid over white. Ink that vanishes on white (white on
    transparent, as pages with a dark theme copy it) is laid over black instead, so the result then has
    a dark background, which `transforms.prepare` inverts like any other.

    Of an animated or multi-page file the first frame is read. A PIL image is read at the frame at which it
    stands, and is not changed. Nothing of Pillow's global state is touched, so threads may load at once.

    Args:
        source: A path, the bytes of a file, an open binary file, a PIL image, or an array: (H, W),
            (H, W, 1), (H, W, 2) with alpha, (H, W, 3) or (H, W, 4) with alpha, of uint8, uint16, bool, or
            float in [0, 1].
        max_pixels: Refuse larger pictures, by the size in their header, before decoding them.

    Returns:
        A new array (H, W), uint8, 0 = black, 255 = white.

    Raises:
        ImageError: With `reason` one of "missing", "unreadable", "empty_file", "not_an_image",
            "too_many_pixels", "truncated", "unsupported_source", "unsupported_values".
    """
    if isinstance(source, np.ndarray):
        return _from_array(source, max_pixels)
    if isinstance(source, Image.Image):
        name = f"PIL image {getattr(source, 'filename', '') or source.mode}"
        _refuse_bomb(name, source.size, max_pixels)
        return _decode(source, name)
    name, file = _open_file(source)
    try:
        with _open_image(name, file, max_pixels) as image:
            return _decode(image, name)
    finally:
        if isinstance(source, (str, Path)):
            file.close()


def _open_file(source: object) -> tuple[str, BinaryIO]:
    """Return a name for messages and a seekable file with at least one byte."""
    if isinstance(source, (str, Path)):
        name = str(source)
        file = _open_path(name)
    elif isinstance(source, (bytes, bytearray, memoryview)):
        name, file = f"<{len(source)} bytes>", io.BytesIO(source)
    elif hasattr(source, "read"):
        stream = cast(BinaryIO, source)
        name = str(getattr(source, "name", None) or "<open file>")
        try:
            # A copy: pipes and sockets can't seek, and the caller's file stays as it is after reading.
            content = stream.read()
        except (OSError, ValueError) as error:
            raise ImageError(f"{name}: can't be read ({error})", reason="unreadable") from error
        if not isinstance(content, bytes):
            raise ImageError(
                f"{name}: opened as text; open it in binary mode ('rb')", reason="unsupported_source"
            )
        file = io.BytesIO(content)
    else:
        raise ImageError(
            f"{type(source).__name__}: not a picture; give a path, bytes, an open binary file, a PIL image "
            "or a numpy array",
            reason="unsupported_source",
        )
    if file.seek(0, os.SEEK_END) == 0:
        file.close()
        raise ImageError(
            f"{name}: the file is empty (0 bytes); save or download it again", reason="empty_file"
        )
    file.seek(0)
    return name, file


def _open_path(name: str) -> BinaryIO:
    # A FIFO or a device would block or never end, so only regular files are opened.
    path = Path(name)
    try:
        if path.is_dir():
            raise ImageError(f"{name}: a folder, not a picture; name a file in it", reason="unreadable")
        if path.exists() and not path.is_file():
            raise ImageError(f"{name}: not a regular file; copy the picture to one", reason="unreadable")
        return open(path, "rb")
    except FileNotFoundError as error:
        raise ImageError(f"{name}: no such file; check the path", reason="missing") from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        if isinstance(error, ImageError):
            raise
        raise ImageError(
            f"{name}: can't be read ({error}); check the path and its rights", reason="unreadable"
        ) from error


def _open_image(name: str, file: BinaryIO, max_pixels: int) -> Image.Image:
    """Read the header only."""
    try:
        image = Image.open(file, formats=_KNOWN_FORMATS)
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        # The warning arrives here only if the user's filters turn it into an error.
        raise ImageError(
            f"{name}: refused before decoding ({error}); crop or shrink the picture", reason="too_many_pixels"
        ) from error
    except Exception as error:  # whatever Pillow's header parsers raise on hostile bytes: dozens of kinds
        raise ImageError(_describe_unknown(name, file), reason="not_an_image") from error
    _refuse_bomb(name, image.size, max_pixels)
    return image


def _refuse_bomb(name: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size  # PIL's order
    if width * height > max_pixels:
        raise ImageError(
            f"{name}: {width} x {height} pixels (width x height) are more than the limit of {max_pixels:,}; "
            "crop or shrink the picture, or raise max_pixels",
            reason="too_many_pixels",
        )
    if width * height == 0:
        raise ImageError(
            f"{name}: {width} x {height} pixels, so there is nothing to read", reason="not_an_image"
        )


def _describe_unknown(name: str, file: BinaryIO) -> str:
    file.seek(0)
    head = file.read(64)
    for start, what in _NOT_RASTER:
        if head.lstrip().lower().startswith(start.lower()):
            return f"{name}: {what}"
    return (
        f"{name}: not a picture in a known format (starts with {head[:8]!r}); "
        f"known are {', '.join(_KNOWN_FORMATS)}"
    )


def _decode(image: Image.Image, name: str) -> NDArray[np.uint8]:
    try:
        image.load()
    except Exception as error:  # decoders raise OSError, SyntaxError, struct.error, zlib.error, EOFError, ...
        raise ImageError(
            f"{name}: cut off or damaged, can't be decoded ({error}); save or download it again",
            reason="truncated",
        ) from error
    return _to_grey(_orient(image), name)


def _orient(image: Image.Image) -> Image.Image:
    try:
        return ImageOps.exif_transpose(image)
    except Exception:
        # Cameras write broken EXIF blocks. The pixels are sound, so the picture is read as it is stored.
        return image


def _to_grey(image: Image.Image, name: str) -> NDArray[np.uint8]:
    if image.mode.startswith(("I", "F")):
        return _wide_to_grey(image, name)
    if image.mode == "P":
        return _palette_to_grey(image)
    if image.mode in ("LA", "La", "PA", "RGBA", "RGBa") or "transparency" in image.info:
        if image.mode in ("La", "RGBa"):  # premultiplied: Pillow converts these to their straight twins only
            image = image.convert({"La": "LA", "RGBa": "RGBA"}[image.mode])
        return _flatten(*_grey_and_alpha(image.convert("RGBA")))
    if image.mode in ("LAB", "HSV"):  # Pillow has no direct way from these to grey
        image = image.convert("RGB")
    return np.array(image.convert("L"), dtype=np.uint8)


def _palette_to_grey(image: Image.Image) -> NDArray[np.uint8]:
    """Flatten the 256 colours, not the millions of pixels: a release page takes 4 ms in place of 120."""
    colours = Image.frombytes("P", (256, 1), bytes(range(256)))
    with_alpha = image.palette is not None and image.palette.mode == "RGBA"
    layout = "RGBA" if with_alpha else "RGB"
    entries = image.getpalette(layout) or []
    colours.putpalette(entries + [0] * (256 * len(layout) - len(entries)), layout)
    if "transparency" in image.info:
        colours.info["transparency"] = image.info["transparency"]
    grey, alpha = (channel.ravel() for channel in _grey_and_alpha(colours.convert("RGBA")))
    # Entries that no pixel uses must not decide over the background.
    used = np.array(image.histogram()[:256]) > 0
    lookup = np.zeros(256, dtype=np.uint8)
    lookup[used] = _flatten(grey[used], alpha[used])
    flattened: NDArray[np.uint8] = lookup[np.asarray(image)]
    return flattened


def _grey_and_alpha(image: Image.Image) -> tuple[NDArray[np.uint16], NDArray[np.uint16]]:
    grey = np.asarray(image.convert("RGB").convert("L"), dtype=np.uint16)
    return grey, np.asarray(image.getchannel("A"), dtype=np.uint16)


def _flatten(grey: NDArray[np.uint16], alpha: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Lay grey with alpha over white, or over black where white would swallow all of its ink."""
    on_white = _divide_by_255(grey * alpha + 255 * (255 - alpha))
    if int(on_white.min()) > _UNREADABLE_ON_WHITE:
        on_black = _divide_by_255(grey * alpha)
        if np.ptp(on_black) > np.ptp(on_white):
            return on_black
    return on_white


def _divide_by_255(product: NDArray[np.uint16]) -> NDArray[np.uint8]:
    """Divide (0..65025) by 255, rounding to nearest."""
    return ((product + 127) // 255).astype(np.uint8)


def _wide_to_grey(image: Image.Image, name: str) -> NDArray[np.uint8]:
    """Grey of 16 or 32 bits, integer or float, by the range that its values use."""
    values = np.asarray(image).astype(np.float64)
    transparent = image.info.get("transparency")
    if isinstance(transparent, int):  # a 16-bit PNG may name one grey as see-through
        values = np.where(values == transparent, 65535.0, values)
    sixteen_bit = image.mode.startswith("I;16")
    return _scale_values(values, name, full=65535.0 if sixteen_bit else None)


def _scale_values(values: NDArray[np.float64], name: str, full: float | None) -> NDArray[np.uint8]:
    if not np.isfinite(values).all() or values.min() < 0 or values.max() > 65535:
        raise ImageError(
            f"{name}: sample values from {values.min():g} to {values.max():g}; known ranges are 0..1, 0..255 "
            "and 0..65535; save it as 8-bit PNG",
            reason="unsupported_values",
        )
    if full is None:
        full = next(limit for limit in (1.0, 255.0, 65535.0) if values.max() <= limit)
    grey: NDArray[np.uint8] = np.rint(values * (255.0 / full)).astype(np.uint8)
    return grey


def _from_array(array: NDArray[np.generic], max_pixels: int) -> NDArray[np.uint8]:
    name = f"array {array.shape} {array.dtype}"
    if array.ndim not in (2, 3) or (array.ndim == 3 and array.shape[2] not in (1, 2, 3, 4)):
        raise ImageError(
            f"{name}: give (H, W) or (H, W, C) with C = 1 (grey), 2 (grey, alpha), 3 (RGB) or 4 (RGBA)",
            reason="unsupported_source",
        )
    _refuse_bomb(name, (array.shape[1], array.shape[0]), max_pixels)
    if array.dtype == np.bool_:
        samples = array.astype(np.uint8) * np.uint8(255)
    elif array.dtype == np.uint8:
        samples = array.astype(np.uint8)
    elif array.dtype == np.uint16:
        samples = _scale_values(array.astype(np.float64), name, full=65535.0)
    elif np.issubdtype(array.dtype, np.floating):
        if array.size and float(np.max(array)) > 1.0:
            raise ImageError(
                f"{name}: floats must be in [0, 1], found {float(np.max(array)):g}; use uint8 for 0..255",
                reason="unsupported_values",
            )
        samples = _scale_values(array.astype(np.float64), name, full=1.0)
    else:
        raise ImageError(
            f"{name}: samples must be uint8, uint16, bool or float in [0, 1]", reason="unsupported_values"
        )
    if samples.ndim == 2 or samples.shape[2] == 1:
        return np.ascontiguousarray(samples.reshape(samples.shape[:2]))
    return _to_grey(Image.fromarray(np.ascontiguousarray(samples)), name)  # LA, RGB or RGBA by its channels
