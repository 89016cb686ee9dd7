"""The system's Chromium, with the network cut."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page, sync_playwright

from tests.conftest import skip_at_home

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")


@contextmanager
def opened_offline(path: Path, *, scheme: str = "light", width: int = 1200) -> Iterator[tuple[Page, list[str]]]:
    """A file in Chromium without a network; also what the page asked for besides itself, and what it complained of."""
    program = next(filter(None, map(shutil.which, PROGRAMS)), None)
    if program is None:
        skip_at_home("Chromium is not installed (Debian's package chromium)")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])  # tests may run as root
        context = browser.new_context(
            offline=True,
            color_scheme=scheme,
            viewport={"width": width, "height": 800},  # type: ignore[arg-type]
        )
        page = context.new_page()
        complaints: list[str] = []
        page.on("request", lambda request: complaints.append(request.url) if request.url != path.as_uri() else None)
        page.on("console", lambda message: complaints.append(message.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        page.goto(path.as_uri())
        yield page, complaints
        context.close()
        browser.close()
