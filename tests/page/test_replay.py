"""The Replay tab over what is stored: every tick of a range, at its pace, paused and moved, known as the past."""

import re
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any
from urllib.parse import quote as escaped

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from orderbook.clock import utc_now
from tests.conftest import wait_for
from tests.page.site import Site
from tests.page.test_views import RULES
from tests.page.tracing import traced
from tests.page.visits import DESK, PHONE, Scheme, Visitors
from tests.pipeline import tick

pytestmark = pytest.mark.slow  # a browser at work for minutes

Eventually = Callable[..., None]

SYMBOL = "ZZ-PAST"  # below the others in a list, which tests walk
TICKS = 200
TIMES = "\N{MULTIPLICATION SIGN}"
STEP = timedelta(milliseconds=50)


@pytest.fixture(scope="module")
def start(site: Site) -> datetime:
    """When 200 stored ticks of a symbol of its own begin: ten seconds, two of their ids passed over."""
    begin = (utc_now() - timedelta(minutes=20)).replace(microsecond=0)
    site.send(
        *(
            tick(n, SYMBOL, event_time=begin + STEP * n, received_time=begin + STEP * n,
                 bid_price=Decimal("27.5") + Decimal(n) / 1000, ask_price=Decimal("27.75") + Decimal(n) / 1000)
            for n in range(TICKS + 2) if n not in (120, 121)
        )
    )  # fmt: skip
    stored = f"SELECT count(*) FROM ticks WHERE symbol = '{SYMBOL}'"
    gaps = f"SELECT count(*) FROM sequence_event WHERE symbol = '{SYMBOL}' AND kind = 'gap'"
    wait_for(lambda: site.deployment.rows(stored) == [(TICKS,)], 60, what="the ticks are stored")
    wait_for(lambda: site.deployment.rows(gaps) == [(1,)], 60, what="the gap is found")
    return begin


def text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def address(site: Site, start: datetime, **more: str) -> str:
    asked = {"from": text(start), "to": text(start + timedelta(seconds=12)), **more}
    return site.at(f"replay/{SYMBOL}?" + "&".join(f"{name}={escaped(value)}" for name, value in asked.items()))


def tape(page: Page) -> list[int]:
    """The sequence ids on the tape, newest first."""
    cells = page.locator(".replay .tape tbody tr:visible .sequence").all_inner_texts()
    return [int(cell) for cell in cells]


def play(page: Page) -> Any:
    return page.get_by_role("button", name=re.compile("Play|Pause"))


def test_a_range_is_played_to_its_end_with_every_tick_and_the_hash_of_the_command(
    site: Site, visitors: Visitors, start: datetime
) -> None:
    with visitors.visit(address(site, start, speed="max")) as page:
        expect(page.locator(".sum")).to_contain_text(f"{TICKS} ticks with both sides")
        play(page).click()
        expect(page.locator("#badge b")).to_have_text("REPLAY OVER")
        expect(page.locator(".deck .said")).to_have_text(f"{TICKS} ticks · 1 gap")
        told = page.locator(".hash").inner_text()
        assert tape(page)[:3] == [TICKS + 1, TICKS, TICKS - 1]
        assert page.locator(".figures .bid .ticker").text_content() == "27.701"
    window = ("--from", text(start), "--to", text(start + timedelta(seconds=12)))
    command = f"orderbook replay {' '.join(window)} --symbols {SYMBOL} --speed max"
    expected = site.deployment.run(command).stderr
    found = re.search(r"sha256 (\w{64})", told)
    assert found
    assert found[1] in expected


def test_it_keeps_the_pace_pauses_goes_on_and_is_moved(site: Site, visitors: Visitors, start: datetime) -> None:
    with visitors.visit(address(site, start)) as page:
        page.keyboard.press("Space")
        expect(page.locator("#badge b")).to_have_text(f"REPLAY {TIMES}1")
        expect(page.locator(".instrument:visible .badge b")).to_have_text(f"REPLAY {TIMES}1")
        expect(page.locator(".replay .tape tbody tr:visible").nth(20)).to_be_visible()
        page.keyboard.press("Space")
        expect(page.locator("#badge b")).to_have_text("REPLAY PAUSED")
        held = tape(page)
        assert held == list(range(held[0], held[0] - len(held), -1))
        assert held[0] < 190  # ten seconds of ticks are not played in the moment it took
        assert "at=" in page.url
        page.get_by_role("button", name=f"{TIMES}10", exact=True).click()
        assert tape(page) == held
        play(page).click()
        expect(page.locator("#badge b")).to_have_text("REPLAY OVER")
        expect(page.locator(".deck .said")).to_have_text(f"{TICKS} ticks · 1 gap")
        slider = page.get_by_role("slider", name="Place in the range")
        slider.fill("500")  # six seconds in: between ids 119 and 122
        expect(page.locator("#badge b")).not_to_have_text("REPLAY OVER")
        expect(page.locator(".replay .tape tbody .sequence:visible").first).to_have_text("119")
        expect(page.locator(".figures:visible .bid .ticker")).to_have_text("27.619")
        page.get_by_role("button", name="max", exact=True).click()
        play(page).click()
        expect(page.locator(".deck .said")).to_have_text("80 ticks · 1 gap")


def test_an_address_leads_back_to_the_same_place(site: Site, visitors: Visitors, start: datetime) -> None:
    with visitors.visit(address(site, start, at=text(start + timedelta(seconds=5)), speed="0.1")) as page:
        expect(page.locator(".replay .tape tbody .sequence:visible").first).to_have_text("99")
        expect(page.get_by_role("button", name=f"{TIMES}0.1")).to_have_attribute("aria-pressed", "true")
        play(page).click()
        expect(page.locator("#badge b")).to_have_text(f"REPLAY {TIMES}0.1")
        expect(page.locator(".replay .tape tbody .sequence:visible").first).to_have_text("101")
        page.keyboard.press("1")
        expect(page.locator("#badge b")).not_to_have_text(re.compile("REPLAY"))
        page.keyboard.press("5")
        expect(page.locator("#badge b")).to_have_text("REPLAY PAUSED")


