"""What the page says of power contracts, and of the archive."""

import pytest
from playwright.sync_api import Page

from tests.page.test_modules import run


def test_a_contract_says_what_it_delivers_and_how_long_it_is_traded(modules: Page) -> None:
    raw = {
        "symbol": "DE-QH-20260329T1015Z", "area": "DE", "delivery_start": "2026-03-29T10:15:00Z",
        "delivery_end": "2026-03-29T10:30:00Z", "gate_closure": "2026-03-29T10:10:00Z",
    }  # fmt: skip
    body = """const { contract } = await import('/wire.js');
        const of = (minutes) => m.told(contract(a), Date.parse('2026-03-29T10:10:00Z') + minutes * 60_000);
        return [of(-12), of(3)];"""
    before, after = run(modules, "contracts.js", body, raw)
    assert before.startswith("DE delivers 15 min from 2026-03-29 ")
    assert before.endswith(" · trading ends in 12 min")
    assert after.endswith(" · trading ended 3 min ago")


@pytest.mark.parametrize("symbol", ["TTF-GAS", "DE-QH", "de-QH-20260329T1015Z", "DE-QH-20260329T1015Z "])
def test_no_contract_is_asked_for_where_the_symbol_is_none(modules: Page, symbol: str) -> None:
    body = "let asked = 0; window.fetch = () => { asked += 1; }; return [await m.contractOf(a, null), asked];"
    assert run(modules, "contracts.js", body, symbol) == [None, 0]


def test_the_archive_is_a_box_with_the_age_of_its_newest_file(modules: Page) -> None:
    archive = {"files": 3, "rows": 1_234_567, "last": 40_000}
    body = """const links = { flower: 'http://127.0.0.1:5555' };
        const all = m.boxes({ partitions: [], links, down: [], serverTime: 100_000, archive: a });
        return [all.at(-1).figures, all[3].link.href];"""
    figures = [["files", "3"], ["ticks", "1,234,567"], ["newest", "60 s ago"]]
    assert run(modules, "flow.js", body, archive) == [figures, "http://127.0.0.1:5555"]
