"""Opening the page as people do, in the system's Chromium, and holding every visit to what no visit may do."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, expect, sync_playwright

from tests.conftest import skip_at_home, wait_for

Scheme = Literal["light", "dark"]

DESK = (1440, 900)
PHONE = (390, 844)

expect.set_options(timeout=20_000)  # two cores run Kafka, Postgres, workers and the browser


@dataclass
class Visitors:
    """A browser. ``complaints`` and ``strangers`` are of all its visits."""

    browser: Browser
    complaints: list[str] = field(default_factory=list)  # errors and warnings of the console, and uncaught ones
    strangers: list[str] = field(default_factory=list)  # requests to anywhere else than the page's own origin

    @contextmanager
    def visit(
        self, url: str, size: tuple[int, int] = DESK, scheme: Scheme = "light", init: str = "", **options: Any
    ) -> Iterator[Page]:
        """A page at ``url`` in a profile of its own; ``init`` runs before its scripts."""
        width, height = size
        context = self.browser.new_context(
            viewport={"width": width, "height": height}, color_scheme=scheme, timezone_id="Europe/Amsterdam", **options
        )
        if init:
            context.add_init_script(init)
        page = context.new_page()
        page.set_default_timeout(15_000)
        origin = urlsplit(url).netloc
        page.on("console", self._hear)
        page.on("pageerror", lambda error: self.complaints.append(f"uncaught: {error.stack or error}"))
        page.on("request", lambda request: self._see(request.url, origin))
        page.goto(url, wait_until="domcontentloaded")
        try:
            yield page
        finally:
            context.close()

    def forgive(self, *words: str) -> None:
        """Drop complaints that a test provoked: those that contain one of ``words``."""
        self.complaints = [told for told in self.complaints if not any(word in told for word in words)]

    def _hear(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(f"{message.type}: {message.text} ({message.location.get('url', '')})")

    def _see(self, url: str, origin: str) -> None:
        parts = urlsplit(url)
        if parts.netloc != origin and parts.scheme not in {"data", "blob"}:
            self.strangers.append(url)


def until(page: Page, expression: str, seconds: float = 15) -> None:
    """Wait until an expression holds, asked from outside: the page's policy forbids to evaluate text in it."""
    wait_for(lambda: page.evaluate(expression), seconds, what=expression)


@contextmanager
def chromium() -> Iterator[Browser]:
    """The system's browser, without a window."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        skip_at_home("Chromium is missing: apt-get install chromium")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # containers run as root
        yield browser
        browser.close()


@pytest.fixture(scope="module")  # its driver runs an event loop in this thread: no longer than these tests last
def browser() -> Iterator[Browser]:
    """One browser for the tests of a module."""
    with chromium() as found:
        yield found


@pytest.fixture
def visitors(browser: Browser) -> Iterator[Visitors]:
    """Visits after which nothing may stand in the console, and no request may have left the page's origin."""
    found = Visitors(browser)
    yield found
    assert found.complaints == []
    assert found.strangers == []
