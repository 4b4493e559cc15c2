from __future__ import annotations

import multiprocessing
import pickle
import struct
import threading
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as npst

from im2latex_fairseq.data.atomic_file import TEMPORARY_SUFFIX, remove_unfinished
from im2latex_fairseq.data.image_store import ImageStore, ImageStoreError, ImageStoreWriter

IMAGES = npst.arrays(np.uint8, st.tuples(st.integers(1, 40), st.integers(1, 60)))


def write(path: Path, images: list[np.ndarray], store_settings: dict[str, object] | None = None) -> Path:
    with ImageStoreWriter(path, store_settings) as writer:
        for image in images:
            writer.add(image)
    return path


def pictures(count: int = 5, seed: int = 0) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [
        (rng.integers(0, 16, (rng.integers(10, 50), rng.integers(20, 200))) * 17).astype(np.uint8)
        for _ in range(count)
    ]


@given(images=st.lists(IMAGES, max_size=4))
@settings(max_examples=60, deadline=None)
def test_any_images_come_back_as_they_were(tmp_path_factory, images):
    path = write(tmp_path_factory.mktemp("store") / "s.images", images)
    store = ImageStore(path)
    assert len(store) == len(images)
    for index, image in enumerate(images):
        np.testing.assert_array_equal(store[index], image)
        assert (store.heights[index], store.widths[index]) == image.shape
    store.verify()


def test_images_are_fresh_and_writable(tmp_path):
    store = ImageStore(write(tmp_path / "s.images", pictures()))
    first = store[0]
    first[:] = 7
    assert not np.array_equal(store[0], first)
    assert store[0].flags.c_contiguous


def test_indices_count_from_both_ends(tmp_path):
    images = pictures()
    store = ImageStore(write(tmp_path / "s.images", images))
    np.testing.assert_array_equal(store[-1], images[-1])
    for index in (5, -6):
        with pytest.raises(IndexError, match="of 5"):
            store[index]
    assert len(list(store)) == 5


def test_settings_travel_with_the_images(tmp_path):
    wanted = {"version": 1, "invert_dark": True, "note": "½"}
    assert ImageStore(write(tmp_path / "s.images", pictures(), wanted)).settings == wanted


def test_quantised_pictures_are_small(tmp_path):
    image = np.full((40, 300), 255, np.uint8)
    image[10:30, 10:290:8] = 0
    image[15:25, 12:290:16] = 136
    path = write(tmp_path / "s.images", [image] * 100)
    assert path.stat().st_size / 100 < 500


@pytest.mark.parametrize(
    ("image", "told"),
    [
        (np.zeros((2, 3), np.float32), "float32"),
        (np.zeros((2, 3, 3), np.uint8), r"\(2, 3, 3\)"),
        (np.zeros((0, 3), np.uint8), "0 x 3"),
        (np.zeros((1, 70_000), np.uint8), "70000"),
        ([[0]], "list"),
    ],
)
def test_writer_refuses_what_is_no_grey_image(tmp_path, image, told):
    with ImageStoreWriter(tmp_path / "s.images") as writer:
        with pytest.raises(ImageStoreError, match=told):
            writer.add(image)
        writer.add(np.zeros((1, 1), np.uint8))
    assert len(ImageStore(tmp_path / "s.images")) == 1


def test_writer_must_be_open(tmp_path):
    with pytest.raises(ImageStoreError, match="with statement"):
        ImageStoreWriter(tmp_path / "s.images").add(np.zeros((1, 1), np.uint8))


def test_an_exception_leaves_nothing_behind(tmp_path):
    def fail() -> None:
        with ImageStoreWriter(tmp_path / "s.images") as writer:
            writer.add(np.zeros((2, 2), np.uint8))
            raise RuntimeError("stop")

    with pytest.raises(RuntimeError, match="stop"):
        fail()
    assert list(tmp_path.iterdir()) == []


def test_an_exception_leaves_the_old_store_alone(tmp_path):
    path = write(tmp_path / "s.images", pictures(3))
    with pytest.raises(RuntimeError, match="stop"), ImageStoreWriter(path):
        raise RuntimeError("stop")
    assert len(ImageStore(path)) == 3


def test_nothing_is_at_the_path_before_the_end(tmp_path):
    path = tmp_path / "s.images"
    with ImageStoreWriter(path) as writer:
        writer.add(np.zeros((2, 2), np.uint8))
        assert not path.exists()
    assert path.exists()


def test_leftovers_of_killed_writers_are_swept(tmp_path):
    (tmp_path / f".s.images.abc{TEMPORARY_SUFFIX}").write_bytes(b"x")
    (tmp_path / "kept.images").write_bytes(b"x")
    assert remove_unfinished(tmp_path, "other.images") == 0
    assert remove_unfinished(tmp_path, "s.images") == 1
    (tmp_path / f".s.images.abc{TEMPORARY_SUFFIX}").write_bytes(b"x")
    assert remove_unfinished(tmp_path) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["kept.images"]


