"""Servers away for minutes, slow, flapping, half there: nobody is needed to go on, and little is said meanwhile."""

import time
from collections.abc import Iterator

import pytest
from redis import Redis
from redis.exceptions import OutOfMemoryError

from tests.faults.matrix.scene import Scene, scene
from tests.faults.proxy import Toxic

pytestmark = [pytest.mark.slow, pytest.mark.timeout(900)]

OUTAGE_SECONDS = {"down": 120, "timeout": 60}
MOST_LINES = 12  # of one event in one process' log: each child of a pool tells once, a retrying client each half minute
OF_THE_FEED = "ticks rejected"  # said once a range, outage or not
# A simulator takes 48 to 69 MB once: its client begins to retry, and 10,000 ticks wait. From then on nothing grows.
MEGABYTES, LATER_MEGABYTES = 96, 16
MOST_OPEN = """SELECT coalesce(max(n), 0) FROM (
    SELECT count(*) AS n FROM offset_range WHERE state = 'planned' GROUP BY partition) AS open"""


@pytest.fixture(scope="module")
def played() -> Iterator[Scene]:
    """One pipeline for all: what is left of one fault is there at the next."""
    with scene() as made:
        yield made


@pytest.mark.parametrize("name", ["kafka", "postgres", "valkey"])
@pytest.mark.parametrize("kind", ["down", "timeout"])
def test_a_server_away_for_minutes_is_waited_for_quietly(played: Scene, name: str, kind: str) -> None:
    proxy, before, rss = played.play.stage.proxies[name], played.lines(), played.rss_megabytes()
    proxy.apply(Toxic(kind))
    played.for_seconds(OUTAGE_SECONDS[kind] * 2 / 3)
    later = played.rss_megabytes()
    played.for_seconds(OUTAGE_SECONDS[kind] / 3)
    at_its_end = played.rss_megabytes()
    proxy.heal()
    played.assert_recovers(f"{name} {kind} for {OUTAGE_SECONDS[kind]} s", within=90)
    said = {
        (process, event): count - before.get(process, {}).get(event, 0)
        for process, events in played.lines().items()
        for event, count in events.items()
    }
    assert {at: n for at, n in said.items() if n > MOST_LINES and at[1] != OF_THE_FEED} == {}
    assert _most_grown(rss, played.rss_megabytes()) < MEGABYTES
    assert _most_grown(later, at_its_end) < LATER_MEGABYTES


def _most_grown(before: dict[str, float], now: dict[str, float]) -> float:
    grown = {role: size - before[role] for role, size in now.items() if role in before}
    print(f"\ngrown, MB: { {role: round(size, 1) for role, size in grown.items()} }")
    return max(grown.values())


@pytest.mark.parametrize(
    ("name", "toxic"),
    [("kafka", Toxic("bandwidth", 50_000)), ("postgres", Toxic("latency", 0.5)), ("valkey", Toxic("latency", 0.5))],
)
def test_a_slow_server_leaves_the_log_in_kafka_and_the_window_holds(played: Scene, name: str, toxic: Toxic) -> None:
    proxy = played.play.stage.proxies[name]
    proxy.apply(toxic)
    with Redis.from_url(played.play.stage.servers.redis_url) as direct:
        for _ in range(30):
            played.for_seconds(1)
            assert played.play.stage.deployment.rows(MOST_OPEN)[0][0] <= 8
            assert direct.llen("ingest") <= 2 * 8 * 6  # two passes at once may both see room for the same hints
    proxy.heal()
    played.assert_recovers(f"slow {name}", within=90)


def test_ten_restarts_of_valkey_leave_no_worker_deaf(played: Scene) -> None:
    for turn in range(10):
        played.play.stage.kill_server("valkey")
        played.play.stage.start_server("valkey", empty=turn % 2 == 0)
        played.for_seconds(3)
    played.serves()
    played.assert_recovers("ten restarts of valkey in 30 s", within=90)


def test_a_valkey_out_of_memory_costs_nothing_once_it_has_room(played: Scene) -> None:
    with Redis.from_url(played.play.stage.servers.redis_url) as direct:
        direct.config_set("maxmemory", "1mb")
        with pytest.raises(OutOfMemoryError):
            direct.set("more", 1)
        played.for_seconds(30)
        direct.config_set("maxmemory", "0")
    played.assert_recovers("valkey out of memory for 30 s", within=90)


def test_everything_killed_at_once_comes_back(played: Scene) -> None:
    crew, stage = played.play.crew, played.play.stage
    crew.kill_everybody()
    for name in ("kafka", "postgres", "valkey"):
        stage.kill_server(name)
    began = time.monotonic()
    played.serves()
    print(f"\nall three servers serve again after {time.monotonic() - began:.1f} s")
    played.assert_recovers("all killed at once", within=120)
