"""The fairseq task `im2latex`: prepared pictures of formulas to LaTeX tokens."""

from __future__ import annotations

import argparse
import logging
from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from fairseq import utils
from fairseq.data import Dictionary
from fairseq.tasks import FairseqTask, register_task
from torch.utils.data import ConcatDataset

from im2latex_fairseq.data.image_formula_dataset import ImageFormulaDataset
from im2latex_fairseq.data.prepared_split import load_preparation, load_prepared_split, parts_of_split
from im2latex_fairseq.decoding.token_filter import CombinedFilter, TokenFilter
from im2latex_fairseq.images.augment import AugmentSettings, augment
from im2latex_fairseq.images.errors import ImageError
from im2latex_fairseq.images.loader import ImageSource, load_image
from im2latex_fairseq.images.transforms import PreparationSettings, prepare, to_tensor
from im2latex_fairseq.latex.formatter import format_tokens
from im2latex_fairseq.metrics.pair import UNKNOWN_OF_REFERENCES
from im2latex_fairseq.tasks.formula_generator import build_formula_generator, log_stock, stock_reason
from im2latex_fairseq.tasks.im2latex_config import Im2LatexConfig
from im2latex_fairseq.tasks.task_state import dictionary_difference, load_target_dictionary, read_task_state
from im2latex_fairseq.tasks.validation_metrics import (
    generation_statistics,
    log_scores,
    metric_statistics,
    text_metrics_called,
    token_statistics,
)

