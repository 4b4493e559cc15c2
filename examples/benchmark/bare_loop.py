"""The bare torch loop: the network, batches and optimiser arithmetic of fairseq-train, and nothing else."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from typing import Any

import torch
import torch.nn.functional as F
from fairseq import options, tasks, utils
from fairseq.dataclass.utils import convert_namespace_to_omegaconf

import im2latex_fairseq.plugin  # noqa: F401  (registers the task and the models, whatever was imported first)

Batch = dict[str, Any]


@dataclass(frozen=True)
class Timing:
    """Of a segment: images, seconds, mean loss in bits a token."""

    images: int
    seconds: float
    loss: float


class BareLoop:
    """Built from flags of fairseq-train, with its seed, so that it starts from the same weights.

    AdamW's decoupled weight decay is what fairseq's adam does; the fused kernel is the fastest that torch has.

    Args:
        flags: As fairseq-train gets them.
        device: Where to compute.
    """

    def __init__(self, flags: Sequence[str], device: torch.device) -> None:
        arguments = options.parse_args_and_arch(options.get_training_parser(), input_args=list(flags))
        self.config = convert_namespace_to_omegaconf(arguments)
        self.device = device
        utils.set_torch_seed(self.config.common.seed)
        self.task = tasks.setup_task(self.config.task)
        self.model = self.task.build_model(self.config.model).to(device)
        self.model.train()
        self.parameters = [p for p in self.model.parameters() if p.requires_grad]
        adam = self.config.optimizer
        betas = str(adam.adam_betas).strip("()[]").split(",")
        self.optimizer = torch.optim.AdamW(
            self.parameters,
            lr=self.config.optimization.lr[0],
            betas=(float(betas[0]), float(betas[1])),
            eps=adam.adam_eps,
            weight_decay=adam.weight_decay,
            fused=True,
        )

    def batches(self) -> Iterator[Batch]:
        """The batches of fairseq-train, update by update, epoch after epoch."""
        dataset_config = self.config.dataset
        self.task.load_dataset(dataset_config.train_subset, combine=True, epoch=1)
        for epoch in count(1):
            epochs = self.task.get_batch_iterator(
                dataset=self.task.dataset(dataset_config.train_subset),
                max_tokens=dataset_config.max_tokens,
                max_sentences=dataset_config.batch_size,
                max_positions=utils.resolve_max_positions(
                    self.task.max_positions(), self.model.max_positions(), dataset_config.max_tokens
                ),
                ignore_invalid_inputs=True,
                required_batch_size_multiple=dataset_config.required_batch_size_multiple,
                seed=self.config.common.seed,
                epoch=epoch,
            )
            yield from epochs.next_epoch_itr(shuffle=epoch > dataset_config.curriculum)

    def forward(self, batch: Batch) -> torch.Tensor:
        """The label-smoothed loss of a batch, a scalar: the mean over tokens, in nats."""
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.config.task.bf16_autocast):
            logits = self.model(**batch["net_input"])[0]
        return F.cross_entropy(
            logits.float().flatten(0, 1),
            batch["target"].flatten(),
            ignore_index=self.task.target_dictionary.pad(),
            label_smoothing=self.config.criterion.label_smoothing,
        )

    def step(self, batch: Batch) -> torch.Tensor:
        """One update of the weights; returns the loss before it, detached."""
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.forward(batch)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(self.parameters, self.config.optimization.clip_norm)
        self.optimizer.step()
        return loss.detach()

    def time_steps(self, batches: Sequence[Batch], clock: Callable[[], float] = time.perf_counter) -> Timing:
        """Train on batches that lie ready in memory, and take the time."""
        batches = [utils.move_to_cuda(batch) for batch in batches] if self.device.type == "cuda" else batches
        self._synchronize()
        start_s = clock()
        losses = [self.step(batch) for batch in batches]
        self._synchronize()
        seconds = clock() - start_s
        tokens = [batch["ntokens"] for batch in batches]
        bits = sum(float(loss) * n for loss, n in zip(losses, tokens, strict=True)) / math.log(2)
        return Timing(sum(b["nsentences"] for b in batches), seconds, bits / max(1, sum(tokens)))

    def _synchronize(self) -> None:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)


class BatchSource:
    """Hands out batches by the number of their update.

    Args:
        batches: In the order of the updates.
    """

    def __init__(self, batches: Iterator[Batch]) -> None:
        self._batches = batches
        self._taken = 0

    def take(self, until: int) -> list[Batch]:
        """The batches from the last one taken to update `until`, counted from 1."""
        taken = list(islice(self._batches, until - self._taken))
        self._taken = until
        return taken
