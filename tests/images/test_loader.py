"""Every kind of picture that users hand in, good and bad. All files are made here."""

from __future__ import annotations

import io
import pickle
import struct
import warnings
import zlib
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from im2latex_fairseq.images.loader import ImageError, load_image
from im2latex_fairseq.images.transforms import PreparationSettings, prepare


def bar() -> np.ndarray:
    """A black bar in the upper left of a white 24 x 40 picture, so that turning it shows."""
    grey = np.full((24, 40), 255, dtype=np.uint8)
    grey[4:8, 4:20] = 0
    return grey


def encode(image: Image.Image, kind: str = "PNG", **options: object) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def with_alpha(ink: int, alpha_ink: int = 255) -> Image.Image:
    """The bar in a given grey on fully transparent paper of the same grey."""
    alpha = np.where(bar() == 0, alpha_ink, 0).astype(np.uint8)
    return Image.fromarray(np.dstack([np.full_like(alpha, ink)] * 3 + [alpha]))


def palette_with_transparency() -> Image.Image:
    """As the release's pages: black ink whose shade is in the palette's alpha, paper transparent black."""
    image = Image.fromarray((bar() == 0).astype(np.uint8))
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette([0, 0, 0, 0, 0, 0])
    image.info["transparency"] = b"\x00\xff"
    return image


def animated() -> bytes:
    first, second = Image.fromarray(bar()), Image.fromarray(255 - bar())
    return encode(first, "GIF", save_all=True, append_images=[second], duration=100)


