"""A trained model as a Python object: pictures in, LaTeX out, without a data folder."""

from __future__ import annotations

import argparse
import os
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from fairseq import checkpoint_utils, tasks, utils
from fairseq.dataclass.utils import convert_namespace_to_omegaconf, overwrite_args_by_name
from omegaconf import open_dict
from torch import nn

TASK_NAME = "im2latex"


@dataclass(frozen=True)
class Hypothesis:
    """One reading of a picture.

    Attributes:
        latex: As a person would write it.
        tokens: As the model wrote it.
        score: Mean log-probability of its tokens, the end counted; 0 is certain.
        token_scores: Log-probability of each token, then that of the end.
    """

    latex: str
    tokens: tuple[str, ...]
    score: float
    token_scores: tuple[float, ...]


@dataclass(frozen=True)
class Prediction:
    """The readings of a picture, the best first."""

    hypotheses: tuple[Hypothesis, ...]

    @property
    def latex(self) -> str:
        """That of the best reading."""
        return self.hypotheses[0].latex

    @property
    def tokens(self) -> tuple[str, ...]:
        """Those of the best reading."""
        return self.hypotheses[0].tokens

    @property
    def score(self) -> float:
        """That of the best reading."""
        return self.hypotheses[0].score


class Im2LatexHubInterface(nn.Module):
    """What `Im2LatexModel.from_pretrained` returns.

    A module, so that `.to("cuda")` moves it. For ensembles, and for decoders of your own, which need fairseq;
    `im2latex_fairseq.Recognizer` reads with the decoders of this package, starts without fairseq, and tells
    confidences.

    Args:
        cfg: The checkpoint's configuration.
        task: The task `im2latex`.
        models: One model, or several whose probabilities are averaged.
    """

    def __init__(self, cfg: Any, task: Any, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.cfg = cfg
        self.task = task
        self.models = nn.ModuleList(models)
        for model in self.models:
            # Not `prepare_for_inference_`, which fixes the number of beams for good.
            model.make_generation_fast_(need_attn=False)
        self.register_buffer("_device", torch.empty(0), persistent=False)

    @property
    def device(self) -> torch.device:
        """Where the model computes."""
        device: torch.device = self._device.device
        return device

    def predict(
        self,
        images: Any,
        beam: int = 5,
        max_len: int = 200,
        nbest: int = 1,
        scale: float | None = None,
        batch_size: int = 16,
    ) -> Prediction | list[Prediction]:
        """Read pictures of formulas.

        Args:
            images: A picture, or a list of them: each a path, the bytes of a file, an open binary file,
                a PIL image or an array.
            beam: Width of the beam search.
            max_len: Longest output, in tokens.
            nbest: Hypotheses of each picture, at most `beam`.
            scale: Factor that brings the pictures to the size of the train data (0.5 for pages at 200 dpi
                and models trained at 100 dpi); what the model was trained with if None.
            batch_size: Pictures decoded together. The result doesn't depend on it.

        Returns:
            A `Prediction`, or a list of them for a list of pictures, in its order.

        Raises:
            ImageError: A picture can't be read; the message names it.
            ValueError: A number is out of range.
        """
        if min(beam, max_len, nbest, batch_size) < 1:
            raise ValueError(
                f"beam {beam}, max_len {max_len}, nbest {nbest} and batch_size {batch_size} must be at least 1"
            )
        if nbest > beam:
            raise ValueError(
                f"nbest {nbest} hypotheses need a beam at least as wide, got beam {beam}; widen the beam"
            )
        is_list = isinstance(images, (list, tuple))
        pictures = [self.task.read_picture(image, scale) for image in (images if is_list else [images])]
        predictions = self._decode(pictures, beam, max_len, nbest, batch_size)
        return predictions if is_list else predictions[0]

    def _decode(
        self, pictures: list[torch.Tensor], beam: int, max_len: int, nbest: int, batch_size: int
    ) -> list[Prediction]:
        generator = self.task.build_generator(
            list(self.models), argparse.Namespace(beam=beam, max_len_a=0, max_len_b=max_len)
        )
        dataset = self.task.build_dataset_for_inference(pictures, [])
        predictions: dict[int, Prediction] = {}
        for batch in dataset.batch_by_size(dataset.ordered_indices(), max_sentences=batch_size):
            sample = dataset.collater([dataset[index] for index in batch])
            sample = utils.apply_to_sample(lambda tensor: tensor.to(self.device), sample)
            outputs = self.task.inference_step(generator, list(self.models), sample)
            for number, hypotheses in zip(sample["id"].tolist(), outputs, strict=True):
                predictions[number] = Prediction(tuple(map(self._hypothesis, hypotheses[:nbest])))
        return [predictions[number] for number in range(len(pictures))]

    def _hypothesis(self, output: dict[str, Any]) -> Hypothesis:
        tokens = self.task.tokens_of(output["tokens"])
        return Hypothesis(
            latex=self.task.latex_of(tokens),
            tokens=tuple(tokens),
            score=float(output["score"]),
            token_scores=tuple(output["positional_scores"].tolist()),
        )


def load_hub_interface(
    model_name_or_path: str | os.PathLike[str],
    checkpoint_file: str = "model.pt",
    data_name_or_path: str | os.PathLike[str] | None = None,
    **overrides: Any,
) -> Im2LatexHubInterface:
    """Load one checkpoint, or several as an ensemble; see `Im2LatexModel.from_pretrained`."""
    paths = _checkpoint_paths(Path(model_name_or_path), checkpoint_file)
    if "user_dir" in overrides:
        utils.import_user_module(argparse.Namespace(user_dir=overrides["user_dir"]))
    # In bfloat16 the batch that a picture is in may show in the last digits.
    overrides = {"bf16_autocast": False, **overrides}
    if data_name_or_path is not None:
        overrides["data"] = os.fspath(data_name_or_path)
    state = _read_checkpoint(paths[0])
    cfg = state["cfg"] if state.get("cfg") is not None else convert_namespace_to_omegaconf(state["args"])
    name = cfg.task.get("_name")
    if name != TASK_NAME:
        raise ValueError(f"{paths[0]}: a checkpoint of the task {name!r}, not of {TASK_NAME!r}")
    with open_dict(cfg):
        overwrite_args_by_name(cfg, overrides)
    task = tasks.setup_task(
        cfg.task,
        from_checkpoint=True,
        task_state=None if data_name_or_path is not None else state.get("task_state", {}),
    )
    models, cfg = checkpoint_utils.load_model_ensemble(
        [str(path) for path in paths], arg_overrides=overrides, task=task
    )
    return Im2LatexHubInterface(cfg, task, models)


def _read_checkpoint(path: Path) -> dict[str, Any]:
    try:
        state: dict[str, Any] = checkpoint_utils.load_checkpoint_to_cpu(str(path))
    except (OSError, EOFError, RuntimeError, KeyError, pickle.UnpicklingError) as error:
        raise ValueError(
            f"{path}: no checkpoint that can be read ({type(error).__name__}: {error}); was it cut off? "
            "copy it again"
        ) from error
    return state


def _checkpoint_paths(path: Path, checkpoint_file: str) -> list[Path]:
    paths = [path] if path.is_file() else [path / name for name in checkpoint_file.split(os.pathsep)]
    for checkpoint in paths:
        if not checkpoint.is_file():
            found = sorted(file.name for file in checkpoint.parent.glob("*.pt"))
            raise FileNotFoundError(
                f"{checkpoint}: no such checkpoint; {checkpoint.parent} has {', '.join(found) or 'none'}"
            )
    return paths
