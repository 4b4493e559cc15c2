"""The page as a document: what it holds, what it loads (nothing), how large it is."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import json
import re
import time
from html.parser import HTMLParser

import pytest

from im2latex_fairseq.evaluation.evaluation import Evaluation
from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.images.renderer import RenderError
from im2latex_fairseq.report import building
from im2latex_fairseq.report.building import build_report
from im2latex_fairseq.report.settings import ReportSettings
from tests.report.evaluations import HOSTILE, large_evaluation, pictures_of, small_evaluation

QUICK = Resampling(resamples=20)


class Document(HTMLParser):
    """The elements and texts of a page."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.scripts: list[str] = []
        self.styles: list[str] = []
        self.text = ""
        self._inside: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attributes)))
        self._inside.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in self._inside:
            while self._inside.pop() != tag:
                pass

    def handle_data(self, data: str) -> None:
        inside = self._inside[-1] if self._inside else ""
        if inside == "script":
            self.scripts.append(data)
        elif inside == "style":
            self.styles.append(data)
        else:
            self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


def page_of(evaluation: Evaluation, **settings: int) -> str:
    return build_report(evaluation, QUICK, ReportSettings(**settings)).html  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def page() -> str:
    evaluation = small_evaluation()
    pictures = pictures_of(evaluation)
    settings = ReportSettings(title=f"A report {HOSTILE}")
    return build_report(evaluation, QUICK, settings, pictures=pictures).html


@pytest.fixture(scope="module")
def document(page: str) -> Document:
    return Document(page)


def test_it_is_one_document(page: str, document: Document) -> None:
    assert page.startswith("<!doctype html>\n")
    assert [len(document.all(tag)) for tag in ("html", "head", "body", "main", "h1", "style")] == [1] * 6
    assert document.all("html")[0]["lang"] == "en"


def test_it_loads_nothing(page: str, document: Document) -> None:
    for tag, attributes in document.elements:
        assert tag not in ("link", "iframe", "object", "embed", "base", "img", "audio", "video", "source")
        assert not {"src", "srcset", "background", "action", "data"} & set(attributes), (tag, attributes)
        target = attributes.get("href")
        assert target is None or target.startswith("#")
    assert not re.search(r"url\(|@import|@font-face", "".join(document.styles))
    assert not re.search(r"\b(fetch|XMLHttpRequest|import|WebSocket|sendBeacon)\b *\(", document.scripts[1])


def test_its_policy_allows_its_own_script_and_style_alone(document: Document) -> None:
    (policy,) = (m["content"] for m in document.all("meta") if "http-equiv" in m)
    assert policy is not None

    def source(text: str) -> str:
        return f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"

    rules = dict(rule.split(" ", 1) for rule in policy.split("; "))
    assert rules["default-src"] == "'none'"
    assert rules["img-src"] == "data:"
    assert rules["style-src"] == source("".join(document.styles))
    assert rules["script-src"] == source(document.scripts[1])
    assert "unsafe" not in policy
    for _, attributes in document.elements:  # the policy wouldn't apply these
        assert not any(name == "style" or name.startswith("on") for name in attributes)


def test_formulas_are_text_wherever_they_appear(page: str, document: Document) -> None:
    assert len(document.all("script")) == 2, "the data and the script"
    assert HOSTILE not in page
    assert HOSTILE in document.text, "the title, as text"
    data = json.loads(document.scripts[0])
    assert HOSTILE in data["ids"][6] and HOSTILE in data["given"]["6"]["hypothesis"]


def test_every_control_has_a_label_and_every_table_headings(page: str, document: Document) -> None:
    labelled = re.findall(r"<label[^>]*>[^<]+<(?:select|input) id=\"([\w-]+)\"", page)
    controls = [a["id"] for tag in ("select", "input") for a in document.all(tag)]
    assert sorted(labelled) == sorted(str(name) for name in controls)
    tables = re.findall(r"<table.*?</table>", page, re.DOTALL)
    assert tables and all("<caption" in table and 'scope="col"' in table for table in tables)
    for drawing in document.all("svg"):
        assert drawing["role"] == "img" and drawing["aria-labelledby"]
    names = [attributes["id"] for _, attributes in document.elements if "id" in attributes]
    assert len(names) == len(set(names))


def test_it_shows_scores_with_intervals_counts_and_signatures(document: Document) -> None:
    for shown in (
        "95% interval",
        "Edit accuracy, normal tokens",
        "edit|tokens:normal|",
        "20 resamples",
        "missing: no hyp",
    ):
        assert shown in document.text
    assert "1 sample of which nothing was read" in document.text


def test_curves_are_by_length_width_confidence_and_structure(document: Document) -> None:
    for title in ("By length", "By width", "By confidence", "By structure"):
        assert f"{title}: Exact match" in document.text


