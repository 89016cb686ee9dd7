"""Archived files are saved from the page, with a key and without."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.api.server import Api, api_server
from tests.archive import Cold, cold, days_ago
from tests.page.visits import Visitors

__all__ = ["cold"]

pytestmark = pytest.mark.slow  # a browser at work

KEY = "a key of this test"
DAY = days_ago(5)


@pytest.fixture
def archived(cold: Cold) -> Cold:
    """One day in one file."""
    cold.land(DAY, 1_000)
    cold.archive(DAY)
    return cold


@contextmanager
def wants_key(folder: Path) -> Iterator[Api]:
    digest = hashlib.sha256(KEY.encode()).hexdigest()
    with api_server(folder, ORDERBOOK_API__KEYS=f"operate:{digest}") as api:
        yield api


def saved(page: Page) -> str:
    """The SHA-256 of what a click on the first file saves."""
    with page.expect_download() as download:
        page.get_by_role("link", name="part-").click()
    assert download.value.suggested_filename.startswith(f"ticks-{DAY.isoformat()}-")
    return hashlib.sha256(Path(download.value.path()).read_bytes()).hexdigest()


def enter(page: Page, url: str) -> None:
    """Give the key and go to the files."""
    page.get_by_label("Key", exact=True).fill(KEY)
    page.get_by_role("button", name="Open").click()
    expect(page.get_by_label("Key", exact=True)).not_to_be_visible()
    page.goto(f"{url}/#/data/files")


def digest_of(archived: Cold) -> str:
    return str(archived.rows("SELECT encode(sha256, 'hex') FROM cold_file")[0][0])


def test_a_file_is_saved_where_the_server_wants_a_key(archived: Cold, visitors: Visitors, tmp_path: Path) -> None:
    with wants_key(tmp_path) as api, visitors.visit(f"{api.url}/#/live") as page:
        enter(page, api.url)
        assert saved(page) == digest_of(archived)
    visitors.forgive("401 (Unauthorized)")  # before the key was given


def test_a_file_that_cannot_be_saved_says_why(archived: Cold, visitors: Visitors, tmp_path: Path) -> None:
    with wants_key(tmp_path) as api, visitors.visit(f"{api.url}/#/live") as page:
        enter(page, api.url)
        expect(page.get_by_role("link", name="part-")).to_be_visible()
        for path in archived.folder.rglob("*.parquet"):
            path.unlink()
        page.get_by_role("link", name="part-").click()
        expect(page.get_by_role("alert").filter(has_text="Not saved")).to_be_visible()
    visitors.forgive("401 (Unauthorized)", "Failed to load resource")


def test_a_file_is_saved_without_a_key_where_none_is_wanted(archived: Cold, visitors: Visitors, tmp_path: Path) -> None:
    with api_server(tmp_path) as api, visitors.visit(f"{api.url}/#/data/files") as page:
        assert saved(page) == digest_of(archived)