def test_a_range_is_written_as_people_write_times(site: Site, visitors: Visitors, start: datetime) -> None:
    with visitors.visit(address(site, start)) as page:
        first = page.get_by_role("textbox", name="From")
        expect(first).to_have_value(f"{start:%Y-%m-%d %H:%M:%S}")
        first.fill("yesterday")
        first.press("Enter")
        expect(page.get_by_role("alert")).to_have_text("Write a time as 2026-01-05 08:30:00.")
        first.fill(f"{start + timedelta(seconds=5):%Y-%m-%d %H:%M:%S}")
        first.press("Enter")
        expect(page.get_by_role("alert")).not_to_be_visible()
        expect(page.locator(".sum")).to_contain_text("100 ticks with both sides")
        first.fill(f"{start - timedelta(days=9):%Y-%m-%d %H:%M:%S}")
        page.get_by_role("textbox", name="To").fill(f"{start - timedelta(days=8):%Y-%m-%d}")
        page.get_by_role("textbox", name="To").press("Enter")
        expect(page.locator(".sum")).to_have_text(f"No tick of {SYMBOL} with both sides is stored in this range.")


def test_the_live_feed_goes_on_beside_it_and_never_mixes(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("replay/TTF-GAS")) as page:
        expect(page.locator(".sum")).to_contain_text("ticks with both sides")
        first = newest_id(site)
        wait_for(lambda: newest_id(site) > first, 30, what="live ticks arrive")
        assert all(sequence < first for sequence in tape(page))
        play(page).click()
        page.keyboard.press("1")
        expect(page.locator("#badge b")).not_to_contain_text("REPLAY")
        newest = page.locator(".live .tape tbody .sequence:visible").first
        expect(newest).to_have_text(re.compile(r"\d+"))
        assert int(newest.inner_text()) >= first


def newest_id(site: Site) -> int:
    return int(str(site.newest("TTF-GAS")[0]))


def test_what_a_chart_shows_and_what_was_around_a_gap_are_a_click_away(
    site: Site, visitors: Visitors, start: datetime
) -> None:
    with visitors.visit(site.at("live/TTF-GAS?range=1m")) as page:
        page.get_by_role("button", name="Replay this").click()
        expect(page.locator(".sum")).to_contain_text("ticks with both sides")
        ends = [page.get_by_role("textbox", name=name).input_value() for name in ("From", "To")]
        first, last = (datetime.fromisoformat(end) for end in ends)
        assert last - first == timedelta(minutes=1)
        page.goto(site.at(f"data/gaps?symbol={SYMBOL}"))
        page.get_by_title("Replay what was around it").click()
        expect(page.locator(".sum")).to_contain_text(f"{TICKS} ticks with both sides")


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_fault_while_it_stands(
    site: Site, visitors: Visitors, start: datetime, scheme: Scheme, size: tuple[int, int]
) -> None:
    with visitors.visit(address(site, start, speed="0.1"), size, scheme) as page:
        play(page).click()
        expect(page.locator(".replay .tape tbody .sequence:visible").first).to_have_text("2")
        play(page).click()
        expect(page.locator("#badge b")).to_have_text("REPLAY PAUSED")
        found = Axe().run(page, options=RULES)
    assert {fault["id"]: [n["html"][:200] for n in fault["nodes"]] for fault in found.response["violations"]} == {}


def test_no_task_costs_fifty_milliseconds_however_fast_it_comes(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("replay/TTF-GAS?speed=max")) as page:
        expect(page.locator(".sum")).to_contain_text("ticks with both sides")
        with traced(visitors.browser, page) as tasks:
            play(page).click()
            expect(page.locator("#badge b")).to_have_text("REPLAY OVER")
        count = page.locator(".deck .said").inner_text()
    worst = max(task.cpu_ms for task in tasks)
    print(f"\n{count}: {len(tasks):,} tasks, the longest {worst:.1f} ms of CPU")
    assert worst < 50


def test_it_goes_on_by_itself_after_the_server_was_away(site: Site, visitors: Visitors, start: datetime) -> None:
    """The address of a replay is answered with a cut connection, once in the middle."""
    cut = []

    def once(route: Any) -> None:
        if cut:
            route.continue_()
        else:
            cut.append(route.request.url)
            route.abort("connectionreset")

    with visitors.visit(address(site, start, speed="max")) as page:
        expect(page.locator(".sum")).to_contain_text(f"{TICKS} ticks with both sides")
        page.route("**/v1/replay?*", once)
        play(page).click()
        expect(page.locator(".deck .said")).to_have_text(f"{TICKS} ticks · 1 gap")
        assert len(cut) == 1
    visitors.forgive("net::ERR_")


def test_it_is_usable_on_a_phone(site: Site, visitors: Visitors, start: datetime) -> None:
    with visitors.visit(address(site, start, speed="max"), PHONE, has_touch=True, is_mobile=True) as page:
        expect(page.locator(".sum")).to_contain_text(f"{TICKS} ticks with both sides")
        play(page).tap()
        expect(page.locator("#badge b")).to_have_text("REPLAY OVER")
        assert page.evaluate("document.documentElement.scrollWidth") == PHONE[0]
        large = page.evaluate("parseFloat(getComputedStyle(document.querySelector('.replay .ticker')).fontSize)")
        assert large == 28
