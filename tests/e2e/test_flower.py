"""Flower asks for its password, names tasks as we do, and is scraped without one."""

import json
import urllib.request
from base64 import b64encode
from urllib.error import HTTPError, URLError

from orderbook.embedded.ports import choose_port
from tests.conftest import wait_for
from tests.processes import deployment_over
from tests.scraping import scraped
from tests.servers import RunningServers

AUTH = "anna:s3cret"


def status(port: int, path: str, auth: str | None = None) -> int:
    """The HTTP status of a page; 0 while nobody listens."""
    headers = {} if auth is None else {"Authorization": f"Basic {b64encode(auth.encode()).decode()}"}
    asked = urllib.request.Request(f"http://127.0.0.1:{port}{path}", headers=headers)
    try:
        with urllib.request.urlopen(asked, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as error:
        return error.code
    except (URLError, OSError):
        return 0


def test_flower_asks_for_its_password_and_serves_metrics_by_task(
    servers: RunningServers, migrated_template: str
) -> None:
    port = choose_port()
    with deployment_over(servers, migrated_template, ORDERBOOK_FLOWER_BASIC_AUTH=AUTH) as deployment:
        deployment.start("flower", f"celery -A orderbook flower --port={port}")
        wait_for(lambda: status(port, "/healthcheck") == 200, 60, what="Flower serves")
        deployment.worker()
        deployment.beat()
        assert [status(port, page) for page in ("/workers", "/tasks", "/api/workers")] == [401] * 3
        assert status(port, "/workers", "anna:guessed") == 401
        assert status(port, "/workers", AUTH) == 200
        wait_for(
            lambda: (
                {s.partition('task="')[2].partition('"')[0] for s in scraped(port) if "events_total" in s}
                >= {"drain", "stitch"}
            ),
            60,
            what="events by task are counted",
        )
        said = (deployment.folder / "flower.log").read_text().splitlines()
        assert {json.loads(line)["logger"].partition(".")[0] for line in said} >= {"flower"}
        assert AUTH.partition(":")[2] not in deployment.logs()
