"""The report: what a run found, escaped, and nothing that asks the network."""

import re
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

from orderbook.expectations.page import page
from orderbook.store.expectation_runs import ExpectationResult, ExpectationRun

DAY = datetime(2026, 1, 5, tzinfo=UTC)
RUN = ExpectationRun(
    id=7,
    scope="day",
    window_start=DAY,
    window_end=DAY + timedelta(days=1),
    started_at=DAY,
    finished_at=DAY + timedelta(seconds=2.5),
    outcome="failed",
    ticks=1_234_567,
    library_version="1",
    detail="",
    passed=1,
    failed=1,
)
HOLDS = ExpectationResult("numbers_finite", None, "critical", True, 10, 0, "no number is NaN")
HOSTILE = "<script>alert(1)</script>\"'&"
FAILS = ExpectationResult(
    "bid_below_ask", "default", "critical", False, 10, 3, "bid < ask", [{"symbol": HOSTILE, "bid_price": None}]
)


class Tags(HTMLParser):
    """The tags of a page, and its text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.told = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: object) -> None:
        self.tags.append(tag)

    def handle_data(self, data: str) -> None:
        self.told += data


def test_a_failing_run_says_what_fails_and_shows_the_rows() -> None:
    told = Tags(page(RUN, [HOLDS, FAILS])).told
    assert "1 of 2 expectations fail" in told
    assert "Expected: bid < ask. 3 of 10 fail, the first 1:" in told
    assert HOSTILE in told
    assert "1,234,567" in told


def test_what_is_stored_is_text_and_never_markup() -> None:
    tags = Tags(page(replace(RUN, detail=HOSTILE), [HOLDS, FAILS])).tags
    assert "script" not in tags
    assert not {"link", "img", "iframe", "object", "base"} & set(tags)


def test_nothing_in_it_asks_the_network() -> None:
    html = page(RUN, [HOLDS, FAILS])
    assert not re.search(r"https?:|//[a-z]|@import|url\(", html)
    assert "default-src &#x27;none&#x27;" in html


def test_each_outcome_has_its_verdict() -> None:
    clean = replace(RUN, outcome="passed", passed=2, failed=0)
    assert "Every expectation holds" in page(clean, [HOLDS])
    assert "No tick to judge" in page(replace(clean, outcome="empty"), [])
    broken = page(replace(clean, outcome="error", detail="it needs more"), [])
    assert "The run broke off" in broken
    assert "it needs more" in broken
    assert "not judged" in page(RUN, [replace(HOLDS, passed=None, checked=0), FAILS])
