"""The page's files alone, served as they lie there: for tests of its modules."""

import functools
import threading
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

WEB = Path(__file__).parents[2] / "orderbook" / "web"


class Shelf(SimpleHTTPRequestHandler):
    """Says nothing on standard error."""

    def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002 - the name is the base class'
        """Nothing."""

    def do_GET(self) -> None:
        """A file, or an empty page to import modules into."""
        if self.path != "/blank":
            super().do_GET()
            return
        self.send_response(200)
        self.send_header("Content-Type", "text/html")
        self.end_headers()
        self.wfile.write(b"<!doctype html><title>modules</title><link rel=stylesheet href=page.css><div id=here></div>")


@pytest.fixture(scope="package")
def shelf() -> Iterator[str]:
    """The address of the page's files."""
    with ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Shelf, directory=str(WEB))) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()
        thread.join()


@pytest.fixture
def modules(browser: Browser, shelf: str) -> Iterator[Page]:
    """An empty page on which a test imports modules."""
    page = browser.new_page()
    page.goto(f"{shelf}/blank")
    yield page
    page.close()
