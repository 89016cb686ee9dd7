"""CPU of each phase of a range in one process, from the log to bytes for COPY; what Postgres does is not in it."""

import gc
import time
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager

from orderbook import tasks
from orderbook.ingest.columns import lines_are_plain, parse_lines
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.sections import KafkaSettings
from orderbook.store.rows.encoding import copy_input
from orderbook.stream.batch import FetchLimits
from orderbook.stream.fetcher import make_fetcher
from tests.bench.stage import Log, Stage

ROWS = 20_000
QUOTES = 22


def phases(stage: Stage, log: Log) -> Mapping[str, float]:
    """Microseconds of CPU a tick, all threads of this process; ``judge`` contains the two checks below it."""
    assert tasks.app.main == "orderbook"  # a worker has all of the program in memory, which collections walk through
    gc.collect()
    gc.freeze()
    spent: dict[str, float] = defaultdict(float)
    profiles = load_profiles(None)
    lane = FastLane(Validator(profiles), profiles)
    kafka = KafkaSettings(bootstrap_servers=stage.servers.kafka_bootstrap, topic=log.topic)
    ticks = 0
    with closing(make_fetcher(kafka, ROWS)) as fetcher:
        for partition, start in _ranges(log):
            with _timed(spent, "fetch"):
                batch = fetcher.fetch(partition, start, start + ROWS, FetchLimits(2**23, 20, 3), _nothing)
            with _timed(spent, "judge"):
                judged = lane.judge(batch.records)
            values = [record.value or b"" for record in batch.records]
            with _timed(spent, "judge: lines"):
                lines_are_plain(values, QUOTES)
            with _timed(spent, "judge: parse"):
                parse_lines(values)
            with _timed(spent, "encode"):
                copy_input(judged.ticks)
            ticks += len(values)
    return {name: round(seconds / ticks * 1e6, 2) for name, seconds in spent.items()}


def _ranges(log: Log) -> Iterator[tuple[int, int]]:
    for partition, end in log.ends().items():
        for start in range(0, end - ROWS + 1, ROWS):
            yield partition, start


@contextmanager
def _timed(spent: dict[str, float], name: str) -> Iterator[None]:
    before = time.process_time()
    yield
    spent[name] += time.process_time() - before


def _nothing() -> None:
    """A range that nobody else wants needs no lease."""
