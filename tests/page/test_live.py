"""The page over a running pipeline: what it shows is what is stored, and it says so when that is old or incomplete."""

import re
import time
from collections.abc import Callable, Iterator
from datetime import timedelta
from decimal import Decimal
from itertools import count
from typing import Any
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Page, expect

from orderbook.clock import utc_now
from orderbook.embedded.ports import choose_port
from tests.faults.proxy import Kind, Proxy, Toxic
from tests.page.site import FEED, Site
from tests.page.tracing import traced
from tests.page.visits import PHONE, Visitors, until
from tests.pipeline import tick

pytestmark = pytest.mark.slow  # a browser at work for minutes

Eventually = Callable[..., None]

# Counts, from the page's first moment on, how often the large bid or ask changes, and when it first did.
WATCH = """
    window.seen = { texts: [], at: [] };
    new MutationObserver(() => {
        const text = [...document.querySelectorAll('.figures .ticker')].map((one) => one.textContent).join(' ');
        if (text.trim() && text !== window.seen.texts.at(-1)) {
            window.seen.texts.push(text);
            window.seen.at.push(performance.now());
        }
    }).observe(document, { childList: true, subtree: true, characterData: true });
"""


# What the browser itself calls a long task: more than 50 ms of the main thread, by the clock.
LONG = """
    window.long = [];
    new PerformanceObserver((list) => window.long.push(...list.getEntries().map((task) => Math.round(task.duration))))
        .observe({ type: 'longtask' });
"""


def badge(page: Page) -> Any:
    return page.locator("#badge b")


