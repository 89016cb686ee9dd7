"""What the page's main thread is busy with, as Chromium itself traces it."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from playwright.sync_api import Browser, Page


@dataclass(frozen=True, slots=True)
class Task:
    """One task of a main thread. ``cpu_ms`` is what it cost; ``wall_ms`` what it took beside all else that ran."""

    wall_ms: float
    cpu_ms: float


@contextmanager
def traced(browser: Browser, page: Page) -> Iterator[list[Task]]:
    """Fills the list with the tasks of the page's main thread when the block ends."""
    tasks: list[Task] = []
    browser.start_tracing(page=page, categories=["toplevel"])
    try:
        yield tasks
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
    tasks += _tasks(events)


def _tasks(events: list[dict[str, Any]]) -> Iterator[Task]:
    mains = {
        (event["pid"], event["tid"])
        for event in events
        if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
    }
    for event in events:
        if event["name"].endswith("RunTask") and event["ph"] == "X" and (event["pid"], event["tid"]) in mains:
            yield Task(event.get("dur", 0) / 1000, event.get("tdur", 0) / 1000)
