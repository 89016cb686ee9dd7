"""What workers and simulators count themselves, and serve, while children are killed and recycled."""

import re
from collections.abc import Iterator

import psutil
import pytest

from orderbook.embedded.ports import choose_port
from tests.conftest import wait_for
from tests.processes import Deployment, deployment_over
from tests.scraping import scraped
from tests.servers import RunningServers

TICKS = 2_000
SERVED = {"ORDERBOOK_METRICS__ENABLED": "true"}


@pytest.fixture
def deployment(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    with deployment_over(servers, migrated_template, ORDERBOOK_DRAIN__MAX_OFFSETS="50", **SERVED) as made:
        yield made


def pool_of(worker: int) -> list[psutil.Process]:
    """The children that work; not the one that serves."""
    found = []
    for child in psutil.Process(worker).children():
        try:
            if "orderbook.exporter.pool" not in " ".join(child.cmdline()):
                found.append(child)
        except (psutil.NoSuchProcess, psutil.ZombieProcess):
            continue
    return found


def phase(series: dict[str, float], name: str) -> float:
    return series.get(f'orderbook_ingest_duration_seconds_count{{phase="{name}"}}', 0)


def test_a_worker_counts_on_while_its_children_are_killed_and_recycled(deployment: Deployment) -> None:
    port, feed = choose_port(), choose_port()
    worker = deployment.worker(flags="--max-tasks-per-child 10", ORDERBOOK_METRICS__WORKER_PORT=str(port))
    deployment.beat()
    simulator = deployment.start(
        "simulator",
        f"python -m orderbook.simulator --symbols TTF-GAS,NBP-GAS --interval 0.01 --seed 7 --count {TICKS}",
        ORDERBOOK_METRICS__SIMULATOR_PORT=str(feed),
    )
    produced: list[float] = [0]
    kills: list[int] = []

    def landed() -> int:
        return int(deployment.rows("SELECT count(*) FROM ticks")[0][0])

    def kill_a_child() -> bool:
        produced.append(scraped(feed).get("orderbook_simulator_ticks_produced_total", produced[-1]))
        pool = pool_of(worker.pid or 0)
        if pool and landed() > len(kills) * TICKS / 8:
            kills.append(pool[0].pid)
            pool[0].kill()
        return len(kills) == 3

    wait_for(kill_a_child, 120, what="three children are killed while ticks land")
    assert 0 < produced[-1] <= TICKS
    assert produced == sorted(produced)
    wait_for(lambda: simulator.exit_code == 0, 60, what="the simulator has sent all")
    wait_for(lambda: landed() == TICKS, 120, what="all ticks are landed")
    ((ranges,),) = deployment.rows("SELECT count(*) FROM offset_range WHERE state = 'done'")
    found = scraped(port)
    for name in ("fetch", "validate", "copy", "commit"):  # a child may die between its COMMIT and its counting
        assert ranges - len(kills) <= phase(found, name) <= ranges, name
    assert found["orderbook_end_to_end_latency_seconds_count"] <= ranges
    assert found["orderbook_drain_duration_seconds_count"] > 0
    assert not any(str(pid) in series for series in found for pid in kills)


def test_two_workers_on_one_machine_share_neither_port_nor_counts(deployment: Deployment) -> None:
    port = choose_port()
    wished = {"ORDERBOOK_METRICS__WORKER_PORT": str(port)}
    first = deployment.worker("worker1", processes=1, **wished)
    deployment.beat()
    wait_for(lambda: "orderbook_drain_duration_seconds_count" in scraped(port), 60, what="the first serves")
    deployment.running.pop("beat").stop()
    deployment.worker("worker2", processes=1, **wished)

    def second() -> int | None:
        log = (deployment.folder / "worker2.log").read_text(errors="replace")
        found = re.search(r"http://127\.0\.0\.1:(\d+)/metrics", log)
        return int(found[1]) if found else None

    wait_for(second, 60, what="the second serves")
    assert second() != port
    assert "orderbook_drain_duration_seconds_count" not in scraped(second() or 0)
    deployment.running.pop("worker1").stop()
    assert first.exit_code == 0
    wait_for(lambda: not scraped(port), 30, what="who served for the first is gone with it")
