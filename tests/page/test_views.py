"""Every view in both themes: readable by people and by their tools, and true when a service is away."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from tests.page.site import Site
from tests.page.visits import DESK, PHONE, Scheme, Visitors

pytestmark = pytest.mark.slow  # a browser at work for minutes

Eventually = Callable[..., None]

VIEWS = {
    "live/TTF-GAS": "TTF-GAS",
    "pipeline": "Drainer",
    "pipeline/workers": "Messages that wait",
    "data": "in Postgres, complete",
    "data/gaps": "Gaps",
    "data/quarantine": "Quarantine",
    "data/files": "Files",
    "expectations": "expectations",
    "replay/TTF-GAS": "Space plays and pauses",
    "query": "Read only",
}
RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "best-practice"]}}


def settled(page: Page, text: str) -> None:
    """Wait until a view has shown what it asked for."""
    expect(page.locator("#main")).to_contain_text(text)
    expect(page.locator(".notice.loading")).to_have_count(0)
    expect(page.locator("#truth")).to_contain_text(re.compile(r"complete through \d\d:"))


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [DESK, PHONE], ids=["desk", "phone"])
def test_axe_finds_no_fault(site: Site, visitors: Visitors, scheme: Scheme, size: tuple[int, int]) -> None:
    axe = Axe()
    with visitors.visit(site.url, size, scheme) as page:
        for view, text in site.offered(VIEWS).items():
            page.goto(site.at(view))
            settled(page, text)
            found = axe.run(page, options=RULES)
            faults = {
                fault["id"]: [node["html"][:200] for node in fault["nodes"]] for fault in found.response["violations"]
            }
            assert faults == {}, view


def test_keys_lead_everywhere(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/NBP-GAS")) as page:
        expect(page.get_by_role("heading", name="NBP-GAS")).to_be_visible()
        page.keyboard.press("ArrowDown")
        expect(page.get_by_role("heading", name="PEG-GAS")).to_be_visible()
        page.keyboard.press("/")
        page.keyboard.type("ttf-g")
        expect(page.get_by_role("option")).to_have_count(1)
        page.keyboard.press("Enter")
        expect(page.get_by_role("heading", name="TTF-GAS")).to_be_visible()
        assert "TTF-GAS" in page.url
        assert "filter=ttf-g" in page.url
        page.keyboard.press("?")
        expect(page.get_by_role("dialog")).to_be_visible()
        page.keyboard.press("Escape")
        for key, view in (("2", "pipeline"), ("3", "data"), ("1", "live")):
            page.keyboard.press(key)
            expect(page.locator("body")).to_have_attribute("data-view", view)


def test_a_query_is_answered_and_a_wrong_one_is_explained(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("query")) as page:
        page.get_by_role("button", name="How many").click()
        expect(page.get_by_role("status").filter(has_text="1 row")).to_be_visible()
        editor = page.get_by_role("textbox", name="SQL")
        editor.fill("SELECT symbol, sequence_id FROM ticks WHERE symbol = 'TTF-GAS' ORDER BY sequence_id LIMIT 2")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("status").filter(has_text="2 rows")).to_be_visible()
        assert "TTF-GAS" in page.locator(".grid").inner_text()
        with page.expect_download() as download:
            page.get_by_role("button", name="Download CSV").click()
        lines = Path(download.value.path()).read_text().splitlines()
        assert lines[0] == "symbol,sequence_id"
        assert len(lines) == 3
        editor.fill("SELEKT 1")
        page.keyboard.press("Control+Enter")
        expect(page.get_by_role("alert")).to_contain_text(re.compile("syntax|SELEKT", re.IGNORECASE))
    visitors.forgive("400 (Bad Request)")


def test_rejects_are_shown_with_their_bytes(site: Site, visitors: Visitors, eventually: Eventually) -> None:
    site.append((b"TTF-GAS", b'{"symbol": "TTF-GAS", \xff'))
    eventually(lambda: site.deployment.rows("SELECT count(*) > 0 FROM quarantine") == [(True,)], 30)
    with visitors.visit(site.at("data/quarantine")) as page:
        page.locator("table a").first.click()
        expect(page.locator(".dump").first).to_contain_text("7b 22 73 79 6d 62 6f 6c 22")
        expect(page.locator(".bytes")).to_contain_text("Not UTF-8.")


def test_it_says_which_service_is_away(site: Site, visitors: Visitors) -> None:
    with visitors.visit(site.at("live/TTF-GAS")) as page:
        expect(page.locator("#badge b")).to_have_text("LIVE")
        site.deployment.servers.fleet.running["valkey"].kill()
        try:
            expect(page.locator("#truth .trouble")).to_contain_text("Redis is away")
            page.keyboard.press("2")
            expect(page.get_by_role("list", name="What needs a person")).to_contain_text("Redis is away")
        finally:
            site.deployment.servers.start_again("valkey")
        expect(page.locator("#truth .trouble")).not_to_be_visible()
        page.keyboard.press("1")
        expect(page.locator("#badge b")).to_have_text("LIVE", timeout=60_000)
