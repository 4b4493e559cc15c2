"""The fairseq task `im2latex`: prepared pictures of formulas to LaTeX tokens."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.

import argparse
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import utils
from fairseq.data import Dictionary
from fairseq.dataclass import FairseqDataclass
from fairseq.tasks import FairseqTask, register_task
from omegaconf import II, MISSING

from im2latex_fairseq.data.image_formula_dataset import ImageFormulaDataset
from im2latex_fairseq.data.prepared_split import load_preparation, load_prepared_split
from im2latex_fairseq.images.augment import AugmentSettings, augment
from im2latex_fairseq.images.loader import load_image
from im2latex_fairseq.images.transforms import PreparationSettings, prepare, to_tensor
from im2latex_fairseq.tasks.validation_metrics import generation_statistics, log_scores, token_statistics

logger = logging.getLogger(__name__)


@dataclass
class Im2LatexConfig(FairseqDataclass):
    """Options of the task; each is a flag of fairseq's command lines and a key of a hydra yaml."""

    data: str = field(
        default=MISSING,
        metadata={
            "help": "folder of prepared data: dict.txt, preparation.json, SPLIT.tsv and SPLIT.images; "
            "several, separated by colons, are read in turn, one an epoch"
        },
    )
    augment: str = field(
        default="none",
        metadata={
            "help": "distortion of train images: none, light, standard, heavy, or settings such as "
            "'rotation=2,blur=0.3'"
        },
    )
    max_target_positions: int = field(default=512, metadata={"help": "longest formula, in tokens with eos"})
    bf16_autocast: bool = field(
        default=False,
        metadata={"help": "compute in bfloat16 where that is safe, with float32 weights, on CPU and GPU"},
    )
    eval_generate: bool = field(
        default=False,
        metadata={"help": "in validation, also decode greedily and log bleu, edit_accuracy and exact_match"},
    )
    eval_generate_samples: int = field(
        default=200,
        metadata={"help": "how many samples, evenly spread over the split, --eval-generate decodes"},
    )
    eval_generate_max_len: int = field(
        default=200, metadata={"help": "longest output of --eval-generate, in tokens"}
    )
    image_scale: float = field(
        default=1.0,
        metadata={
            "help": "factor that brings the pictures of fairseq-interactive to the size of the train data"
        },
    )
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")


