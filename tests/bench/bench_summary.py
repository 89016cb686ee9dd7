"""What the summary of sequence ids costs a landing: CPU of this process, pairs with and without it in turn."""

import platform
import statistics
import sys
import time

from orderbook.clock import utc_now
from orderbook.completeness.summary import Summariser
from orderbook.config import settings
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.ingestor import Ingestor
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.simulator.market import Market
from tests.pipeline import Pipeline, pipeline_over
from tests.processes import SYMBOLS
from tests.servers import Stack

TICKS = 20_000  # a range
PAIRS = 12


def _cpu_microseconds(ingestor: Ingestor, pipeline: Pipeline) -> float:
    """Of one range of ``TICKS``, a tick."""
    market = Market(SYMBOLS.split(","), 1, {})
    pipeline.produce([market.tick(utc_now) for _ in range(TICKS)])
    while not pipeline.hints:
        pipeline.drain()
    (range_id,), pipeline.hints[:] = list(pipeline.hints), []
    began = time.process_time()
    assert ingestor.run(range_id) == TICKS
    return (time.process_time() - began) * 1e6 / TICKS


def bench_summary(stack: Stack) -> None:
    """The share of a landing's CPU that goes into the summary."""
    with pipeline_over(settings()) as pipeline:
        _compare(pipeline)


def _compare(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=TICKS)
    profiles = load_profiles(None)
    judge = FastLane(Validator(profiles), profiles)
    bare = pipeline.ingestor(judge=judge, summarise=lambda ticks: "[]")
    whole = pipeline.ingestor(judge=judge, summarise=Summariser(profiles))
    for warm in (bare, whole):
        _cpu_microseconds(warm, pipeline)
    pairs = [(_cpu_microseconds(bare, pipeline), _cpu_microseconds(whole, pipeline)) for _ in range(PAIRS)]
    costs = sorted(after - before for before, after in pairs)
    base, cost = statistics.median(before for before, _ in pairs), statistics.median(costs)
    machine = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    sys.stdout.write(
        f"\n{base:.2f} us CPU a tick without, {cost:+.3f} with the summary ({cost / base:.1%}; middle half of "
        f"{PAIRS} pairs {costs[PAIRS // 4]:+.3f} to {costs[-PAIRS // 4 - 1]:+.3f}; {machine})\n"
    )