def test_missing_store(tmp_path):
    with pytest.raises(FileNotFoundError, match="preprocess"):
        ImageStore(tmp_path / "none.images")


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (b"", "empty"),
        (b"\0" * 200, "never finished"),
        (b"I2LI", "truncated"),  # cut within the magic
        (b"I2LIMGS\n" + b"\1" * 20, "truncated within its header"),
        (b"\x89PNG\r\n\x1a\n" + b"x" * 100, "not an image store.*PNG"),
        (b"I2LIMGS\r\n" + b"x" * 100, "line ends"),
        (b"id\theight\twidth\n", "not an image store"),
    ],
)
def test_foreign_files_are_refused(tmp_path, content, told):
    path = tmp_path / "s.images"
    path.write_bytes(content)
    with pytest.raises(ImageStoreError, match=told):
        ImageStore(path)


def test_every_truncation_is_noticed_on_opening(tmp_path):
    whole = write(tmp_path / "whole.images", pictures(3)).read_bytes()
    path = tmp_path / "s.images"
    for size in (*range(0, 70), *range(70, len(whole), 997), len(whole) - 1):
        path.write_bytes(whole[:size])
        with pytest.raises(ImageStoreError):
            ImageStore(path)


def test_appended_bytes_are_noticed(tmp_path):
    path = write(tmp_path / "s.images", pictures(3))
    path.write_bytes(path.read_bytes() + b"x")
    with pytest.raises(ImageStoreError, match="longer than"):
        ImageStore(path)


def test_every_flipped_byte_is_noticed(tmp_path):
    whole = write(
        tmp_path / "whole.images", [np.arange(60, dtype=np.uint8).reshape(6, 10)] * 2, {"a": 1}
    ).read_bytes()
    path = tmp_path / "s.images"
    harmless = range(struct.calcsize("<8sIQQQQQIII"), 64)  # padding of the header
    for position in range(len(whole)):
        if position in harmless:
            continue
        changed = bytearray(whole)
        changed[position] ^= 0x40
        path.write_bytes(changed)
        with pytest.raises(ImageStoreError):
            ImageStore(path).verify()


def test_a_corrupt_image_is_named_and_the_others_still_read(tmp_path):
    images = pictures(3)
    path = write(tmp_path / "s.images", images)
    content = bytearray(path.read_bytes())
    content[64 + 5] ^= 0xFF  # in the first image
    path.write_bytes(content)
    store = ImageStore(path)
    with pytest.raises(ImageStoreError, match=r"image 0 is corrupt.*copy it anew"):
        store[0]
    np.testing.assert_array_equal(store[2], images[2])


def test_another_version_is_refused_by_name(tmp_path):
    import zlib

    path = write(tmp_path / "s.images", pictures(1))
    content = bytearray(path.read_bytes())
    header = struct.Struct("<8sIQQQQQIII")
    fields = list(header.unpack(content[: header.size]))
    fields[1] = 9
    fields[-1] = zlib.crc32(header.pack(*fields[:-1], 0))
    content[: header.size] = header.pack(*fields)
    path.write_bytes(content)
    with pytest.raises(ImageStoreError, match="version 9"):
        ImageStore(path)


def test_copies_without_decoding(tmp_path):
    images = pictures(4)
    source = ImageStore(write(tmp_path / "a.images", images))
    with ImageStoreWriter(tmp_path / "b.images") as writer:
        for index in (2, 0):
            writer.copy_from(source, index)
    copy = ImageStore(tmp_path / "b.images")
    np.testing.assert_array_equal(copy[0], images[2])
    np.testing.assert_array_equal(copy[1], images[0])


def test_threads_read_the_same(tmp_path):
    images = pictures(20)
    store = ImageStore(write(tmp_path / "s.images", images))
    wrong: list[int] = []

    def read(seed: int) -> None:
        for index in np.random.default_rng(seed).permutation(20):
            if not np.array_equal(store[index], images[index]):
                wrong.append(int(index))

    threads = [threading.Thread(target=read, args=(seed,)) for seed in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


def read_sum(store: ImageStore, index: int) -> int:
    return int(store[index].sum())


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_processes_read_the_same(tmp_path, method):
    if method not in multiprocessing.get_all_start_methods():
        pytest.skip(f"this system has no {method}")
    images = pictures(6)
    store = ImageStore(write(tmp_path / "s.images", images))
    with multiprocessing.get_context(method).Pool(2) as pool:
        sums = pool.starmap(read_sum, [(store, index) for index in range(6)])
    assert sums == [int(image.sum()) for image in images]


def test_pickle_holds_the_path_alone(tmp_path):
    store = ImageStore(write(tmp_path / "s.images", pictures(50)))
    data = pickle.dumps(store)
    assert len(data) < 500
    np.testing.assert_array_equal(pickle.loads(data)[7], store[7])


def test_the_checksum_tells_stores_apart(tmp_path):
    stores = {
        name: ImageStore(write(tmp_path / f"{name}.images", pictures(3, seed)))
        for name, seed in (("a", 0), ("same", 0), ("b", 1))
    }
    assert stores["a"].checksum == stores["same"].checksum != stores["b"].checksum


def test_an_empty_store_is_a_store(tmp_path):
    store = ImageStore(write(tmp_path / "s.images", []))
    assert len(store) == 0
    assert list(store) == []
