from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from im2latex_fairseq.evaluation import judging
from im2latex_fairseq.evaluation.alignment import AlignedTexts, align
from im2latex_fairseq.evaluation.formula_list import FormulaList, Record
from im2latex_fairseq.evaluation.judging import GROUPS, NO_TEX, judge, metrics_called
from im2latex_fairseq.metrics.registry import TEXT_METRICS


@pytest.fixture
def aligned() -> AlignedTexts:
    references = [Record("x ^ { 2 }", "f0", 1), Record(r"\frac { a } { b }", "f1", 2), Record("y", "f2", 3)]
    hypotheses = [Record("x ^ 2", "f0", 1), Record(r"\frac { a }", "f1", 2)]
    return align(
        FormulaList((Path("r"),), "tsv", "id", tuple(references)),
        FormulaList((Path("h"),), "tsv", "id", tuple(hypotheses)),
    )


def test_metrics_are_called_by_name_or_group() -> None:
    assert metrics_called("text") == TEXT_METRICS
    assert metrics_called("exact_match, text")[0].name == "exact_match"
    assert len(metrics_called("exact_match,text,all")) == len(GROUPS["all"])
    with pytest.raises(ValueError, match="'images' is unknown; there are"):
        metrics_called("images")
    with pytest.raises(ValueError, match="no metric named; there are all, text, image, symbol, bleu_multi"):
        metrics_called(" , ")


def test_without_tex_text_is_judged_and_the_rest_is_said(
    aligned: AlignedTexts, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judging, "tex_available", lambda: False)
    picture = np.zeros((2, 2), dtype=np.uint8)
    evaluation = judge(aligned, pictures={f"f{n}": picture for n in range(3)})
    assert evaluation.metrics == TEXT_METRICS
    assert set(evaluation.left_out) == {metric.name for metric in (*GROUPS["image"], *GROUPS["symbol"])}
    assert set(evaluation.left_out.values()) == {NO_TEX}
    assert any("true pictures weren't looked at" in remark for remark in evaluation.remarks)
    assert evaluation.score("exact_match") == pytest.approx(100 / 3)


def test_progress_ends_where_it_should(aligned: AlignedTexts, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(judging, "tex_available", lambda: False)
    bars: dict[str, list[int]] = {}

    class Bar(judging.NoProgress):
        def __init__(self, label: str = "", total: int = 0, unit: str = "") -> None:
            self.counts = bars.setdefault(label, [total, 0])

        def advance(self, count: int = 1) -> None:
            self.counts[1] += count

        def __enter__(self) -> Bar:
            return self

    judge(aligned, progress=Bar)
    assert bars.keys() == {"reading formulas", "scoring"}
    assert all(done == total for total, done in bars.values())


@pytest.mark.tex
def test_with_tex_everything_is_judged(aligned: AlignedTexts) -> None:
    evaluation = judge(aligned)
    assert evaluation.metrics == GROUPS["all"]
    assert evaluation.left_out == {}
    assert evaluation.score("compile_rate") == pytest.approx(100 / 3)
    assert [pair.hypothesis_image is None for pair in evaluation.pairs] == [False, True, True]
    drawn, symbols = evaluation.remarks[-2:]
    assert drawn.startswith("drawn: 1 of 3 hypotheses drawn")
    assert "symbols: " in symbols
