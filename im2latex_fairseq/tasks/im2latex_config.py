"""Options of the task `im2latex`."""

# No `from __future__ import annotations`: fairseq makes flags from the types of a config's fields.

from dataclasses import dataclass, field

from fairseq.dataclass import ChoiceEnum, FairseqDataclass
from omegaconf import II, MISSING


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
    curriculum_ramp: int = field(
        default=600,
        metadata={
            "help": "in the epochs of --curriculum: batches until formulas of all lengths are admitted, "
            "beginning with the shortest"
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
    eval_metrics: str = field(
        default="",
        metadata={
            "help": "more metrics that --eval-generate logs, each by its name: text metrics as im2latex score "
            "prints them, parted by commas, token_error_rate,exp_rate_1 for example; any of them serves as "
            "--best-checkpoint-metric"
        },
    )
    image_scale: float = field(
        default=1.0,
        metadata={
            "help": "factor that brings the pictures of fairseq-interactive to the size of the train data"
        },
    )
    constrained: bool = field(
        default=False,
        metadata={"help": "decode to LaTeX that parses only: a grammar says at each step what may follow"},
    )
    stop_repetition: bool = field(
        default=False,
        metadata={"help": "in decoding, end endless repetitions such as the columns of `c c c c ...`"},
    )
    decode_precision: ChoiceEnum(["float32", "bfloat16", "int8"]) = field(  # type: ignore[valid-type]
        default="float32",
        metadata={
            "help": "decode in float32, with the results of fairseq's own generator, in bfloat16, or with wide "
            "convolutions in int8 (on CPUs that have VNNI)"
        },
    )
    stock_generator: bool = field(
        default=False, metadata={"help": "decode by fairseq's own SequenceGenerator, several times slower"}
    )
    seed: int = II("common.seed")
    train_subset: str = II("dataset.train_subset")