@register_task("im2latex", dataclass=Im2LatexConfig)
class Im2LatexTask(FairseqTask):  # type: ignore[misc]
    """Image to LaTeX.

    The state that it saves in checkpoints holds the preparation settings and the dictionary: a
    checkpoint used with data prepared in another way is refused, with both values named.

    Args:
        cfg: The options.
        dictionary: Of the target tokens.
        preparation: How the images of the data folder were prepared.
    """

    cfg: Im2LatexConfig

    def __init__(self, cfg: Im2LatexConfig, dictionary: Dictionary, preparation: PreparationSettings) -> None:
        super().__init__(cfg)
        self.dictionary = dictionary
        self.preparation = preparation
        self._generator: Any = None

    @classmethod
    def setup_task(cls, cfg: Im2LatexConfig, **kwargs: Any) -> "Im2LatexTask":
        """Read the dictionary and the preparation settings of the data folder.

        Raises:
            FileNotFoundError: One of them is missing; the message says what makes it.
            ValueError: One of them is malformed, or `--augment` is.
        """
        AugmentSettings.from_string(cfg.augment)  # a wrong option is told before anything is loaded
        folder = Path(utils.split_paths(cfg.data)[0])
        dictionary = load_target_dictionary(folder / "dict.txt")
        logger.info("dictionary: %d types", len(dictionary))
        return cls(cfg, dictionary, load_preparation(folder))

    # -- data ------------------------------------------------------------------------------------------

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """Load a split: `train`, `valid`, `test`, or any other name that the data folder has.

        Raises:
            FileNotFoundError: The folder has no such split; the message lists those it has.
            ValueError: Manifest, store and preparation settings don't fit each other.
        """
        folders = utils.split_paths(self.cfg.data)
        is_train = split == self.cfg.train_subset
        folder = Path(folders[(epoch - 1) % len(folders)] if is_train else folders[0])
        prepared = load_prepared_split(folder, split, self.preparation)
        formulas = [entry.formula for entry in prepared.entries]
        self._report_unknown_tokens(folder / f"{split}.tsv", formulas)
        settings = AugmentSettings.from_string(self.cfg.augment)
        augmentation = None
        if is_train and settings is not None:
            augmentation = partial(_augment, settings=settings)
        self.datasets[split] = ImageFormulaDataset(
            prepared.images,
            np.array([(entry.height, entry.width) for entry in prepared.entries]),
            self.dictionary,
            formulas,
            augmentation=augmentation,
            shuffle=is_train,
            seed=self.cfg.seed,
        )
        logger.info("%s: %d pairs of %s", split, len(formulas), folder)

    def _report_unknown_tokens(self, manifest: Path, formulas: Sequence[str]) -> None:
        unknown: Counter[str] = Counter()
        for formula in formulas:
            unknown.update(token for token in formula.split(" ") if token not in self.dictionary)
        if unknown:
            examples = ", ".join(f"{token} ({count})" for token, count in unknown.most_common(10))
            logger.warning(
                "%s: %d tokens of %d kinds are not in the dictionary and become %s: %s",
                manifest,
                sum(unknown.values()),
                len(unknown),
                self.dictionary.unk_word,
                examples,
            )

    def get_interactive_tokens_and_lengths(
        self, lines: Sequence[str], encode_fn: Callable[[str], str]
    ) -> tuple[list[torch.Tensor], list[tuple[int, int]]]:
        """Read the pictures whose paths `fairseq-interactive` is fed, one a line.

        Returns:
            Tensors (1, H, W), and their (height, width).

        Raises:
            ImageError: A picture can't be read; the message names it.
        """
        images = [
            to_tensor(prepare(load_image(line.strip()), self.preparation, scale=self.cfg.image_scale))
            for line in lines
        ]
        return images, [(image.shape[1], image.shape[2]) for image in images]

    def build_dataset_for_inference(
        self, src_tokens: list[torch.Tensor], src_lengths: list[tuple[int, int]], **kwargs: Any
    ) -> ImageFormulaDataset:
        """A dataset of pictures without formulas: tensors (1, H, W), 0 = paper."""
        arrays = [(255 - image[0].mul(255).round()).to(torch.uint8).numpy() for image in src_tokens]
        return ImageFormulaDataset(
            arrays, np.array([a.shape for a in arrays]).reshape(-1, 2), self.dictionary
        )

    def max_positions(self) -> tuple[int, int]:
        """(source, target): pictures have no limit, formulas `--max-target-positions`."""
        return (10**9, self.cfg.max_target_positions)

    @property
    def source_dictionary(self) -> None:
        """None: the source is a picture."""
        return None

    @property
    def target_dictionary(self) -> Dictionary:
        """Of the target tokens."""
        return self.dictionary

    # -- training and validation -----------------------------------------------------------------------

    def build_model(self, cfg: Any, from_checkpoint: bool = False) -> torch.nn.Module:
        """Build the model, its convolution weights in channels_last order, the fast one on CPUs."""
        return super().build_model(cfg, from_checkpoint).to(memory_format=torch.channels_last)

    def _autocast(self, sample: dict[str, Any]) -> torch.autocast:
        device = sample["net_input"]["src_tokens"].device.type if sample else "cpu"
        return torch.autocast(device, dtype=torch.bfloat16, enabled=self.cfg.bf16_autocast)

    def train_step(
        self,
        sample: Any,
        model: Any,
        criterion: Any,
        optimizer: Any,
        update_num: int,
        ignore_grad: bool = False,
    ) -> tuple[torch.Tensor, int, dict[str, Any]]:
        """Forward and backward of a batch, as fairseq's; the forward in bf16 with `--bf16-autocast`."""
        if not self.cfg.bf16_autocast:
            return super().train_step(sample, model, criterion, optimizer, update_num, ignore_grad)
        model.train()
        model.set_num_updates(update_num)
        with self._autocast(sample):
            loss, sample_size, logging_output = criterion(model, sample)
        if ignore_grad:
            loss *= 0
        optimizer.backward(loss)
        return loss, sample_size, logging_output

    def valid_step(self, sample: Any, model: Any, criterion: Any) -> tuple[torch.Tensor, int, dict[str, Any]]:
        """The loss of a batch, its token accuracy and, with `--eval-generate`, statistics of its greedy output."""
        model.eval()
        recorder = _OutputRecorder(model)
        with torch.no_grad(), self._autocast(sample):
            loss, sample_size, logging_output = criterion(recorder, sample)
        if recorder.net_output is not None:
            logging_output.update(
                token_statistics(recorder.net_output[0], sample["target"], self.dictionary.pad())
            )
        if self.cfg.eval_generate:
            logging_output.update(generation_statistics(self._decode_some(sample, model)))
        return loss, sample_size, logging_output

    def _decode_some(self, sample: dict[str, Any], model: Any) -> list[tuple[list[str], list[str]]]:
        """Greedy (hypothesis, reference) tokens of those rows of a batch that the subset takes."""
        size = max(
            (len(dataset) for name, dataset in self.datasets.items() if name != self.cfg.train_subset),
            default=1,
        )
        every = max(1, size // max(1, self.cfg.eval_generate_samples))
        rows = [row for row, id_ in enumerate(sample["id"].tolist()) if id_ % every == 0]
        if not rows:
            return []
        if self._generator is None:
            self._generator = self.build_generator(
                [model], argparse.Namespace(beam=1, max_len_a=0, max_len_b=self.cfg.eval_generate_max_len)
            )
        net_input = {key: sample["net_input"][key][rows] for key in ("src_tokens", "src_lengths")}
        outputs = self.inference_step(self._generator, [model], {"net_input": net_input})
        references = sample["target"][rows]
        return [
            (self.tokens_of(hypotheses[0]["tokens"]), self.tokens_of(reference, unknown="<reference-unk>"))
            for hypotheses, reference in zip(outputs, references, strict=True)
        ]

    def tokens_of(self, ids: torch.Tensor, unknown: str | None = None) -> list[str]:
        """Ids (T,) to tokens, without padding and end.

        Args:
            ids: Of the dictionary.
            unknown: What stands for unk; a reference takes a name of its own, so that an unknown token
                in a hypothesis never counts as right.
        """
        special = (self.dictionary.pad(), self.dictionary.eos(), self.dictionary.bos())
        return [
            unknown if unknown is not None and id_ == self.dictionary.unk() else self.dictionary[id_]
            for id_ in ids.tolist()
            if id_ not in special
        ]

    def inference_step(
        self, generator: Any, models: Any, sample: Any, prefix_tokens: Any = None, constraints: Any = None
    ) -> Any:
        """Decode a batch; in bf16 with `--bf16-autocast`."""
        with self._autocast(sample):
            return super().inference_step(generator, models, sample, prefix_tokens, constraints)

    def reduce_metrics(self, logging_outputs: Any, criterion: Any) -> None:
        """Log what the criterion logs, and our scores."""
        super().reduce_metrics(logging_outputs, criterion)
        log_scores(logging_outputs)

    # -- checkpoints -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the task: plain values only, since it is loaded in torch's safe mode."""
        return {"preparation": self.preparation.to_dict(), "dictionary": list(self.dictionary.symbols)}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare a checkpoint's settings with those of the data.

        Raises:
            ValueError: They differ; both values are named.
        """
        if "preparation" in state_dict:
            differences = PreparationSettings.from_dict(state_dict["preparation"]).difference(
                self.preparation
            )
            if differences:
                raise ValueError(
                    f"the checkpoint was trained on images prepared in another way than those of {self.cfg.data} "
                    f"(checkpoint, then data): {'; '.join(differences)}. Prepare the data with the checkpoint's "
                    "settings, or take a checkpoint of these."
                )
        if "dictionary" in state_dict and state_dict["dictionary"] != list(self.dictionary.symbols):
            theirs, ours = set(state_dict["dictionary"]), set(self.dictionary.symbols)
            raise ValueError(
                f"the checkpoint's dictionary ({len(theirs)} types) is not that of {self.cfg.data} ({len(ours)} types): "
                f"only in the checkpoint {_some(theirs - ours)}; only in the data {_some(ours - theirs)}; "
                "use the dict.txt that the checkpoint was trained with"
            )


class _OutputRecorder:
    """Stands for the model in a criterion and keeps what the model returned."""

    def __init__(self, model: Any) -> None:
        self._model = model
        self.net_output: Any = None

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        self.net_output = self._model(*args, **kwargs)
        return self.net_output

    def __getattr__(self, name: str) -> Any:
        return getattr(self._model, name)


def load_target_dictionary(path: Path) -> Dictionary:
    """Read fairseq's dict.txt.

    Raises:
        FileNotFoundError: There is none.
        ValueError: It is malformed or holds no token.
    """
    if not path.is_file():
        raise FileNotFoundError(f"{path}: no dictionary; run preprocess/build_dictionary.py first")
    try:
        dictionary = Dictionary.load(str(path))
    except (ValueError, RuntimeError, UnicodeError) as error:
        raise ValueError(f"{path}: not a fairseq dictionary ('token count' a line): {error}") from error
    if len(dictionary) == dictionary.nspecial:
        raise ValueError(f"{path}: the dictionary holds no token; run preprocess/build_dictionary.py again")
    return dictionary


def _augment(image: np.ndarray, rng: np.random.Generator, settings: AugmentSettings) -> np.ndarray:
    return augment(image, rng, settings)


def _some(tokens: set[str]) -> str:
    listed = sorted(tokens)
    return (
        ", ".join(map(repr, listed[:5])) + (f" and {len(listed) - 5} more" if len(listed) > 5 else "")
    ) or "none"
