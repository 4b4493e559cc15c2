"""The page in a real browser: it opens without a complaint, loads nothing, filters, sorts, obeys the keyboard."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from im2latex_fairseq.evaluation.intervals import Resampling
from im2latex_fairseq.report.building import build_report
from im2latex_fairseq.report.settings import ReportSettings
from tests.headless_browser import Browser, Page, find_browser, running_browser
from tests.report.evaluations import pictures_of, small_evaluation

pytestmark = pytest.mark.browser

READY = "document.documentElement.dataset.ready === 'yes'"
# Names of the samples in the list, the hostile one shortened.
SHOWN = "[...document.querySelectorAll('#cards h3')].map((heading) => heading.textContent.split(' ')[0])"


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = find_browser()
    assert program is not None
    with running_browser(program) as found:
        yield found


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> str:
    evaluation = small_evaluation()
    report = build_report(
        evaluation,
        Resampling(resamples=20),
        ReportSettings(title="A report", worst=4, random=3),
        pictures=pictures_of(evaluation),
    )
    path: Path = tmp_path_factory.mktemp("report") / "report.html"
    report.write(path)
    return path.as_uri()


@pytest.fixture
def page(browser: Browser, address: str) -> Iterator[Page]:
    found = browser.open(address)
    found.wait_until(READY)
    yield found
    assert found.problems == [], "the console has nothing to say"
    assert {request.partition("#")[0] for request in found.requests} == {address}, "nothing is loaded"
    found.close()


def shown(page: Page, *names: str) -> None:
    """Wait until these samples are listed, in this order."""
    assert page.wait_for(SHOWN, list(names)) == list(names)


def column(page: Page, table: str, number: int) -> list[str]:
    cells = page.evaluate(
        f"[...document.querySelectorAll('#{table} tbody tr')].map((row) => row.cells[{number}].textContent)"
    )
    assert isinstance(cells, list)
    return cells


def test_it_opens_with_the_worst_samples_and_their_pictures(page: Page) -> None:
    shown(page, "fifth", "second", "third", "sixth")
    assert page.evaluate("document.title") == "A report", "no formula ran as a script"
    assert page.evaluate("document.getElementById('found').textContent") == "4 fit; 4 shown."
    page.wait_until("[...document.images].every((image) => image.complete)")
    assert page.evaluate("document.images.length") > 4
    assert page.evaluate("[...document.images].every((image) => image.naturalWidth > 0 && image.alt)")


def test_right_and_wrong_tokens_are_marked(page: Page) -> None:
    page.choose("#show", "all")
    page.choose("#outcome", "wrong")
    page.choose("#sort", "length")
    shown(page, "second", "third", "sixth", "fifth")
    marks = (
        "[...document.querySelector('#cards article').querySelectorAll('del, ins')].map((e) => e.textContent)"
    )
    assert page.evaluate(marks) == ["3", "2"]


def test_samples_are_filtered_as_one_types(page: Page) -> None:
    page.choose("#show", "all")
    page.click("#find")
    page.type(r"\beta")
    shown(page, "third", "fifth")  # one has it in its prediction
    page.choose("#where", "hypothesis")
    shown(page, "fifth")
    page.choose("#where", "id")
    shown(page)
    assert page.evaluate("document.getElementById('found').textContent") == "None fits."


def test_samples_are_filtered_by_structure_and_outcome(page: Page) -> None:
    page.choose("#show", "all")
    page.choose("#structure", "fraction")
    shown(page, "third", "fifth")
    page.choose("#structure", "")
    page.choose("#outcome", "right")
    shown(page, "first")
    page.choose("#outcome", "empty")
    shown(page, "fourth")
    page.choose("#outcome", "undrawn")
    shown(page, "seventh")


def test_samples_are_sorted(page: Page) -> None:
    page.choose("#show", "all")
    page.choose("#sort", "confidence")
    # The one without a confidence is the last, whichever way.
    shown(page, "fifth", "seventh", "second", "sixth", "third", "first", "fourth")
    page.choose("#order", "down")
    shown(page, "first", "third", "sixth", "second", "seventh", "fifth", "fourth")
    page.choose("#sort", "metric:exact_match")
    page.choose("#order", "up")
    assert page.evaluate(f"{SHOWN}.at(-1)") == "first"


def test_tables_are_sorted_by_their_headings(page: Page) -> None:
    assert column(page, "confusions", 2)[:3] == ["4", "4", "2"], "the most frequent first"
    page.click("#confusions thead th:nth-child(1) button")
    tokens = column(page, "confusions", 0)
    assert tokens == sorted(tokens)
    assert page.evaluate("document.querySelector('#confusions th').getAttribute('aria-sort')") == "ascending"
    page.click("#metrics thead th:nth-child(2) button")
    scores = [float(score) for score in column(page, "metrics", 1)]
    assert scores == sorted(scores, reverse=True)
    # By the keyboard: the button of the heading has the focus now.
    page.press("Enter", 13, "\r")
    page.wait_until(
        "document.querySelector('#metrics th:nth-child(2)').getAttribute('aria-sort') === 'ascending'"
    )
    assert [float(score) for score in column(page, "metrics", 1)] == sorted(scores)


def test_a_confusion_leads_to_its_samples(page: Page) -> None:
    page.click("#confusions button[data-right='3'][data-read='2']")
    shown(page, "second", "sixth")
    assert "3 read as 2" in page.evaluate("document.getElementById('confusion').textContent")
    page.click("#confusion-clear")
    page.wait_until(f"{SHOWN}.length === 7")


def test_confusions_are_filtered_by_token(page: Page) -> None:
    page.click("#confusion-token")
    page.type("2")
    page.wait_until("document.getElementById('confusions-shown').textContent === '1 row'")


def test_one_metric_has_its_curves_at_a_time(page: Page) -> None:
    visible = (
        "[...document.querySelectorAll('[data-curves]')].filter((e) => e.checkVisibility())"
        ".map((e) => e.dataset.curves).join()"
    )
    assert page.evaluate(visible) == "token_edit_accuracy"
    page.choose("#curve-metric", "exact_match")
    assert page.evaluate(visible) == "exact_match"


def test_the_address_leads_to_the_view(browser: Browser, address: str) -> None:
    page = browser.open(f"{address}#show=all&structure=fraction&sort=length&order=down")
    page.wait_until(READY)
    shown(page, "fifth", "third")
    page.choose("#structure", "root")
    shown(page, "fourth")
    assert "structure=root" in page.evaluate("location.hash")
    assert page.problems == []
    page.close()


@pytest.mark.parametrize("scheme, dark", [("light", False), ("dark", True)])
def test_it_is_readable_on_a_phone_in_light_and_dark(page: Page, scheme: str, dark: bool) -> None:
    page.prefer(scheme)
    page.resize(390, 844, phone=True)
    page.choose("#show", "all")
    page.wait_until(f"{SHOWN}.length === 7")
    assert page.evaluate("document.documentElement.scrollWidth") == 390, "nothing sticks out"
    ground, text = page.evaluate(
        "(() => { const style = getComputedStyle(document.body);"
        " return [style.backgroundColor, style.color].map((c) => c.match(/\\d+/g).map(Number)); })()"
    )
    assert (sum(ground) < sum(text)) is dark
    assert page.evaluate("parseFloat(getComputedStyle(document.querySelector('.tokens')).fontSize)") >= 14


def test_what_gets_in_by_mistake_does_not_run(page: Page) -> None:
    """The policy is the second wall, behind escaping."""
    page.evaluate(
        "(() => { const script = document.createElement('script'); script.async = false;"
        " try { script.textContent = 'document.title = \"broken into\"'; } catch { /* trusted types */ }"
        " document.body.append(script); })()"
    )
    assert page.evaluate("document.title") == "A report"
    page.problems.clear()  # the browser said that it refused
