"""The HTML of a report: one document that loads nothing (see `document`)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from im2latex_fairseq import __version__
from im2latex_fairseq.evaluation.counts import TREATMENT
from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.metrics.metric import Metric
from im2latex_fairseq.report.document import asset, html_document
from im2latex_fairseq.report.safe_text import escaped, script_json
from im2latex_fairseq.report.token_edits import Confusion

_MOST_CONFUSIONS = 200


@dataclass(frozen=True)
class PageContent:
    """What a page is made of.

    Attributes:
        title: Of the page.
        evaluation: Scores, counts and remarks.
        intervals: Name of a metric -> interval of its score.
        resampling: How intervals were drawn.
        headline: Names of the metrics at the top.
        charts: Name of a metric -> its charts as HTML.
        charts_notes: What should be known of the charts.
        confusions: All, the most frequent first.
        confusion_notes: What should be known of these.
        samples: What `sample_list` returned.
        notes: What is on the page, what isn't, and why.
    """

    title: str
    evaluation: Evaluation
    intervals: Mapping[str, tuple[float, float]]
    resampling: Resampling
    headline: Sequence[str]
    charts: Mapping[str, str]
    charts_notes: Sequence[str]
    confusions: Sequence[Confusion]
    confusion_notes: Sequence[str]
    samples: Mapping[str, Any]
    notes: Sequence[str]


def page_html(content: PageContent) -> str:
    """The whole document."""
    title = escaped(content.title)
    counts = content.evaluation.counts
    body = (
        '<a class="skip" href="#samples">To the samples</a>\n'
        f"<header><h1>{title}</h1>"
        f'<p class="soft">{counts.references:,} formulas, {counts.hypotheses:,} predictions. '
        f"im2latex-fairseq {escaped(__version__)}.</p>"
        '<nav aria-label="Sections"><ul><li><a href="#scores">Scores</a></li><li><a href="#curves">Curves</a></li>'
        '<li><a href="#confused">Confused tokens</a></li><li><a href="#samples">Samples</a></li>'
        '<li><a href="#about">About this page</a></li></ul></nav></header>\n<main>\n'
        f"{_scores(content)}\n{_curves(content)}\n{_confusions(content)}\n{_samples()}\n{_about(content)}\n</main>\n"
        f'<script type="application/json" id="data">{script_json(content.samples)}</script>'
    )
    return html_document(title, asset("page.css"), asset("page.js"), body)


def _scores(content: PageContent) -> str:
    evaluation = content.evaluation
    share = f"{100 * content.resampling.confidence:g}% interval"
    tiles = "".join(_tile(content, name) for name in content.headline)
    body = "".join(_metric_row(metric, content) for metric in evaluation.metrics)
    signatures = "".join(
        f"<dt>{escaped(metric.name)}</dt><dd><code>{escaped(metric.signature)}</code></dd>"
        for metric in evaluation.metrics
    )
    reasons: dict[str, list[str]] = {}
    for name, why in evaluation.left_out.items():
        reasons.setdefault(why, []).append(name)
    left_out = "".join(
        f'<p class="note">Left out, because {escaped(why)}: {escaped(", ".join(names))}.</p>'
        for why, names in reasons.items()
    )
    counts = asdict(evaluation.counts)
    counted = "".join(
        f"<dt>{counts[name]:,}</dt><dd>{escaped(name.replace('_', ' '))}: {escaped(how)}</dd>"
        for name, how in TREATMENT.items()
        if counts[name]
    )
    counted = (
        f"<dl>{counted}</dl>" if counted else "<p>Every reference has one prediction, and none is empty.</p>"
    )
    return (
        f'<section id="scores"><h2>Scores</h2><ul class="tiles">{tiles}</ul>'
        f'<p class="note">{escaped(content.resampling.sentence(evaluation.counts.references))}</p>{left_out}'
        "<details open><summary>All scores</summary>"
        '<div class="scroll" role="region" aria-label="All scores" tabindex="0"><table class="sortable" id="metrics">'
        '<caption class="unseen">All scores; headings sort</caption>'
        '<thead><tr><th scope="col">metric</th><th scope="col" class="number">score</th>'
        f'<th scope="col" class="number plain">{share}</th><th scope="col">unit</th><th scope="col">better</th>'
        f'<th scope="col">name</th></tr></thead><tbody>{body}</tbody></table></div></details>'
        f"<details><summary>Signatures: what each score is, exactly</summary><dl>{signatures}</dl></details>"
        f"<details><summary>How predictions were counted</summary>{counted}"
        f"{_paragraphs(evaluation.remarks)}</details></section>"
    )


def _tile(content: PageContent, name: str) -> str:
    metric = content.evaluation.metric(name)
    interval = content.intervals.get(name)
    between = "" if interval is None else f"<span>{interval[0]:.1f} to {interval[1]:.1f}</span>"
    less = "" if metric.higher_is_better else " (less is better)"
    return (
        f"<li><b>{content.evaluation.score(name):.1f}{_sign(metric)}</b>{between}"
        f"<span>{escaped(metric.title)}{less}</span></li>"
    )


def _metric_row(metric: Metric, content: PageContent) -> str:
    score = content.evaluation.score(metric.name)
    interval = content.intervals.get(metric.name)
    between = "" if interval is None else f"{interval[0]:.2f} to {interval[1]:.2f}"
    return (
        f'<tr><th scope="row">{escaped(metric.title)}</th>'
        f'<td class="number" data-value="{score!r}">{score:.2f}</td><td class="number">{between}</td>'
        f"<td>{escaped(metric.unit)}</td><td>{'higher' if metric.higher_is_better else 'lower'}</td>"
        f"<td><code>{escaped(metric.name)}</code></td></tr>"
    )


def _sign(metric: Metric) -> str:
    return " %" if metric.unit == "percent" else f" {escaped(metric.unit)}"


def _curves(content: PageContent) -> str:
    notes = _paragraphs(content.charts_notes)
    if not content.charts:
        return f'<section id="curves"><h2>Curves</h2>{notes}</section>'
    options = "".join(
        f'<option value="{escaped(name)}">{escaped(content.evaluation.metric(name).title)}</option>'
        for name in content.charts
    )
    sets = "".join(
        f'<div class="charts" data-curves="{escaped(name)}">{charts}</div>'
        for name, charts in content.charts.items()
    )
    return (
        f'<section id="curves"><h2>Curves</h2>{notes}<div class="controls"><label>metric'
        f'<select id="curve-metric">{options}</select></label></div>{sets}</section>'
    )


def _confusions(content: PageContent) -> str:
    shown = content.confusions[:_MOST_CONFUSIONS]
    notes = [*content.confusion_notes]
    if len(shown) < len(content.confusions):
        rest = sum(confusion.times for confusion in content.confusions[len(shown) :])
        notes.append(
            f"The {len(shown)} most frequent of {len(content.confusions):,} are listed; the others came {rest:,} times."
        )
    if not shown:
        return (
            '<section id="confused"><h2>Confused tokens</h2><p>None: every token is right.</p>'
            f"{_paragraphs(notes)}</section>"
        )
    body = "".join(_confusion_row(confusion) for confusion in shown)
    return (
        f'<section id="confused"><h2>Confused tokens</h2>{_paragraphs(notes)}'
        '<div class="controls"><label>only rows with the token<input id="confusion-token" autocomplete="off" '
        'autocapitalize="none" spellcheck="false"></label>'
        f'<output id="confusions-shown" for="confusion-token">{len(shown)} rows</output></div>'
        '<div class="scroll" role="region" aria-label="Confused tokens" tabindex="0">'
        '<table class="sortable" id="confusions">'
        '<caption class="unseen">Confused tokens; headings sort</caption>'
        '<thead><tr><th scope="col">right</th><th scope="col">read as</th>'
        '<th scope="col" class="number" aria-sort="descending">times</th><th scope="col" class="number">formulas</th>'
        '<th scope="col" class="number">share of the right token</th><th scope="col" class="plain">samples</th>'
        f"</tr></thead><tbody>{body}</tbody></table></div></section>"
    )


def _confusion_row(confusion: Confusion) -> str:
    right, read = escaped(confusion.reference), escaped(confusion.hypothesis)
    share = confusion.times / confusion.occurrences if confusion.occurrences else -1.0
    return (
        f'<tr data-right="{right}" data-read="{read}"><td>{_token(right)}</td><td>{_token(read)}</td>'
        f'<td class="number" data-value="{confusion.times}">{confusion.times:,}</td>'
        f'<td class="number" data-value="{confusion.samples}">{confusion.samples:,}</td>'
        f'<td class="number" data-value="{share:.6f}">{f"{100 * share:.2f} %" if share >= 0 else ""}</td>'
        f'<td><button type="button" data-right="{right}" data-read="{read}">show'
        f'<span class="unseen"> samples with {right or "nothing"} read as {read or "nothing"}</span></button></td></tr>'
    )


def _token(escaped_token: str) -> str:
    return f"<code>{escaped_token}</code>" if escaped_token else '<i class="soft">nothing</i>'


def _samples() -> str:
    return (
        '<section id="samples"><h2 id="samples-title" tabindex="-1">Samples</h2>'
        "<noscript><p>The list of samples needs JavaScript; the rest of the page doesn't.</p></noscript>"
        '<form class="controls" id="controls" role="search" aria-label="Samples">'
        '<label>show<select id="show"></select></label>'
        '<label class="wide">with the tokens, blanks between, or the name<input id="find" type="search" '
        'autocomplete="off" autocapitalize="none" spellcheck="false"></label>'
        '<label>in<select id="where"><option value="any">anything</option><option value="reference">the reference'
        '</option><option value="hypothesis">the prediction</option><option value="id">the name</option></select>'
        "</label>"
        '<label>structure<select id="structure"></select></label>'
        '<label>outcome<select id="outcome"></select></label>'
        '<label>sorted by<select id="sort"></select></label>'
        '<label>order<select id="order"><option value="up">ascending</option>'
        '<option value="down">descending</option></select></label></form>'
        '<p id="confusion" hidden><span id="confusion-text"></span> '
        '<button type="button" id="confusion-clear">show the others too</button></p>'
        '<p id="found" role="status" class="soft"></p><ol class="cards" id="cards"></ol>'
        '<button type="button" class="more" id="more" hidden>Show more</button></section>'
    )


def _about(content: PageContent) -> str:
    return f'<section id="about"><h2>About this page</h2>{_paragraphs(content.notes)}</section>'


def _paragraphs(texts: Sequence[str]) -> str:
    return "".join(f'<p class="note">{escaped(text)}</p>' for text in texts)