def test_a_quote_moves_within_three_seconds_of_opening(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/TTF-GAS"), init=WATCH) as page:
        until(page, "window.seen.at.length >= 2")
        first, second = page.evaluate("window.seen.at.slice(0, 2)")
        print(f"\na quote after {first:.0f} ms, the next one after {second:.0f} ms")
        assert second < 3000
        expect(badge(page)).to_have_text("LIVE")


def test_the_values_on_the_page_are_those_of_the_database(
    site: Site, visitors: Visitors, eventually: Eventually
) -> None:
    symbol = "TTF-EXACT"  # of the profile that takes prices below zero
    odd = {"bid_price": Decimal("-12.500000001"), "ask_price": Decimal("-12.45"), "ask_volume": Decimal("85.25")}
    rising = ({"bid_price": Decimal(27) + Decimal(sequence) / 1000} for sequence in range(2, 8))
    with visitors.visit(site.at(f"live/{symbol}")) as page:
        for sequence, values in enumerate([odd, *rising], start=1):
            site.send(tick(sequence, symbol, **values))
            eventually(lambda sequence=sequence: site.newest(symbol)[:1] == (sequence,), 30)
            expect(page.locator(".tape tbody tr").first.locator(".sequence")).to_have_text(str(sequence))
            assert shown_of(page) == site.newest(symbol)[1:]


def shown_of(page: Page) -> tuple[Decimal, ...]:
    """Bid, ask and both sizes, as the page shows them."""
    found = page.evaluate(
        """['.figures .bid .ticker', '.figures .ask .ticker', '.figures .bid .size', '.figures .ask .size']
            .map((place) => document.querySelector(place).textContent)"""
    )
    return tuple(Decimal(text.replace("\N{MINUS SIGN}", "-")) for text in found)


def test_every_row_of_the_tape_is_a_row_of_the_database(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/NBP-GAS")) as page:
        expect(page.locator(".tape tbody tr:visible").nth(8)).to_be_visible()
        page.keyboard.press("Space")
        expect(badge(page)).to_have_text("HELD")
        found = page.evaluate(
            """[...document.querySelectorAll('.tape tbody tr:not([hidden])')].map((row) =>
                ['sequence', 'bid', 'ask'].map((name) => row.querySelector(`.${name}`).textContent))"""
        )
        held = page.locator(".tape tbody").inner_text()
        numbers = ",".join(sequence for sequence, *_ in found)
        stored = site.deployment.rows(
            "SELECT sequence_id, bid_price, ask_price FROM ticks "
            f"WHERE symbol = 'NBP-GAS' AND sequence_id IN ({numbers})"
        )
        assert {(int(s), Decimal(b), Decimal(a)) for s, b, a in found} == set(stored)
        assert page.locator(".tape tbody").inner_text() == held
        page.keyboard.press("Space")
        expect(badge(page)).to_have_text("LIVE")


def goes_on(site: Site, symbol: str, sequences: Iterator[int]) -> None:
    """One tick more: a symbol that stood still would be told as stale."""
    site.send(tick(next(sequences), symbol))


def test_a_gap_is_said_and_taken_back_when_it_is_filled(site: Site, visitors: Visitors, eventually: Eventually) -> None:
    symbol, sequences = "GAP-GAS", count(8)
    base = utc_now()
    numbered = {n: tick(n, symbol, event_time=base + timedelta(milliseconds=n)) for n in range(1, 8)}
    site.send(*(numbered[n] for n in (1, 2, 3)))
    with visitors.visit(site.at(f"live/{symbol}")) as page:
        mine = page.locator(".instrument .badge b")
        expect(mine).to_have_text("LIVE")
        site.send(numbered[7])
        eventually(lambda: goes_on(site, symbol, sequences) or mine.text_content() == "GAP", 30)
        expect(badge(page)).to_have_text("GAP")
        expect(page.locator(f'li[data-symbol="{symbol}"] .state')).to_have_text("gap")
        site.send(*(numbered[n] for n in (4, 5, 6)))
        eventually(lambda: goes_on(site, symbol, sequences) or mine.text_content() == "LIVE", 30)
        expect(badge(page)).not_to_have_text("GAP")


def test_a_silent_feed_is_stale_until_it_goes_on(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/TTF-GAS"), init=WATCH) as page:
        until(page, "window.seen.at.length >= 5")
        site.deployment.running["simulator"].stop()
        try:
            expect(badge(page)).to_have_text(re.compile(r"STALE \d"))
            expect(page.locator(".instrument .badge b")).to_have_text(re.compile(r"STALE \d"))
            expect(page.locator("#announcer")).to_have_text("Feed: stale")
        finally:
            site.deployment.simulator(FEED)
        expect(badge(page)).to_have_text("LIVE", timeout=30_000)


@pytest.mark.parametrize("size", [PHONE, (720, 450)], ids=["phone", "desk at 200 %"])
def test_nothing_is_wider_than_the_screen(site: Site, visitors: Visitors, size: tuple[int, int]) -> None:
    with visitors.visit(site.url, size) as page:
        for view in ("live/TTF-GAS", "pipeline", "data", "data/quarantine", "replay/TTF-GAS", "query"):
            page.goto(site.at(view))
            expect(page.locator("body")).to_have_attribute("data-view", view.partition("/")[0])
            expect(page.locator(".notice.loading")).to_have_count(0)
            assert page.evaluate("document.documentElement.scrollWidth") == size[0], view
            assert page.evaluate("document.body.scrollWidth") == size[0], view


def test_it_is_usable_on_a_phone(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/TTF-GAS"), PHONE, init=WATCH, has_touch=True, is_mobile=True) as page:
        until(page, "window.seen.at.length >= 2")
        expect(page.locator(".u-axis").first).to_be_visible()
        large = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.figures .ticker')).fontSize)")
        assert large == 28
        page.get_by_role("button", name="Symbols").tap()
        page.get_by_role("option", name=re.compile("NBP-GAS")).tap()
        expect(page.get_by_role("heading", name="NBP-GAS")).to_be_visible()
        expect(page.get_by_role("searchbox")).not_to_be_visible()


@pytest.mark.parametrize("kind", ["down", "timeout"])
def test_it_goes_on_when_the_network_is_cut_and_comes_back(site: Site, visitors: Visitors, kind: Kind) -> None:
    port = choose_port()
    with (
        Proxy(upstream=urlsplit(site.url).port or 0, port=port) as link,
        visitors.visit(f"http://127.0.0.1:{port}/#/live/TTF-GAS", init=WATCH) as page,
    ):
        until(page, "window.seen.at.length >= 2")
        link.apply(Toxic(kind))
        expect(badge(page)).to_have_text("RECONNECTING")
        assert Decimal(page.locator(".figures .ticker").first.inner_text()) > 0  # what was known stays
        for title, sentence in (("Query", "Read only"), ("Pipeline", "partition"), ("Live", "session open")):
            page.get_by_role("navigation", name="Views").get_by_role("link", name=title).click()
            expect(page.locator("#main")).to_contain_text(sentence)
        expect(page.get_by_role("heading", name="TTF-GAS")).to_be_visible()
        link.heal()
        expect(badge(page)).to_have_text("LIVE", timeout=30_000)
        shown = len(page.evaluate("window.seen.texts"))
        until(page, f"window.seen.texts.length > {shown}")
    visitors.forgive("net::ERR_")


def test_no_task_costs_fifty_milliseconds_at_a_thousand_ticks_a_second(
    site: Site, visitors: Visitors, eventually: Eventually
) -> None:
    flags = "--symbols " + ",".join(f"LOAD-{n:02}" for n in range(40)) + " --interval 0.04"
    load = site.deployment.simulator(flags, "simulator-load")
    try:
        eventually(lambda: site.newest("LOAD-07"), 60)
        with visitors.visit(site.at("live/LOAD-07"), init=WATCH + LONG) as page:
            until(page, "window.seen.at.length >= 4", 60)
            page.evaluate("() => { window.long.length = 0; }")  # opening the page is not what is measured
            stored, began = stored_ticks(site), time.monotonic()
            with traced(visitors.browser, page) as tasks:
                page.wait_for_timeout(30_000)  # the length of the measurement, not a wait for something
            rate = (stored_ticks(site) - stored) / (time.monotonic() - began)
            moves, long = page.evaluate("[window.seen.texts.length, window.long]")
    finally:
        load.stop()
    worst = max(task.cpu_ms for task in tasks)
    busy = sum(task.cpu_ms for task in tasks) / 30_000
    late = [(round(task.wall_ms), round(task.cpu_ms, 1)) for task in tasks if task.wall_ms > 50]
    print(
        f"\n{rate:,.0f} ticks a second: {moves} moves, {len(tasks):,} tasks, {busy:.1%} of a CPU, the longest "
        f"{worst:.1f} ms of CPU; long tasks as a page sees them, in ms: {long}; as traced, with their CPU: {late}"
    )
    assert rate > 900
    assert worst < 50


def stored_ticks(site: Site) -> int:
    """How many ticks are stored."""
    return int(site.deployment.rows("SELECT count(*) FROM ticks")[0][0])
