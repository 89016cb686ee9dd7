"""What the pipeline shows of itself, and what it keeps to itself."""

import json
import socket
import urllib.request
from collections.abc import Iterator
from urllib.error import URLError
from urllib.parse import quote, urlsplit

import psutil
import pytest

from tests.conftest import wait_for
from tests.e2e.conftest import MainRun
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

pytestmark = pytest.mark.timeout(400)  # run alone, this sets the main run up

PAGES = ("/", "/workers", "/tasks", "/broker", "/api/workers?refresh=1", "/api/tasks", "/api/queues/length", "/metrics")


def secrets_of(deployment: Deployment) -> list[str]:
    """The passwords of Postgres and Redis."""
    urls = [deployment.database_url, deployment.servers.redis_url]
    found = [urlsplit(url).password or "" for url in urls]
    assert all(len(secret) > 8 for secret in found)
    return found


def assert_no_secret(text: str, deployment: Deployment) -> None:
    """Fail where a password stands in ``text``."""
    assert not any(secret in text for secret in secrets_of(deployment))


def test_the_logs_of_workers_and_beats_show_no_secret(main_run: MainRun) -> None:
    logs = main_run.deployment.logs()
    assert "range landed" in logs
    assert_no_secret(logs, main_run.deployment)


@pytest.mark.parametrize(
    "line", ["celery -A orderbook report", "orderbook config show", "orderbook config show --json"]
)
def test_reports_show_no_secret(main_run: MainRun, line: str) -> None:
    report = main_run.deployment.run(line)
    assert report.returncode == 0, report.stderr
    assert len(report.stdout) > 200
    assert_no_secret(report.stdout + report.stderr, main_run.deployment)


@pytest.fixture(scope="module")
def flower(servers: RunningServers, migrated_template: str) -> Iterator[tuple[Deployment, int]]:
    """Flower beside a worker, and its port."""
    with deployment_over(servers, migrated_template) as deployment:
        deployment.worker(processes=1)
        with socket.create_server(("127.0.0.1", 0)) as free:
            port = free.getsockname()[1]
        line = f"celery -A orderbook flower --port={port}"
        deployment.start("flower", line, FLOWER_UNAUTHENTICATED_API="true")  # closed by default; here we look inside
        wait_for(lambda: _knows_a_worker(port), 60, what="Flower knows the worker")
        yield deployment, port


def _get(port: int, path: str) -> str:
    with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=20) as answer:
        return str(answer.read().decode())


def _knows_a_worker(port: int) -> bool:
    try:
        return bool(json.loads(_get(port, "/api/workers?refresh=1")))
    except (URLError, ConnectionError):
        return False


def test_flower_shows_no_secret(flower: tuple[Deployment, int]) -> None:
    deployment, port = flower
    (worker,) = json.loads(_get(port, "/api/workers"))
    pages = {page: _get(port, page) for page in (*PAGES, f"/worker/{quote(worker)}")}
    assert f":{urlsplit(deployment.servers.redis_url).port}/" in pages["/broker"]
    assert worker in pages["/workers"]
    for shown in pages.values():
        assert_no_secret(shown, deployment)
    assert_no_secret(deployment.logs(), deployment)


def test_flower_listens_on_loopback_only(flower: tuple[Deployment, int]) -> None:
    deployment, port = flower
    process = psutil.Process(deployment.running["flower"].pid)
    listening = [c.laddr for c in process.net_connections("inet") if c.status == psutil.CONN_LISTEN]
    assert [tuple(address) for address in listening] == [("127.0.0.1", port)]
