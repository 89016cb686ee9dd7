"""The clocks of receiver and venue, over a real store: shown, alarmed on a step, never a reason to reject."""

import json
import time
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from kafka import KafkaProducer

from orderbook.clock import utc_now
from orderbook.completeness.clocks import ClockWatcher
from orderbook.profiles import Profile, Profiles
from orderbook.store.completeness.clocks import ClockWatch
from orderbook.tick import OrderBookTick, encode
from tests.commands import ok
from tests.pipeline import Pipeline, tick
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers

FEEDS = Profiles([], Profile("default"), [("ICE-*", "ice")])
ALARMS = "SELECT detail FROM alarm WHERE kind = 'clock_step' ORDER BY id"


def received_after(milliseconds: float, sequence: int, symbol: str = "TTF-GAS") -> OrderBookTick:
    at = utc_now()
    return tick(sequence, symbol, event_time=at, received_time=at + timedelta(milliseconds=milliseconds))


def look(pipeline: Pipeline, *skews: float, symbols: tuple[str, ...] = ("TTF-GAS",)) -> int:
    """Land ticks of these skews, and look at them; returns the steps that were found."""
    pipeline.produce([received_after(skew, n + 1, symbol) for symbol in symbols for n, skew in enumerate(skews)])
    pipeline.run()
    return len(ClockWatcher(ClockWatch(pipeline.engine), FEEDS.feed).run())


def test_a_step_of_200_ms_is_an_alarm_once_and_rejects_nothing(pipeline: Pipeline) -> None:
    assert [look(pipeline, 3, 1, 40) for _ in range(3)] == [0, 0, 0]
    assert [look(pipeline, 203, 201, 240) for _ in range(3)] == [0, 1, 0]
    assert [row[0] for row in pipeline.rows(ALARMS)] == [
        "TTF-GAS: receive time less event time went from +1.0 to +201.0 ms, by +200.0 ms"
    ]
    assert pipeline.one("SELECT count(*) FROM quarantine") == 0
    (shown,) = json.loads(ok("clocks", "--json"))
    assert (shown["feed"], shown["usual_seconds"], shown["newest_seconds"]) == ("TTF-GAS", 0.201, 0.201)
    assert shown["stepped_at"]


def test_a_receiver_that_is_always_late_or_early_is_normal(pipeline: Pipeline) -> None:
    assert [look(pipeline, skew, skew + 20) for skew in (-1270, -1269, -1271)] == [0, 0, 0]
    assert pipeline.rows(ALARMS) == []


def test_all_symbols_that_step_together_are_one_alarm(pipeline: Pipeline) -> None:
    symbols = tuple(f"S{n}" for n in range(30))
    for skew in (1, 1, 201):
        look(pipeline, skew, symbols=symbols)
    assert look(pipeline, 201, symbols=symbols) == 30
    ((detail,),) = pipeline.rows(ALARMS)
    assert detail.endswith("and 20 more feeds")


def test_symbols_of_one_feed_are_one_clock(pipeline: Pipeline) -> None:
    """A quiet symbol that is late by chance is no step where another of its feed is in time; all of them are one."""
    symbols = ("ICE-A", "ICE-B")
    assert [look(pipeline, 1, symbols=symbols) for _ in range(2)] == [0, 0]
    for late in range(3):
        pipeline.produce([received_after(301, 10 + late, "ICE-B")])
        assert look(pipeline, 1, symbols=("ICE-A",)) == 0
    assert [look(pipeline, 201, symbols=symbols) for _ in range(2)] == [0, 1]
    assert [row[0].split(":")[0] for row in pipeline.rows(ALARMS)] == ["ice"]
    assert pipeline.rows("SELECT feed, skew_us FROM clock_skew") == [("ice", 201_000)]


def test_without_new_rows_nothing_is_measured(pipeline: Pipeline) -> None:
    look(pipeline, 5)
    before = pipeline.rows("SELECT measured_at FROM clock_skew")
    assert ClockWatcher(ClockWatch(pipeline.engine), FEEDS.feed).run() == []
    assert pipeline.rows("SELECT measured_at FROM clock_skew") == before


@pytest.fixture
def deployment(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    with deployment_over(servers, migrated_template) as made:
        yield made


def test_a_running_pipeline_alarms_within_ten_seconds(deployment: Deployment, eventually: Callable[..., None]) -> None:
    deployment.worker(processes=1)
    deployment.beat()
    producer = KafkaProducer(bootstrap_servers=deployment.servers.kafka_bootstrap)
    sequence = 0

    def quoting(skew: float, statement: str) -> Callable[[], bool]:
        """Send a tick a look, until the statement finds something."""

        def found() -> bool:
            nonlocal sequence
            sequence += 1
            producer.send(deployment.topic, encode(received_after(skew, sequence)), key=b"k").get(10)
            return bool(deployment.rows(statement))

        return found

    measured = "SELECT 1 FROM clock_skew WHERE measured_at > now() - interval '1 s' AND off_passes = 0"
    eventually(quoting(1, measured), 60)
    stepped = time.monotonic()
    eventually(quoting(201, ALARMS), 30)
    seconds = time.monotonic() - stepped
    producer.close()
    print(f"a step of +200 ms was alarmed after {seconds:.1f} s")
    assert seconds < 10
