"""The int8 variant: smaller, and near the float one."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

onnx = pytest.importorskip("onnx", reason="needs onnx: pip install 'im2latex-fairseq[onnx]'")
pytest.importorskip("onnxruntime", reason="needs onnxruntime: pip install 'im2latex-fairseq[onnx]'")

from im2latex_fairseq.data.image_store import ImageStoreWriter  # noqa: E402
from im2latex_fairseq.images.preparation_settings import PreparationSettings  # noqa: E402
from im2latex_fairseq.images.transforms import prepare  # noqa: E402
from im2latex_fairseq.onnx_export.exporting import export_onnx  # noqa: E402
from im2latex_fairseq.onnx_export.quantization import export_int8  # noqa: E402
from im2latex_fairseq.onnx_export.range_pictures import read_range_pictures  # noqa: E402
from im2latex_fairseq.onnx_runtime.onnx_decoder import OnnxDecoder  # noqa: E402
from im2latex_fairseq.onnx_runtime.onnx_model import OnnxModel  # noqa: E402
from im2latex_fairseq.onnx_runtime.recognizer import OnnxRecognizer  # noqa: E402
from im2latex_fairseq.recognition.model_file import ModelFile  # noqa: E402
from tests.recognition.tiny_models import tiny_model  # noqa: E402
from tests.synthetic_data import draw_formula, random_formula  # noqa: E402


@pytest.fixture(scope="module")
def model() -> ModelFile:
    return tiny_model(embed_dim=64)


@pytest.fixture(scope="module")
def pictures() -> list[np.ndarray]:
    rng = np.random.default_rng(5)
    return [prepare(draw_formula(random_formula(rng, 4))) for _ in range(6)]


def operators(graph: bytes) -> set[str]:
    return {node.op_type for node in onnx.load_from_string(graph).graph.node}


def error_of_values(int8: OnnxModel, model: ModelFile, pictures: list[np.ndarray]) -> float:
    """Of what the encoder says, relative to its own size, over the cells that are read."""
    exact = OnnxDecoder(export_onnx(model), threads=1).encode(pictures).packed()
    rough = OnnxDecoder(int8, threads=1).encode(pictures).packed()
    difference = (exact.values - rough.values)[
        ~np.broadcast_to(exact.unread[:, None, :, None], exact.values.shape)
    ]
    size = exact.values[~np.broadcast_to(exact.unread[:, None, :, None], exact.values.shape)]
    return float(np.sqrt((difference**2).mean() / (size**2).mean()))


def test_weights_alone(model: ModelFile, pictures: list[np.ndarray]) -> None:
    int8, exact = export_int8(model), export_onnx(model)
    assert int8.precision == "int8"
    assert len(int8.decoder_step) < len(exact.decoder_step)
    assert "MatMulInteger" in operators(int8.decoder_step)
    assert not {"QuantizeLinear", "ConvInteger"} & operators(int8.encoder)  # it computes in float
    assert 0 < error_of_values(int8, model, pictures) < 0.03


def test_with_pictures_the_encoder_computes_in_int8(model: ModelFile, pictures: list[np.ndarray]) -> None:
    int8 = export_int8(model, pictures)
    assert "QuantizeLinear" in operators(int8.encoder)
    assert 0 < error_of_values(int8, model, pictures) < 0.1
    readings = OnnxRecognizer(int8, threads=1).predict(pictures, beam=2, max_len=12)
    exact = OnnxRecognizer(export_onnx(model), threads=1).predict(pictures, beam=2, max_len=12)
    for one, other in zip(readings, exact, strict=True):
        assert one.readings[0].score == pytest.approx(other.readings[0].score, abs=0.1)


def test_pictures_come_from_a_store_or_from_files(pictures: list[np.ndarray], tmp_path: Path) -> None:
    with ImageStoreWriter(tmp_path / "valid.images") as store:
        for picture in pictures:
            store.add(picture)
    (tmp_path / "scans").mkdir()
    for number, picture in enumerate(pictures):
        Image.fromarray(picture).save(tmp_path / "scans" / f"{number}.png")
    settings = PreparationSettings()
    from_store = read_range_pictures([str(tmp_path / "valid.images")], settings, most=3)
    from_files = read_range_pictures([str(tmp_path / "scans")], settings, most=3)
    assert len(from_store) == len(from_files) == 3
    for chosen, picture in zip(from_store, (pictures[0], pictures[2], pictures[5]), strict=True):
        np.testing.assert_array_equal(chosen, picture)
    assert all(picture.dtype == np.uint8 and picture.ndim == 2 for picture in from_files)


def test_a_folder_without_pictures_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no pictures"):
        read_range_pictures([str(tmp_path)], PreparationSettings())
