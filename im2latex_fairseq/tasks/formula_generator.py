"""What `fairseq-generate`, `fairseq-interactive`, validation and the hub interface decode with."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from functools import cache
from typing import Any

import torch
from fairseq.data import Dictionary
from fairseq.models.fconv import FConvDecoder
from torch import nn

from im2latex_fairseq.decoding.fconv_stepper import FConvStepper
from im2latex_fairseq.decoding.formula_decoder import FormulaDecoder
from im2latex_fairseq.decoding.hypothesis import DecodedHypothesis
from im2latex_fairseq.decoding.settings import DecodingSettings
from im2latex_fairseq.decoding.stepper import DecoderStepper
from im2latex_fairseq.decoding.token_filter import TokenFilter

logger = logging.getLogger(__name__)

Output = list[list[dict[str, torch.Tensor]]]

# Options of fairseq's generation that only its own generator knows, with what leaves each off.
_STOCK_OPTIONS = {
    "sampling": False,
    "diverse_beam_groups": -1,
    "diversity_rate": -1,
    "match_source_len": False,
    "constraints": None,
    "prefix_allowed_tokens_fn": None,
    "print_alignment": None,
    "score_reference": False,
    "no_repeat_ngram_size": 0,
    "unkpen": 0,
    "min_len": 1,
    "retain_dropout": False,
}


class FormulaGenerator:
    """`FormulaDecoder` with the face of fairseq's `SequenceGenerator`: the same hypotheses and scores, sooner.

    The models' weights are prepared once: after training has changed them, build another.

    Args:
        decoder: The models.
        settings: The search.
        token_filter: What may follow; None: everything.
        stock: Builds fairseq's generator, for calls with prefix tokens or lexical constraints.
    """

    def __init__(
        self,
        decoder: FormulaDecoder,
        settings: DecodingSettings,
        token_filter: TokenFilter | None,
        stock: Callable[[], Any],
    ) -> None:
        self.decoder = decoder
        self.settings = settings
        self.token_filter = token_filter
        # fairseq's commands ask a generator for these.
        self.eos = decoder.eos
        self.symbols_to_strip_from_output = {decoder.eos}
        self._stock = stock

    def generate(
        self,
        models: Any,
        sample: dict[str, Any],
        prefix_tokens: torch.Tensor | None = None,
        constraints: torch.Tensor | None = None,
        **others: Any,
    ) -> Output:
        """The hypotheses of each picture of a batch, the best first.

        Args:
            models: Not read, as by fairseq's generator: they were given when this was built.
            sample: A batch; `net_input` holds `src_tokens` and `src_lengths`.
            prefix_tokens: What every output begins with; by fairseq's generator.
            constraints: What outputs have to hold; by fairseq's generator.
            **others: What fairseq's generator takes beside; by it.

        Returns:
            As fairseq's generator: dictionaries with tokens (T + 1,) int64, the end included, score (),
            attention (S, T + 1), or empty where the model isn't asked for it, alignment (empty), and
            positional_scores (T + 1,).

        Raises:
            ValueError: The model's scores are no numbers; or prefix or constraints together with a filter.
        """
        unknown = {"prefix_tokens": prefix_tokens, "constraints": constraints, **others}
        given = [name for name, value in unknown.items() if value is not None]
        if given:
            return self._generate_by_stock(given, models, sample, unknown)
        net_input = sample["net_input"]
        images = net_input["src_tokens"]
        hypotheses = self.decoder.decode(images, net_input["src_lengths"], self.settings, self.token_filter)
        return [[self._as_fairseq(h, images.device) for h in readings] for readings in hypotheses]

    def _generate_by_stock(
        self, given: list[str], models: Any, sample: Any, arguments: dict[str, Any]
    ) -> Output:
        reason = f"{', '.join(given)} given"
        if self.token_filter is not None:
            raise ValueError(f"{reason}: --constrained and --stop-repetition can't be had with that")
        log_stock(reason)
        found: Output = self._stock().generate(models, sample, **arguments)
        return found

    def _as_fairseq(self, hypothesis: DecodedHypothesis, device: torch.device) -> dict[str, torch.Tensor]:
        attention = hypothesis.attention
        return {
            "tokens": torch.tensor([*hypothesis.ids, self.eos], device=device),
            "score": torch.tensor(hypothesis.score, device=device),
            "attention": torch.empty(0) if attention is None else attention.t(),
            "alignment": torch.empty(0),
            "positional_scores": torch.tensor(hypothesis.token_log_probabilities, device=device),
        }


def build_formula_generator(
    models: Sequence[Any],
    dictionary: Dictionary,
    args: Any,
    precision: str,
    token_filter: TokenFilter | None,
    stock: Callable[[], Any],
) -> FormulaGenerator | None:
    """The generator for fairseq's options, or None where only fairseq's own does what they ask for.

    Args:
        models: One, or several whose probabilities are averaged.
        dictionary: Of the target tokens.
        args: fairseq's options of generation.
        precision: One of `settings.PRECISIONS`.
        token_filter: What may follow; None: everything.
        stock: Builds fairseq's generator.
    """
    decoders = [_prepared(model, dictionary) for model in models]
    ready = [(model, stepper) for model, stepper in decoders if stepper is not None]
    if len(ready) < len(models):
        unknown = sorted({type(model.decoder).__name__ for model, stepper in decoders if stepper is None})
        log_stock(f"decoder {', '.join(unknown)}, or weights that aren't in float32")
        return None
    for model, _ in ready:
        model.eval()
    decoder = FormulaDecoder.ensemble(
        [(model.encoder, stepper) for model, stepper in ready],
        eos=dictionary.eos(),
        pad=dictionary.pad(),
        unk=dictionary.unk(),
        bos=dictionary.bos(),
    )
    beam = getattr(args, "beam", 5)
    settings = DecodingSettings(
        beam=beam,
        nbest=beam,
        # The "source length" that max_len_a multiplies is size(1) of the pictures, 1.
        max_len=int(getattr(args, "max_len_a", 0) + getattr(args, "max_len_b", 200)),
        length_penalty=0.0 if getattr(args, "unnormalized", False) else float(getattr(args, "lenpen", 1)),
        temperature=float(getattr(args, "temperature", 1.0)),
        precision=precision,
        attention=len(ready) == 1 and wants_attention(ready[0][0].decoder),
    )
    return FormulaGenerator(decoder, settings, token_filter, stock)


def stock_reason(args: Any, **build_arguments: Any) -> str | None:
    """What of fairseq's options, and of the arguments of `build_generator`, only its own generator does.

    Returns:
        For the log; None: nothing.
    """
    extra = dict(build_arguments.pop("extra_gen_cls_kwargs", None) or {})
    if extra.get("lm_model") is None:
        extra = {name: value for name, value in extra.items() if name not in ("lm_model", "lm_weight")}
    asked = [f"--{name.replace('_', '-')}" for name, off in _STOCK_OPTIONS.items() if _is_on(args, name, off)]
    asked += [name for name, value in build_arguments.items() if value is not None]
    asked += sorted(extra)
    return ", ".join(asked) or None


def _is_on(args: Any, name: str, off: Any) -> bool:
    value = getattr(args, name, off)
    if isinstance(off, int) and not isinstance(off, bool) and off < 0:
        return bool(value > 0)  # -1 and 0 are off
    return bool(value != off) and value is not None


@cache
def log_stock(reason: str) -> None:
    """Say once why fairseq's own generator decodes."""
    logger.info("decoding by fairseq's own generator, which is slower: %s", reason)


def wants_attention(decoder: nn.Module) -> bool:
    """Whether a decoder was told to return its attention; fairseq's and ours are told in different words."""
    return bool(getattr(decoder, "need_attention", getattr(decoder, "need_attn", False)))


def _prepared(model: Any, dictionary: Dictionary) -> tuple[Any, DecoderStepper | None]:
    decoder = getattr(model, "decoder", None)
    if decoder is None or any(p.dtype != torch.float32 for p in model.parameters()):
        return model, None
    if type(decoder) is FConvDecoder:
        if decoder.adaptive_softmax is not None or decoder.embed_positions is None:
            return model, None
        weights = dict(decoder.named_parameters(remove_duplicate=False))
        return model, FConvStepper.from_weights(weights, dictionary.pad(), decoder.residuals)
    return model, decoder.stepper() if hasattr(decoder, "stepper") else None
