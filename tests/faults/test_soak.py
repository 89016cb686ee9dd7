"""A hundred thousand small ranges: nothing grows but the table of ticks."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import psutil
import pytest
from redis import Redis

from tests.conftest import wait_for
from tests.processes import SYMBOLS, Deployment, deployment_over, reaches
from tests.servers import RunningServers

pytestmark = [pytest.mark.slow, pytest.mark.timeout(7200)]

RANGES = 100_000
OFFSETS_A_RANGE = 2
STUCK_SAMPLES = 60  # two minutes
SETTINGS = {
    "ORDERBOOK_DRAIN__MAX_OFFSETS": str(OFFSETS_A_RANGE),
    "ORDERBOOK_DRAIN__INTERVAL_SECONDS": "0.2",
    "ORDERBOOK_DRAIN__MAX_OPEN": "64",
    "ORDERBOOK_DATABASE__MERGE_AFTER_SECONDS": "5",
}
NEVER_REPLACED = "--max-tasks-per-child=1000000"
FINISHED = "SELECT coalesce(sum(committed), 0) FROM partition_cursor"
LEDGER_ROWS = "SELECT count(*) FROM offset_range"
LEDGER_BYTES = """
    SELECT sum(pg_total_relation_size(c.oid)) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    WHERE c.relkind = 'r' AND n.nspname = 'public' AND c.relname NOT LIKE 'ticks%'
"""


@dataclass
class Soak:
    """What was seen every few seconds: ranges finished, resident bytes by process, keys in Redis."""

    deployment: Deployment
    ends: dict[int, int]
    at: list[float] = field(default_factory=list)
    memory: list[dict[str, int]] = field(default_factory=list)
    keys: list[int] = field(default_factory=list)
    seconds: float = 0.0

    def look(self, broker: "Redis[Any]") -> None:
        ((offsets,),) = self.deployment.rows(FINISHED)
        self.at.append(float(offsets) / OFFSETS_A_RANGE)
        self.memory.append(memory_of(self.deployment))
        self.keys.append(int(broker.dbsize()))

    def moved(self) -> bool:
        """Whether some range was finished within the last samples."""
        return len(self.at) < STUCK_SAMPLES or self.at[-1] > self.at[-STUCK_SAMPLES]

    def growth(self, name: str) -> float:
        """Bytes per 10,000 ranges, by least squares over the last four fifths of the run."""
        seen = [(at, memory[name]) for at, memory in zip(self.at, self.memory, strict=True) if name in memory]
        seen = [(at, memory) for at, memory in seen if at > RANGES / 5]
        middle_at = sum(at for at, _ in seen) / len(seen)
        middle = sum(memory for _, memory in seen) / len(seen)
        slope = sum((at - middle_at) * (memory - middle) for at, memory in seen)
        return slope / sum((at - middle_at) ** 2 for at, _ in seen) * 10_000


def memory_of(deployment: Deployment) -> dict[str, int]:
    """Resident bytes of each worker, its children, and the beat."""
    found = {}
    for name, process in deployment.running.items():
        if name.startswith("simulator") or process.pid is None:
            continue
        main = psutil.Process(process.pid)
        found[name] = main.memory_info().rss
        for number, child in enumerate(sorted(main.children(), key=lambda p: p.pid)):
            found[f"{name} child {number}"] = child.memory_info().rss
    return found


@pytest.fixture(scope="module")
def soak(servers: RunningServers, migrated_template: str) -> Iterator[Soak]:
    with deployment_over(servers, migrated_template, **SETTINGS) as deployment:
        simulator = deployment.simulator(
            f"--symbols {SYMBOLS} --count {RANGES * OFFSETS_A_RANGE} --interval 0.0001 --seed 1"
        )
        wait_for(lambda: simulator.exit_code is not None, 200, what="the simulator has sent all")
        assert simulator.exit_code == 0, simulator.last_lines()
        seen = Soak(deployment, deployment.ends())
        deployment.worker(processes=2, flags=NEVER_REPLACED)
        deployment.beat()
        began = time.monotonic()
        with Redis.from_url(servers.redis_url) as broker:
            while not reaches(deployment.prefix(), seen.ends):
                seen.look(broker)
                assert seen.moved(), deployment.running["worker"].last_lines(20)
                time.sleep(2)  # the rate of the samples
        seen.seconds = time.monotonic() - began
        print(f"\n{RANGES:,} ranges in {seen.seconds:.0f} s, {RANGES / seen.seconds:.0f} a second")
        yield seen


def test_no_process_grows_by_5_mb_in_10_000_ranges(soak: Soak) -> None:
    growth = {name: soak.growth(name) / 2**20 for name in soak.memory[-1]}
    print(f"\nMiB more per 10,000 ranges: { {name: round(slope, 2) for name, slope in growth.items()} }")
    assert len(growth) == 4  # a worker, its two children, a beat
    assert max(growth.values()) < 5


def test_redis_keeps_as_many_keys_as_it_had(soak: Soak) -> None:
    settled = soak.keys[len(soak.keys) // 10 :]
    print(f"\n{min(settled)} to {max(settled)} keys")
    assert max(settled) - min(settled) <= 10


def test_the_ledger_is_merged_and_stays_small(soak: Soak) -> None:
    wait_for(lambda: soak.deployment.rows(LEDGER_ROWS)[0][0] < 2_000, 150, what="the ledger is merged")
    ((rows,),), ((size,),) = soak.deployment.rows(LEDGER_ROWS), soak.deployment.rows(LEDGER_BYTES)
    print(f"\n{rows} ledger rows, {float(size) / 2**20:.1f} MiB in all tables but ticks")
    assert float(size) < 20 * 2**20


def test_the_audit_is_still_exact(soak: Soak) -> None:
    soak.deployment.stop()
    for command in ("orderbook audit", "orderbook audit --deep"):
        done = soak.deployment.run(command, 600)
        assert done.returncode == 0, done.stdout + done.stderr
