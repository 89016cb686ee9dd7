"""The README's pictures: the page as it is over a running pipeline. ``PICTURES=1`` puts them into ``docs``."""

import os
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.page.site import Site
from tests.page.test_views import settled
from tests.page.visits import PHONE, Scheme, Visitors

pytestmark = pytest.mark.slow  # a browser at work for minutes

DOCS = Path(__file__).parents[2] / "docs"
WIDE = (1440, 860)
LARGEST = 350_000  # bytes: a README is read over slow lines too

PICTURES: dict[str, tuple[str, tuple[int, int], Scheme, str]] = {
    "live": ("live/TTF-GAS?range=1m", WIDE, "light", "TTF-GAS"),
    "live-dark": ("live/TTF-GAS?range=1m", WIDE, "dark", "TTF-GAS"),
    "live-phone": ("live/TTF-GAS?range=1m", PHONE, "dark", "TTF-GAS"),
    "pipeline": ("pipeline", WIDE, "light", "Drainer"),
    "data": ("data", WIDE, "light", "in Postgres, complete"),
    "replay": ("replay/TTF-GAS?speed=10", WIDE, "dark", "Space plays and pauses"),
    "query": ("query", WIDE, "dark", "Read only"),
}


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_shows_data_and_is_small(site: Site, visitors: Visitors, tmp_path: Path, name: str) -> None:
    view, size, scheme, text = PICTURES[name]
    path = (DOCS if os.environ.get("PICTURES") else tmp_path) / f"{name}.png"
    with visitors.visit(site.at(view), size, scheme) as page:
        settled(page, text)
        prepare(page, name)
        page.screenshot(path=path)
    assert 10_000 < path.stat().st_size < LARGEST


def prepare(page: Page, name: str) -> None:
    """Bring the view to where it is worth a picture."""
    if name.startswith("live"):
        expect(page.locator(".tape tbody tr:visible").nth(5)).to_be_visible()
        expect(page.locator("#badge b")).to_have_text("LIVE")
    elif name == "replay":
        page.keyboard.press("Space")
        expect(page.locator(".replay .tape tbody tr:visible").nth(30)).to_be_visible()
        expect(page.locator("#badge b")).to_contain_text("REPLAY")
    elif name == "query":
        page.get_by_role("button", name="Newest ticks").click()
        expect(page.locator(".grid .row").nth(5)).to_be_visible()
