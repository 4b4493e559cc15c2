"""Which generator the task builds, and that ours has the face of fairseq's."""

from __future__ import annotations

import argparse
import logging
from pathlib import Path
from typing import Any

import pytest
import torch
from fairseq import checkpoint_utils
from fairseq.sequence_generator import SequenceGenerator
from fairseq.sequence_scorer import SequenceScorer

from im2latex_fairseq.tasks import formula_generator
from im2latex_fairseq.tasks.formula_generator import FormulaGenerator
from tests.needs_int8 import needs_int8


def load(checkpoint: Path, data: Path, fast: bool = True, **options: Any) -> tuple[Any, Any, dict[str, Any]]:
    """(models, task, a batch of its test split)."""
    models, _, task = checkpoint_utils.load_model_ensemble_and_task(
        [str(checkpoint)], arg_overrides={"data": str(data), **options}
    )
    task.load_dataset("test")
    dataset = task.datasets["test"]
    for model in models if fast else []:
        model.make_generation_fast_(need_attn=False)
    return models, task, dataset.collater([dataset[index] for index in range(4)])


def arguments(**values: Any) -> argparse.Namespace:
    return argparse.Namespace(**{"beam": 3, "max_len_a": 0, "max_len_b": 12, **values})


@pytest.mark.parametrize(
    "values", [{}, {"beam": 1}, {"lenpen": 0.3}, {"unnormalized": True}, {"temperature": 3.0}]
)
def test_batches_come_out_as_from_fairseqs_generator(
    prepared_data: Path, checkpoint: Path, values: dict[str, Any]
) -> None:
    models, task, sample = load(checkpoint, prepared_data)
    ours = task.build_generator(models, arguments(**values))
    task.cfg.stock_generator = True
    stock = task.build_generator(models, arguments(**values))
    assert isinstance(ours, FormulaGenerator) and isinstance(stock, SequenceGenerator)
    outputs, expected = (task.inference_step(generator, models, sample) for generator in (ours, stock))
    assert len(outputs) == len(expected) == 4
    for hypotheses, others in zip(outputs, expected, strict=True):
        assert len(hypotheses) == len(others)
        for hypothesis, other in zip(hypotheses, others, strict=True):
            assert set(hypothesis) == set(other)
            for name, tensor in hypothesis.items():
                assert tensor.dtype == other[name].dtype, name
                torch.testing.assert_close(tensor, other[name], rtol=0, atol=1e-4)
            hypothesis["positional_scores"].div_(2)  # as fairseq-generate does


def test_attention_is_given_where_the_model_is_asked_for_it(prepared_data: Path, checkpoint: Path) -> None:
    models, task, sample = load(checkpoint, prepared_data)
    models[0].make_generation_fast_(need_attn=True)
    output = task.inference_step(task.build_generator(models, arguments()), models, sample)[1][0]
    task.cfg.stock_generator = True
    expected = task.inference_step(task.build_generator(models, arguments()), models, sample)[1][0]
    torch.testing.assert_close(output["attention"], expected["attention"], rtol=0, atol=1e-5)


@pytest.mark.parametrize(
    "values, reason",
    [
        ({"sampling": True}, "--sampling"),
        ({"diverse_beam_groups": 3}, "--diverse-beam-groups"),
        ({"diversity_rate": 0.5}, "--diversity-rate"),
        ({"match_source_len": True}, "--match-source-len"),
        ({"constraints": "ordered"}, "--constraints"),
        ({"no_repeat_ngram_size": 2}, "--no-repeat-ngram-size"),
        ({"unkpen": 1.0}, "--unkpen"),
        ({"min_len": 3}, "--min-len"),
        ({"retain_dropout": True}, "--retain-dropout"),
        ({"score_reference": True}, "--score-reference"),
    ],
)
def test_what_ours_does_not_do_fairseqs_does(
    prepared_data: Path,
    gated_checkpoint: Path,
    caplog: pytest.LogCaptureFixture,
    values: dict[str, Any],
    reason: str,
) -> None:
    models, task, _ = load(gated_checkpoint, prepared_data)
    formula_generator.log_stock.cache_clear()
    with caplog.at_level(logging.INFO):
        generators = [task.build_generator(models, arguments(**values)) for _ in range(2)]
    assert all(isinstance(generator, (SequenceGenerator, SequenceScorer)) for generator in generators)
    assert caplog.text.count(f"decoding by fairseq's own generator, which is slower: {reason}\n") == 1
    task.cfg.stop_repetition = True
    with pytest.raises(ValueError, match=f"fairseq's own has to decode: {reason}"):
        task.build_generator(models, arguments(**values))


