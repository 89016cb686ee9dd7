"""The services of docker-compose.yml, with their own commands and environments, over servers of this machine."""

import hashlib
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.compose import Image, compose
from tests.conftest import wait_for
from tests.containers import Containers, containers, empty_servers
from tests.scraping import scraped

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the image's packages are installed first

KEY = secrets.token_urlsafe(32)
LANDED = "SELECT count(*) FROM ticks"


@pytest.fixture
def stopped(built_image: Image, tmp_path: Path) -> Iterator[Containers]:
    """Every service of ours, none started."""
    with empty_servers() as servers:
        variables = {
            "POSTGRES_PASSWORD": urlsplit(servers.database_url).password or "",
            "REDIS_PASSWORD": urlsplit(servers.redis_url).password or "",
            "ORDERBOOK_API__KEYS": f"operate:{hashlib.sha256(KEY.encode()).hexdigest()}",
        }
        services = {name: service for name, service in compose(variables)["services"].items() if "build" in service}
        with containers(built_image, servers, tmp_path, services) as made:
            yield made


def test_every_service_does_its_work_and_stops_in_its_time(stopped: Containers) -> None:
    stopped.finish("migrate")
    rest = [name for name in stopped.services if name != "migrate"]
    for name in rest:
        stopped.start(name)
    wait_for(lambda: stopped.rows(LANDED)[0][0] > 100, 120, what="ticks land")
    for name in rest:
        if "healthcheck" in stopped.services[name]:
            wait_for(lambda name=name: stopped.is_healthy(name), 120, what=f"{name} is healthy")
    _the_api_wants_a_key(stopped.ports["8080"])
    counted = "orderbook_ticks_landed_total"
    wait_for(lambda: scraped(stopped.ports["9464"]).get(counted, 0) > 0, 30, what="the exporter counts")
    audit = stopped.run("worker", ["orderbook", "audit"])
    assert audit.returncode == 0, audit.stdout + audit.stderr
    assert sorted(path.name for path in stopped.image.working_directory.iterdir()) == ["flowerconfig.py"]
    for name in ("simulator", "beat", "worker", "flower", "api", "exporter"):
        stopped.stop(name)


def test_a_service_that_is_down_is_not_healthy(stopped: Containers) -> None:
    for name, service in stopped.services.items():
        if "healthcheck" in service:
            kind, *words = service["healthcheck"]["test"]
            command = ["sh", "-c", *words] if kind == "CMD-SHELL" else words
            assert stopped.run(name, command).returncode != 0, name


def _the_api_wants_a_key(port: int) -> None:
    asked = urllib.request.Request(f"http://localhost:{port}/v1/symbols", headers={"X-API-Key": KEY})
    with urllib.request.urlopen(asked, timeout=30) as answer:
        assert answer.status == 200
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(f"http://localhost:{port}/v1/symbols", timeout=30)
