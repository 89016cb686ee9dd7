"""The API as users run it: the command as a process, on a port of its own."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import Command, Process
from tests.commands import ORDERBOOK
from tests.conftest import wait_for

SECONDS = 20


@dataclass(frozen=True)
class Api:
    """A server that answers."""

    url: str
    http: httpx2.Client
    process: Process

    def get(self, path: str, status: int = 200, headers: dict[str, str] | None = None, **parameters: Any) -> Any:
        """The answer's JSON, which must have that status."""
        answer = self.http.get(path, params=parameters, headers=headers)
        assert answer.status_code == status, answer.text
        return answer.json()


@contextmanager
def api_server(folder: Path, **changes: str) -> Iterator[Api]:
    """``orderbook api`` with this environment and ``changes``; it must end by itself when it is asked to."""
    port = choose_port()
    environment = {**os.environ, "ORDERBOOK_LOG_FORMAT": "text", **changes}
    process = Process(Command("api", [ORDERBOOK, "api", "--port", str(port)], environment), folder / "api.log")
    process.start()
    url = f"http://127.0.0.1:{port}"
    with httpx2.Client(base_url=url, timeout=SECONDS) as http:
        try:
            wait_for(lambda: _answers(http), 30, what="the API answers")
            yield Api(url, http, process)
        finally:
            process.ask_to_stop()
            process.stop()
            assert process.exit_code == 0, process.last_lines()


def _answers(http: httpx2.Client) -> bool:
    try:
        return http.get("/healthz").status_code == 200
    except httpx2.TransportError:
        return False