def test_prefix_tokens_and_language_models_are_for_fairseqs_generator(
    prepared_data: Path, gated_checkpoint: Path, caplog: pytest.LogCaptureFixture
) -> None:
    models, task, sample = load(gated_checkpoint, prepared_data)
    formula_generator.log_stock.cache_clear()
    generator = task.build_generator(models, arguments())
    prefix = sample["target"][:, :2]
    with caplog.at_level(logging.INFO):
        outputs = task.inference_step(generator, models, sample, prefix_tokens=prefix)
    assert [output[0]["tokens"][:2].tolist() for output in outputs] == prefix.tolist()
    assert "prefix_tokens given" in caplog.text
    task.cfg.stop_repetition = True
    filtered = task.build_generator(models, arguments())
    with pytest.raises(ValueError, match="prefix_tokens given: --constrained and --stop-repetition"):
        task.inference_step(filtered, models, sample, prefix_tokens=prefix)
    task.cfg.stop_repetition = False
    extra = {"lm_model": models[0], "lm_weight": 0.5}
    with_language_model = task.build_generator(models, arguments(), extra_gen_cls_kwargs=extra)
    assert isinstance(with_language_model, SequenceGenerator)
    without = {"lm_model": None, "lm_weight": 1.0}  # what fairseq-generate passes
    assert isinstance(
        task.build_generator(models, arguments(), extra_gen_cls_kwargs=without), FormulaGenerator
    )


def test_models_that_ours_does_not_know_are_for_fairseqs_generator(
    prepared_data: Path, gated_checkpoint: Path
) -> None:
    models, task, sample = load(gated_checkpoint, prepared_data)

    class Other(type(models[0].decoder)):  # type: ignore[misc]
        def forward(self, *args: Any, **kwargs: Any) -> Any:
            return super().forward(*args, **kwargs)

    models[0].decoder.__class__ = Other
    generator = task.build_generator(models, arguments())
    assert isinstance(generator, SequenceGenerator)
    assert len(task.inference_step(generator, models, sample)) == 4
    models, task, _ = load(gated_checkpoint, prepared_data)
    assert isinstance(task.build_generator([models[0].half()], arguments()), SequenceGenerator)


@pytest.mark.parametrize("precision", ["bfloat16", pytest.param("int8", marks=needs_int8)])
def test_rounded(prepared_data: Path, checkpoint: Path, precision: str) -> None:
    models, task, sample = load(checkpoint, prepared_data, decode_precision=precision)
    generator = task.build_generator(models, arguments())
    assert generator.settings.precision == precision
    rounded = task.inference_step(generator, models, sample)
    task.cfg.decode_precision = "float32"
    exact = task.inference_step(task.build_generator(models, arguments()), models, sample)
    difference = [abs(float(a[0]["score"] - b[0]["score"])) for a, b in zip(rounded, exact, strict=True)]
    assert 0 < max(difference) < 0.1


def test_which_precision_decodes(prepared_data: Path, checkpoint: Path) -> None:
    """--bf16-autocast decodes in bfloat16, too, unless something else is asked for."""
    models, task, _ = load(checkpoint, prepared_data, bf16_autocast=True)
    for asked, found in (("float32", "bfloat16"), ("bfloat16", "bfloat16"), ("int8", "int8")):
        task.cfg.decode_precision = asked
        assert task.build_generator(models, arguments()).settings.precision == found


def test_stopping_repetition(prepared_data: Path, gated_checkpoint: Path) -> None:
    """A model that says one token for ever is stopped, and by nothing else."""
    models, task, sample = load(gated_checkpoint, prepared_data)
    bias = models[0].decoder.output_bias
    with torch.no_grad():
        bias[task.dictionary.nspecial] = 1e3
        bias[task.dictionary.eos()] = 1e2
    lengths = []
    for stop in (False, True):
        task.cfg.stop_repetition = stop
        generator = task.build_generator(models, arguments(beam=1, max_len_b=150))
        lengths.append(
            [len(output[0]["tokens"]) for output in task.inference_step(generator, models, sample)]
        )
    assert lengths[0] == [151] * 4
    assert max(lengths[1]) < 151


def test_validation_sees_weights_as_they_are_now(prepared_data: Path, gated_checkpoint: Path) -> None:
    """A generator keeps weights that it prepared; validation builds one for each batch."""
    models, task, sample = load(gated_checkpoint, prepared_data, eval_generate=True)
    before = task._decode_some(sample, models[0])
    token = task.dictionary.nspecial
    with torch.no_grad():
        models[0].decoder.output_bias[token] = 1e3
        models[0].decoder.embed_tokens.weight.mul_(1.5)
    after = task._decode_some(sample, models[0])
    assert before != after
    assert all(set(hypothesis) == {task.dictionary[token]} for hypothesis, _ in after)


def test_training_goes_on_after_decoding(prepared_data: Path, checkpoint: Path) -> None:
    """Tables that the encoder keeps are no tensors of inference mode, which autograd refuses."""
    models, task, sample = load(checkpoint, prepared_data, fast=False)
    task.inference_step(task.build_generator(models, arguments()), models, sample)
    model = models[0].train()
    model(**sample["net_input"])[0].square().mean().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


def test_an_empty_batch(prepared_data: Path, gated_checkpoint: Path) -> None:
    models, task, sample = load(gated_checkpoint, prepared_data)
    generator = task.build_generator(models, arguments())
    empty = {name: tensor[:0] for name, tensor in sample["net_input"].items()}
    assert task.inference_step(generator, models, {"net_input": empty}) == []