logger = logging.getLogger(__name__)


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
        self._validation_metrics = text_metrics_called(cfg.eval_metrics)
        self._unreadable_pictures = 0

    @classmethod
    def setup_task(cls, cfg: Im2LatexConfig, **kwargs: Any) -> Im2LatexTask:
        """Read the dictionary and the preparation settings of the data folder, or of a checkpoint.

        Args:
            cfg: The options.
            **kwargs: `from_checkpoint`, set by fairseq where the options are those of a checkpoint, for
                inference: nothing is augmented then. `task_state`, what `state_dict` returned: no data
                folder is needed then.

        Raises:
            FileNotFoundError: One of them is missing; the message says what makes it.
            ValueError: One of them is malformed, or `--augment` is.
        """
        # A wrong option is told before anything is loaded.
        AugmentSettings.from_string(cfg.augment)
        text_metrics_called(cfg.eval_metrics)
        if kwargs.get("from_checkpoint"):
            cfg.augment = "none"
        if kwargs.get("task_state") is not None:
            return cls(cfg, *read_task_state(kwargs["task_state"]))
        folder = Path(utils.split_paths(cfg.data)[0])
        dictionary = load_target_dictionary(folder / "dict.txt")
        logger.info("dictionary: %d types", len(dictionary))
        return cls(cfg, dictionary, load_preparation(folder))

    # -- data ------------------------------------------------------------------------------------------

    def load_dataset(self, split: str, epoch: int = 1, combine: bool = False, **kwargs: Any) -> None:
        """Load a split: `train`, `valid`, `test`, or any other name that the data folder has.

        Args:
            split: Its name.
            epoch: Of several data folders, the train data of epoch N are in the Nth, in turn.
            combine: Join `valid` with `valid1`, `valid2`, ... (`--combine-valid-subsets`; fairseq always
                sets it for train data).
            **kwargs: What fairseq passes beside, not used.

        Raises:
            FileNotFoundError: The folder has no such split; the message lists those it has.
            ValueError: Manifest, store and preparation settings don't fit each other.
        """
        folders = utils.split_paths(self.cfg.data)
        is_train = split == self.cfg.train_subset
        folder = Path(folders[(epoch - 1) % len(folders)] if is_train else folders[0])
        names = parts_of_split(folder, split) if combine else [split]
        parts = [load_prepared_split(folder, name, self.preparation) for name in names]
        entries = [entry for part in parts for entry in part.entries]
        formulas = [entry.formula for entry in entries]
        self._report_unknown_tokens(folder / f"{split}.tsv", formulas)
        settings = AugmentSettings.from_string(self.cfg.augment)
        augmentation = None
        if is_train and settings != AugmentSettings():
            augmentation = partial(_augment, settings=settings)
        self.datasets[split] = ImageFormulaDataset(
            parts[0].images if len(parts) == 1 else ConcatDataset([part.images for part in parts]),
            np.array([(entry.height, entry.width) for entry in entries]),
            self.dictionary,
            formulas,
            names=[entry.id for entry in entries],
            augmentation=augmentation,
            shuffle=is_train,
            seed=self.cfg.seed,
            curriculum_ramp=self.cfg.curriculum_ramp,
        )
        logger.info("%s: %d pairs of %s", " + ".join(names), len(entries), folder)

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

    def filter_indices_by_size(
        self,
        indices: np.ndarray,
        dataset: ImageFormulaDataset,
        max_positions: tuple[int, int] | None = None,
        ignore_invalid_inputs: bool = False,
    ) -> np.ndarray:
        """Leave out formulas that are longer than the limit, and say which.

        Raises:
            ValueError: There are some, and `ignore_invalid_inputs` isn't set: fairseq sets it for train data.
        """
        limit = self.cfg.max_target_positions if max_positions is None else max_positions[1]
        lengths = dataset.target_lengths[indices]
        too_long = indices[lengths > limit]
        if len(too_long) == 0:
            return indices
        examples = ", ".join(f"{dataset.names[i]} ({dataset.target_lengths[i]})" for i in too_long[:5])
        found = (
            f"{len(too_long)} of {len(indices)} formulas have more than {limit} tokens, the end counted, "
            f"the limit of --max-target-positions: {examples}{', ...' if len(too_long) > 5 else ''}"
        )
        if not ignore_invalid_inputs:
            raise ValueError(f"{found}; raise it, or skip them with --skip-invalid-size-inputs-valid-test")
        logger.warning("skipped: %s", found)
        return indices[lengths <= limit]

    def read_picture(self, source: ImageSource, scale: float | None = None) -> torch.Tensor:
        """Load and prepare a picture as the train data were: (1, H, W) float32, 0 = paper.

        Args:
            source: A path, bytes, an open file, a PIL image or an array; see `load_image`.
            scale: Factor that brings it to the size of the train data; `--image-scale` if None.

        Raises:
            ImageError: It can't be read or holds no formula; the message names it.
        """
        image = load_image(source)
        try:
            prepared = prepare(
                image, self.preparation, scale=self.cfg.image_scale if scale is None else scale
            )
        except ImageError as error:
            if isinstance(source, (str, Path)):
                raise ImageError(f"{source}: {error}", reason=error.reason) from error
            raise
        return to_tensor(prepared)

    def get_interactive_tokens_and_lengths(
        self, lines: Sequence[str], encode_fn: Callable[[str], str]
    ) -> tuple[list[torch.Tensor | None], list[tuple[int, int]]]:
        """Read the pictures whose paths `fairseq-interactive` is fed, one a line.

        A picture that can't be read is logged, with how many there were so far, and has no output line.

        Returns:
            Tensors (1, H, W), and their (height, width); None and (0, 0) for those that can't be read.
        """
        images: list[torch.Tensor | None] = []
        for line in lines:
            try:
                images.append(self.read_picture(line.strip()))
            except ImageError as error:
                self._unreadable_pictures += 1
                logger.error("skipped (%d so far): %s", self._unreadable_pictures, error)
                images.append(None)
        return images, [(0, 0) if i is None else (i.shape[1], i.shape[2]) for i in images]

    def build_dataset_for_inference(
        self, src_tokens: Sequence[torch.Tensor | None], src_lengths: Sequence[tuple[int, int]], **kwargs: Any
    ) -> ImageFormulaDataset:
        """A dataset of pictures without formulas.

        Args:
            src_tokens: Tensors (1, H, W), 0 = paper; None is left out, and the others keep their numbers.
            src_lengths: Not needed: the tensors have their sizes.
            **kwargs: What fairseq passes beside, not used.
        """
        kept = [number for number, image in enumerate(src_tokens) if image is not None]
        arrays = [
            (255 - image[0].mul(255).round()).to(torch.uint8).numpy()
            for image in src_tokens
            if image is not None
        ]
        sizes = np.array([a.shape for a in arrays], dtype=np.int64).reshape(-1, 2)
        return ImageFormulaDataset(arrays, sizes, self.dictionary, numbers=kept)

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

    def _autocast(self, sample: dict[str, Any], enabled: bool | None = None) -> torch.autocast:
        device = sample["net_input"]["src_tokens"].device.type if sample else "cpu"
        wanted = self.cfg.bf16_autocast if enabled is None else enabled
        return torch.autocast(device, dtype=torch.bfloat16, enabled=wanted)

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
        if self.cfg.bf16_autocast:
            model.train()
            model.set_num_updates(update_num)
            with self._autocast(sample):
                loss, sample_size, logging_output = criterion(model, sample)
            if ignore_grad:
                loss *= 0
            optimizer.backward(loss)
        else:
            loss, sample_size, logging_output = super().train_step(
                sample, model, criterion, optimizer, update_num, ignore_grad
            )
        if torch.distributed.is_available() and torch.distributed.is_initialized():
            # fairseq's legacy_ddp, the one that runs on CPUs, takes no gradients in channels_last order.
            for parameter in model.parameters():
                if parameter.grad is not None:
                    parameter.grad = parameter.grad.contiguous()
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
            pairs = self._decode_some(sample, model)
            logging_output.update(generation_statistics(pairs))
            logging_output.update(metric_statistics(pairs, self._validation_metrics))
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
        # Built for each batch: a generator prepares the weights, and training changes them.
        generator = self.build_generator(
            [model], argparse.Namespace(beam=1, max_len_a=0, max_len_b=self.cfg.eval_generate_max_len)
        )
        net_input = {key: sample["net_input"][key][rows] for key in ("src_tokens", "src_lengths")}
        outputs = self.inference_step(generator, [model], {"net_input": net_input})
        references = sample["target"][rows]
        return [
            (
                self.tokens_of(hypotheses[0]["tokens"]),
                self.tokens_of(reference, unknown=UNKNOWN_OF_REFERENCES),
            )
            for hypotheses, reference in zip(outputs, references, strict=True)
        ]

    def build_generator(
        self,
        models: Any,
        args: Any,
        seq_gen_cls: Any = None,
        extra_gen_cls_kwargs: Any = None,
        prefix_allowed_tokens_fn: Any = None,
    ) -> Any:
        """What decodes batches: our `FormulaGenerator`, or fairseq's generator for what only that one does.

        Args:
            models: One, or several whose probabilities are averaged.
            args: fairseq's options of generation.
            seq_gen_cls: A generator's class to take instead.
            extra_gen_cls_kwargs: Its arguments, such as a language model.
            prefix_allowed_tokens_fn: A function that says what may follow.

        Raises:
            ValueError: `--constrained` or `--stop-repetition` together with what only fairseq's generator does.
        """
        stock = partial(
            super().build_generator,
            models,
            args,
            seq_gen_cls=seq_gen_cls,
            extra_gen_cls_kwargs=extra_gen_cls_kwargs,
            prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
        )
        reason = stock_reason(
            args,
            seq_gen_cls=seq_gen_cls,
            extra_gen_cls_kwargs=extra_gen_cls_kwargs,
            prefix_allowed_tokens_fn=prefix_allowed_tokens_fn,
        )
        if self.cfg.stock_generator:
            reason = "--stock-generator"
        token_filter = self._token_filter()
        generator = None
        if reason is None:
            generator = build_formula_generator(
                models, self.dictionary, args, self._decode_precision(), token_filter, stock
            )
        else:
            log_stock(reason)
        if generator is None and token_filter is not None:
            raise ValueError(
                "--constrained and --stop-repetition are rules of this package's generator, but fairseq's own has to "
                f"decode: {reason or 'it alone knows the model'}"
            )
        return stock() if generator is None else generator

    def _decode_precision(self) -> str:
        asked = str(self.cfg.decode_precision)
        return "bfloat16" if asked == "float32" and self.cfg.bf16_autocast else asked

    def _token_filter(self) -> TokenFilter | None:
        # Imported when asked for: the tables of the grammar are nothing that training needs.
        symbols = list(self.dictionary.symbols)
        filters: list[TokenFilter] = []
        if self.cfg.constrained:
            from im2latex_fairseq.decoding.latex_grammar import LatexGrammarFilter

            filters.append(
                LatexGrammarFilter(
                    symbols,
                    eos=self.dictionary.eos(),
                    pad=self.dictionary.pad(),
                    unk=self.dictionary.unk(),
                    bos=self.dictionary.bos(),
                )
            )
        if self.cfg.stop_repetition:
            from im2latex_fairseq.decoding.repetition import RepetitionFilter

            filters.append(RepetitionFilter(symbols))
        return CombinedFilter(filters) if len(filters) > 1 else filters[0] if filters else None

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

    @staticmethod
    def latex_of(tokens: Sequence[str]) -> str:
        """Tokens to LaTeX as a person would write it."""
        return format_tokens(tokens)

    def inference_step(
        self, generator: Any, models: Any, sample: Any, prefix_tokens: Any = None, constraints: Any = None
    ) -> Any:
        """Decode a batch; in bf16 with `--bf16-autocast` or `--decode-precision bfloat16`."""
        with self._autocast(sample, self._decode_precision() == "bfloat16"):
            return super().inference_step(generator, models, sample, prefix_tokens, constraints)

    def reduce_metrics(self, logging_outputs: Any, criterion: Any) -> None:
        """Log what the criterion logs, and our scores."""
        super().reduce_metrics(logging_outputs, criterion)
        log_scores(logging_outputs, self._validation_metrics)

    # -- checkpoints -----------------------------------------------------------------------------------

    def state_dict(self) -> dict[str, Any]:
        """What a checkpoint keeps of the task: plain values only, since it is loaded in torch's safe mode."""
        return {"preparation": self.preparation.to_dict(), "dictionary": list(self.dictionary.symbols)}

    def get_checkpoint_dict(self) -> dict[str, Any]:
        """What fairseq keeps for `set_checkpoint_dict`."""
        return {type(self).__name__: self.state_dict()}

    def set_checkpoint_dict(self, state_dict: dict[str, Any]) -> None:
        """Compare when training resumes, where fairseq doesn't call `load_state_dict`."""
        self.load_state_dict(state_dict)

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
        if "dictionary" in state_dict:
            difference = dictionary_difference(state_dict["dictionary"], self.dictionary.symbols)
            if difference is not None:
                raise ValueError(
                    f"the checkpoint's dictionary is not that of {self.cfg.data}: {difference}; "
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


def _augment(image: np.ndarray, rng: np.random.Generator, settings: AugmentSettings) -> np.ndarray:
    return augment(image, rng, settings)
