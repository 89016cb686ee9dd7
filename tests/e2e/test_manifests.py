"""The pods of deploy/kubernetes, with their own commands, environments and probes, over servers of this machine."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.compose import Image
from tests.conftest import wait_for
from tests.containers import Containers, containers, empty_servers
from tests.manifests import pods, told
from tests.servers import RunningServers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]  # the image's packages are installed first

LANDED = "SELECT count(*) FROM ticks"
PROBES = ("livenessProbe", "readinessProbe")
ASK = "import urllib.request as r; r.urlopen(r.Request('http://localhost:{port}{path}', headers={headers!r}))"
KEY = "read:" + "0" * 64


def settings_for(servers: RunningServers, environment: dict[str, str]) -> dict[str, str]:
    """What a container is told, with our servers in the places of those that the placeholders name."""
    urls = {
        "postgresql://market:": servers.database_url,
        "postgresql://market_ingest:": servers.ingest_url,
        "postgresql://market_reader:": servers.reader_url,
        "postgresql://market_archiver:": servers.archiver_url,
        "redis://": servers.redis_url,
    }
    ours = {
        name: next((url for beginning, url in urls.items() if value.startswith(beginning)), value)
        for name, value in environment.items()
    }
    if "ORDERBOOK_API__KEYS" in ours:
        ours["ORDERBOOK_API__KEYS"] = KEY
    of_this_cluster = {"KAFKA_BOOTSTRAP_SERVERS": servers.kafka_bootstrap, "ORDERBOOK_KAFKA__REPLICATION_FACTOR": "1"}
    return {name: value for name, value in ours.items() if name != "ORDERBOOK_ARCHIVE__ROOT"} | of_this_cluster


def command_of(probe: dict[str, Any], ports: dict[str, int]) -> list[str]:
    """What the kubelet does, as a command."""
    if "exec" in probe:
        return [str(word) for word in probe["exec"]["command"]]
    asked = probe["httpGet"]
    headers = {header["name"]: header["value"] for header in asked.get("httpHeaders", [])}
    return ["python", "-c", ASK.format(port=ports[asked["port"]], path=asked["path"], headers=headers)]


@pytest.fixture
def stopped(built_image: Image, tmp_path: Path) -> Iterator[Containers]:
    """Every pod's container, none started."""
    with empty_servers() as servers:
        services = {
            name: {
                "command": pod["containers"][0]["command"],
                "environment": settings_for(servers, told(pod["containers"][0])),
                "stop_grace_period": f"{pod.get('terminationGracePeriodSeconds', 30)}s",
            }
            for name, pod in pods().items()
        }
        with containers(built_image, servers, tmp_path, services) as made:
            yield made


def test_every_pod_does_its_work_with_the_rights_it_has(stopped: Containers) -> None:
    waits = stopped.run("worker", pods()["worker"]["initContainers"][0]["command"])
    assert waits.returncode != 0  # no schema yet
    stopped.finish("migrate")
    for name, pod in pods().items():
        for container in pod.get("initContainers", []):
            ready = stopped.run(name, container["command"])
            assert ready.returncode == 0, (name, ready.stderr)
    for name in set(stopped.services) - {"migrate"}:
        stopped.start(name)
    sent = stopped.run("migrate", ["python", "-m", "orderbook.simulator", "--count", "300", "--interval", "0.001"])
    assert sent.returncode == 0, sent.stderr
    wait_for(lambda: stopped.rows(LANDED) == [(300,)], 120, what="ticks land")
    for name, pod in pods().items():
        ports = {port["name"]: port["containerPort"] for port in pod["containers"][0].get("ports", [])}
        for probe in (pod["containers"][0][kind] for kind in PROBES if kind in pod["containers"][0]):
            command = command_of(probe, ports)
            wait_for(lambda n=name, c=command: stopped.run(n, c).returncode == 0, 60, what=f"{name}: {probe}")
    for name in ("beat", "worker", "flower", "api", "exporter"):
        stopped.stop(name)
    denied = [name for name in stopped.running if "permission denied" in _log(stopped, name)]
    assert denied == []


def _log(stopped: Containers, name: str) -> str:
    return stopped.running[name].log.read_text(errors="replace").lower()