def test_samples_have_their_pictures(document: Document) -> None:
    data = json.loads(document.scripts[0])
    assert set(data["pictures"]) == {str(number) for number in range(7)}
    assert set(data["pictures"]["0"]) == {"input", "hypothesis", "difference", "agreement", "aligned"}
    assert set(data["pictures"]["3"]) == {"input"}, "nothing was read"
    width, height, content = data["pictures"]["0"]["input"]
    assert (width, height) <= (208, 48) and base64.b64decode(content).startswith(b"\x89PNG")
    assert "random" in data and sorted(data["random"]) == list(range(7))
    assert 3 not in data["worst"], "there is nothing to look at"


def test_the_same_evaluation_makes_the_same_page() -> None:
    assert page_of(small_evaluation()) == page_of(small_evaluation())


def test_without_tex_it_says_what_is_missing(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "tex_available", lambda: False)
    document = Document(page_of(small_evaluation(drawn=False)))
    assert (
        "Formulas aren't drawn and drawings not compared: latex or dvipng wasn't on the PATH" in document.text
    )
    assert "Left out, because latex isn't on the PATH: image_match" in document.text
    assert "No curve by width" in document.text
    assert "weren't given (--images)" in document.text
    assert json.loads(document.scripts[0])["pictures"] == {}


def test_where_tex_fails_it_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*arguments: object, **options: object) -> None:
        raise RenderError("the format can't be made")

    monkeypatch.setattr(building, "tex_available", lambda: True)
    monkeypatch.setattr(building, "render_pairs", fail)
    document = Document(page_of(small_evaluation(drawn=False)))
    assert "Formulas aren't drawn and drawings not compared: the format can't be made" in document.text


def test_without_tex_but_with_pictures_these_are_shown(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "tex_available", lambda: False)
    evaluation = small_evaluation(drawn=False)
    page = build_report(evaluation, QUICK, ReportSettings(), pictures=pictures_of(evaluation)).html
    document = Document(page)
    assert "width of the picture's ink" in document.text
    assert set(json.loads(document.scripts[0])["pictures"]["0"]) == {"input"}


def test_few_pairs_and_perfect_ones_make_a_page() -> None:
    evaluation = small_evaluation()
    first = dataclasses.replace(
        evaluation,
        pairs=evaluation.pairs[:1],
        statistics={name: rows[:1] for name, rows in evaluation.statistics.items()},
        counts=dataclasses.replace(evaluation.counts, references=1, hypotheses=1, missing=0),
    )
    document = Document(page_of(first))
    assert "None: every token is right" in document.text
    assert "they take two pairs or more" in document.text


def test_no_pairs_are_refused() -> None:
    with pytest.raises(ValueError, match="no pairs"):
        page_of(large_evaluation(0))


def test_the_worst_are_by_a_metric_that_there_is() -> None:
    with pytest.raises(ValueError, match=r"no metric 'bleu' .* token_edit_accuracy, exact_match"):
        build_report(small_evaluation(), QUICK, ReportSettings(worst_by="bleu"))


def test_more_samples_than_are_listed() -> None:
    report = build_report(large_evaluation(200), QUICK, ReportSettings(worst=10, random=10, listed=50))
    data = json.loads(Document(report.html).scripts[0])
    assert (report.samples, report.listed) == (200, 50)
    assert len(data["ids"]) == len(set(data["ids"])) == 50
    assert all(str(place) in data["pictures"] for place in (*data["worst"], *data["random"]))
    assert "50 of 200 samples" in report.html


def test_ten_thousand_samples_fit() -> None:
    """Under 30 MB and three minutes; a third of each here, for scores and longer formulas to take."""
    evaluation = large_evaluation(10_000)
    start = time.process_time()
    report = build_report(evaluation, Resampling(), ReportSettings(), pictures=pictures_of(evaluation))
    assert time.process_time() - start < 60
    assert report.pictured >= 380
    assert len(report.html.encode()) < 10e6


def test_without_resamples_there_are_scores_alone() -> None:
    report = build_report(small_evaluation(), Resampling(resamples=0), ReportSettings())
    document = Document(report.html)
    assert "none were asked for" in document.text
    assert "whiskers" not in document.text and "By structure: Exact match" in document.text


def test_without_metrics_there_are_still_samples(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(building, "tex_available", lambda: False)
    bare = dataclasses.replace(small_evaluation(), metrics=(), statistics={})
    document = Document(page_of(bare))
    data = json.loads(document.scripts[0])
    assert (data["metrics"], data["worst"], len(data["random"])) == ([], [], 7)
    assert "No metric was computed" in document.text