def png_header(width: int, height: int) -> bytes:
    """A PNG that promises a size and holds no pixels: what a decompression bomb looks like from outside."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(b""))
        + chunk(b"IEND", b"")
    )


def exif_turned(orientation: int, pixels: np.ndarray) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encode(Image.fromarray(pixels), "PNG", exif=exif)


READABLE = [
    (encode(Image.fromarray(bar())), "grey PNG"),
    (encode(Image.fromarray(bar()).convert("1")), "one bit a pixel"),
    (encode(Image.fromarray(bar()).convert("RGB")), "colour PNG"),
    (encode(Image.fromarray(bar()).convert("P")), "palette without transparency"),
    (encode(palette_with_transparency()), "palette with transparency, as the release's pages"),
    (encode(Image.fromarray(bar()).convert("CMYK"), "TIFF"), "CMYK, as prepared for print"),
    (encode(Image.fromarray(bar().astype(np.uint16) * 257)), "16-bit grey PNG"),
    (encode(Image.fromarray(bar().astype(np.float32)), "TIFF"), "32-bit float TIFF, 0..255"),
    (encode(Image.fromarray(bar().astype(np.float32) / 255), "TIFF"), "32-bit float TIFF, 0..1"),
    (encode(Image.fromarray(bar()).convert("LA")), "grey with opaque alpha"),
    (encode(Image.fromarray(bar()), "BMP"), "BMP"),
    (encode(Image.fromarray(bar()), "PPM"), "PGM"),
    (encode(Image.fromarray(bar()), "WEBP", lossless=True), "WebP"),
    (animated(), "animated GIF: the first frame"),
    (encode(with_alpha(0)), "black on transparent"),
    (exif_turned(1, bar()), "EXIF: upright"),
    (exif_turned(3, np.rot90(bar(), 2)), "EXIF: camera upside down"),
    (exif_turned(6, np.rot90(bar(), 1)), "EXIF: camera turned, to be turned clockwise"),
    (exif_turned(2, bar()[:, ::-1].copy()), "EXIF: mirrored, as by front cameras"),
    (exif_turned(99, bar()), "EXIF: no such orientation, so none is applied"),
]


@pytest.mark.parametrize(("content", "why"), READABLE, ids=[why for _, why in READABLE])
def test_every_readable_kind_gives_the_same_pixels(content: bytes, why: str) -> None:
    grey = load_image(content)
    assert grey.dtype == np.uint8
    assert grey.flags.writeable
    np.testing.assert_array_equal(grey, bar())


def test_jpeg_in_cmyk_is_read_the_right_way_around() -> None:
    grey = load_image(encode(Image.fromarray(bar()).convert("CMYK"), "JPEG", quality=95))
    assert np.abs(grey.astype(int) - bar()).mean() < 4


@pytest.mark.parametrize("mode", ["HSV", "LAB", "YCbCr", "RGBX", "RGBa", "La", "PA", "I", "F"])
def test_rare_modes_of_pil(mode: str) -> None:
    # Pillow converts to some of these only by a detour.
    by = {"LAB": None, "La": "LA", "RGBa": "RGBA", "HSV": "RGB", "RGBX": "RGB", "YCbCr": "RGB", "PA": "P"}
    if mode == "LAB":
        lab = np.zeros((24, 40, 3), dtype=np.uint8)
        lab[..., 0] = bar()
        image = Image.frombytes("LAB", (40, 24), lab.tobytes())
    else:
        image = Image.fromarray(bar())
        image = image.convert(by.get(mode) or image.mode).convert(mode)
    assert np.abs(load_image(image).astype(int) - bar()).max() <= 2


WRONG = [
    (b"", "empty_file", "0 bytes", "an upload that failed"),
    (b"hello, this is not a picture", "not_an_image", "known are", "text"),
    (b"\x00" * 5000, "not_an_image", "known are", "a block of zeros from a broken disk"),
    (b"%PDF-1.5\n%...", "not_an_image", "pdftoppm", "PDF: says how to rasterise it"),
    (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "not_an_image", "rasterise", "EPS: never run"),
    (b'<svg xmlns="http://www.w3.org/2000/svg"/>', "not_an_image", "rasterise", "SVG"),
    (b"<!doctype html><title>404", "not_an_image", "download", "a download that gave an error page"),
    (encode(Image.fromarray(bar()))[:60], "truncated", "damaged", "PNG cut off in its pixels"),
    (encode(Image.effect_noise((64, 64), 80), "JPEG")[:900], "truncated", "damaged", "JPEG cut off"),
    (encode(Image.fromarray(bar()))[:20], "not_an_image", "known are", "PNG cut off in its header"),
    (png_header(20000, 20000), "too_many_pixels", "400000000", "bomb: over Pillow's own limit"),
    (png_header(10000, 10000), "too_many_pixels", "10000 x 10000", "bomb: over ours"),
    (png_header(9, 9), "truncated", "damaged", "PNG without pixels"),
]


@pytest.mark.filterwarnings("ignore::PIL.Image.DecompressionBombWarning")
@pytest.mark.parametrize(("content", "reason", "says", "why"), WRONG, ids=[row[3] for row in WRONG])
def test_bad_files_are_refused_with_a_reason(
    content: bytes, reason: str, says: str, why: str, tmp_path: Path
) -> None:
    path = tmp_path / "formula.png"
    path.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        load_image(path)
    assert caught.value.reason == reason
    assert says in str(caught.value)
    assert str(path) in str(caught.value), "the message names the file"


def test_a_bomb_is_refused_where_warnings_are_errors() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(ImageError) as caught:
            load_image(png_header(10000, 10000))
    assert caught.value.reason == "too_many_pixels"


def test_one_pixel_is_decoded_and_judged_later() -> None:
    # A 1 x 1 picture is a sound file; that it shows no formula is for `prepare` to say.
    grey = load_image(encode(Image.new("L", (1, 1), 0)))
    assert grey.tolist() == [[0]]
    with pytest.raises(ImageError) as caught:
        prepare(load_image(encode(Image.new("L", (1, 1), 255))), PreparationSettings())
    assert caught.value.reason == "blank"


WRONG_SOURCES = [
    (42, "unsupported_source"),  # neither path nor bytes
    (None, "unsupported_source"),
    (io.StringIO("text"), "unsupported_source"),  # opened without "b"
    ("no/such/picture.png", "missing"),
    ("null\x00byte", "unreadable"),
    (np.zeros((2, 3, 5), np.uint8), "unsupported_source"),  # five channels
    (np.zeros(7, np.uint8), "unsupported_source"),
    (np.zeros((0, 4), np.uint8), "not_an_image"),  # no pixels
    (np.zeros((3, 4), np.int64), "unsupported_values"),  # which range?
    (np.full((3, 4), 7.5), "unsupported_values"),  # floats are 0..1
    (np.full((3, 4), np.nan), "unsupported_values"),
]


@pytest.mark.parametrize(("source", "reason"), WRONG_SOURCES)
def test_wrong_sources(source: object, reason: str) -> None:
    with pytest.raises(ImageError) as caught:
        load_image(source)  # type: ignore[arg-type]
    assert caught.value.reason == reason


def test_a_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ImageError, match="folder") as caught:
        load_image(tmp_path)
    assert caught.value.reason == "unreadable"


def test_arrays_of_every_layout() -> None:
    opaque = np.full_like(bar(), 255)
    for array in (
        bar(),
        bar()[..., None],
        np.dstack([bar(), opaque]),
        np.dstack([bar()] * 3),
        np.dstack([bar()] * 3 + [opaque]),
        bar().astype(np.uint16) * np.uint16(257),
        bar() > 0,
        bar() / 255.0,
        np.asfortranarray(bar()),
    ):
        grey = load_image(array)
        np.testing.assert_array_equal(grey, bar())
        assert not np.shares_memory(grey, array)


INK_ON_TRANSPARENT = [
    (0, True),  # black ink: laid over white
    (90, True),  # grey ink
    (190, True),  # light grey, still 65 levels from white
    (230, False),  # would be a ghost on white: laid over black
    (255, False),  # white ink, copied from a page with a dark theme
]


@pytest.mark.parametrize(("ink", "over_white"), INK_ON_TRANSPARENT)
def test_transparent_paper_contrasts_with_the_ink(ink: int, over_white: bool) -> None:
    grey = load_image(with_alpha(ink))
    assert grey[0, 0] == (255 if over_white else 0)
    assert grey[5, 5] == ink
    # Whichever it was, preparing it gives dark ink on white.
    prepared = prepare(grey, PreparationSettings())
    assert prepared[0, 0] == 255
    assert prepared.min() <= (17 if ink != 90 else 90)


def test_unused_palette_entries_do_not_choose_the_background() -> None:
    image = palette_with_transparency()
    image.putpalette([255] * 6 + [0, 0, 0])  # white ink, and a black that no pixel has
    image.info["transparency"] = b"\x00\xff\xff"
    assert load_image(encode(image))[0, 0] == 0


def test_nothing_but_transparency_is_blank_paper() -> None:
    assert (load_image(with_alpha(0, alpha_ink=0)) == 255).all()


def test_half_transparent_ink_is_grey() -> None:
    assert load_image(with_alpha(0, alpha_ink=128))[5, 5] == 127


def test_open_files_and_streams_that_cannot_seek(tmp_path: Path) -> None:
    content = encode(Image.fromarray(bar()))
    (tmp_path / "a.png").write_bytes(content)

    class Pipe(io.RawIOBase):
        def read(self, size: int = -1) -> bytes:
            return content

    with open(tmp_path / "a.png", "rb") as file:
        np.testing.assert_array_equal(load_image(file), bar())
        assert not file.closed
    np.testing.assert_array_equal(load_image(Pipe()), bar())  # type: ignore[arg-type]


def test_a_pil_image_is_not_changed() -> None:
    image = Image.open(io.BytesIO(animated()))
    image.seek(1)
    assert load_image(image)[0, 0] < 10, "the frame at which it stands"
    assert image.tell() == 1


def test_the_limit_on_pixels_is_an_argument() -> None:
    content = encode(Image.fromarray(bar()))
    assert load_image(content, max_pixels=24 * 40).shape == (24, 40)
    for source in (content, bar(), Image.fromarray(bar())):
        with pytest.raises(ImageError, match="limit") as caught:
            load_image(source, max_pixels=24 * 40 - 1)
        assert caught.value.reason == "too_many_pixels"


def test_threads_load_at_once() -> None:
    contents = [content for content, _ in READABLE] * 4
    with ThreadPoolExecutor(8) as pool:
        for grey in pool.map(load_image, contents):
            np.testing.assert_array_equal(grey, bar())


def test_errors_travel_between_processes() -> None:
    error = pickle.loads(pickle.dumps(ImageError("a.png: no such file", reason="missing")))
    assert (error.reason, str(error)) == ("missing", "a.png: no such file")
