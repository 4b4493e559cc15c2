"""Adapters of the metrics to `--scoring` of fairseq-generate.

fairseq hands over the reference and the best hypothesis of each sample as strings and asks for one line at the
end. What it skips (`--skip-invalid-size-inputs-valid-test`) it never hands over: `im2latex score` with the split's
manifest as references counts those as missing.
"""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.

from dataclasses import dataclass, field
from typing import Any

from fairseq.dataclass import FairseqDataclass
from fairseq.scoring import BaseScorer, register_scorer

from im2latex_fairseq.evaluation.evaluation import Evaluation, evaluate
from im2latex_fairseq.evaluation.judging import GROUPS, draw_for, metrics_called, possible_metrics
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.metrics.pair import make_pair
from im2latex_fairseq.preparation.workers import default_processes


@dataclass
class MetricScorerConfig(FairseqDataclass):
    """Options of a scorer of one metric: none."""


@dataclass
class Im2LatexScorerConfig(FairseqDataclass):
    """Options of `--scoring im2latex`."""

    im2latex_metrics: str = field(
        default="text",
        metadata={
            "help": "metrics of --scoring im2latex: names parted by commas, or text, image, symbol or all; the "
            "first is the score. image, symbol and all draw the formulas by TeX"
        },
    )


class MetricScorer(BaseScorer):  # type: ignore[misc]
    """Scores pairs of strings by metrics.

    Args:
        cfg: As fairseq builds it.
        metrics: At least one; the first one's score is the scorer's.

    Raises:
        ValueError: A metric draws formulas and there is no TeX.
    """

    def __init__(self, cfg: Any, metrics: tuple[Metric, ...]) -> None:
        super().__init__(cfg)
        _, left_out = possible_metrics(metrics)
        for name, reason in left_out.items():  # told now, not after hours of decoding
            raise ValueError(f"--scoring {name} isn't possible, because {reason}")
        self.metrics = metrics
        self._evaluation: Evaluation | None = None

    def add_string(self, ref: str, pred: str) -> None:
        """Take a reference and a hypothesis."""
        super().add_string(ref, pred)
        self._evaluation = None

    def evaluation(self) -> Evaluation:
        """Of all pairs so far."""
        if self._evaluation is None:
            pairs = [
                make_pair(str(number), hypothesis, reference)
                for number, (hypothesis, reference) in enumerate(zip(self.pred, self.ref, strict=True))
            ]
            drawn, remarks = draw_for(self.metrics, pairs, default_processes())
            self._evaluation = evaluate(drawn, self.metrics, remarks=remarks)
        return self._evaluation

    def score(self, order: int = 4) -> float:
        """The first metric's score; `order`, which fairseq's BLEU has, isn't used."""
        return self.evaluation().score(self.metrics[0].name)

    def result_string(self, order: int = 4) -> str:
        """All scores in one line; with one metric, its signature too."""
        evaluation = self.evaluation()
        scores = ", ".join(f"{metric.name} = {evaluation.score(metric.name):.2f}" for metric in self.metrics)
        counts = evaluation.counts
        end = f"({counts.references} pairs, {counts.empty} read as nothing)"
        return f"{scores} {end} {self.metrics[0].signature}" if len(self.metrics) == 1 else f"{scores} {end}"


@register_scorer("im2latex", dataclass=Im2LatexScorerConfig)
class Im2LatexScorer(MetricScorer):
    """`--scoring im2latex`: the metrics of `--im2latex-metrics`."""

    def __init__(self, cfg: Im2LatexScorerConfig) -> None:
        super().__init__(cfg, metrics_called(cfg.im2latex_metrics))


def _register(metric: Metric) -> None:
    """Make `--scoring NAME` known. fairseq wants a class of its own name for each."""

    def build(cfg: MetricScorerConfig) -> MetricScorer:
        return MetricScorer(cfg, (metric,))

    words = metric.name.split("_")
    name = "".join(word.capitalize() for word in words) + "MetricScorer"
    register_scorer(metric.name, dataclass=MetricScorerConfig)(
        type(name, (MetricScorer,), {"build_scoring": staticmethod(build), "__doc__": f"{metric.title}."})
    )


for _metric in GROUPS["all"]:
    _register(_metric)
