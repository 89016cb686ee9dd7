"""What the summary of sequence ids costs a landing: CPU of this thread, pairs with and without it in turn."""

import platform
import statistics
import sys
import time

from orderbook.clock import utc_now
from orderbook.completeness.summary import Summariser
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.simulator.market import Market
from orderbook.store.ledger.landing import Summarise, Summary
from orderbook.store.rows.encoding import copy_input
from orderbook.stream.records import Record
from orderbook.tick import encode, microseconds
from tests.processes import SYMBOLS

TICKS = 20_000  # a range
PAIRS = 40


def bench_summary() -> None:
    """The share of the summary in judging a range and writing it for COPY, the parts of a landing that Python does."""
    market, profiles = Market(SYMBOLS.split(","), 1, {}), load_profiles(None)
    stamp = microseconds(utc_now()) // 1000
    records = [Record(n, stamp, b"k", encode(market.tick(utc_now)), b"1") for n in range(TICKS)]
    judge, summarise = FastLane(Validator(profiles), profiles), Summariser(profiles)

    def cost(of: Summarise) -> float:
        began = time.thread_time()
        ticks = judge.judge(records).ticks
        of(ticks)
        copy_input(ticks)
        return (time.thread_time() - began) * 1e6 / TICKS

    pairs = [(cost(lambda ticks: Summary("[]", "{}")), cost(summarise)) for _ in range(PAIRS)]
    costs = sorted(after - before for before, after in pairs)
    base, more = statistics.median(before for before, _ in pairs), statistics.median(costs)
    machine = f"{platform.machine()}, Python {platform.python_version()}, {time.strftime('%Y-%m-%d')}"
    sys.stdout.write(
        f"\n{base:.2f} us CPU a tick without, {more:+.3f} with the summary ({more / base:.1%}; middle half of "
        f"{PAIRS} pairs {costs[PAIRS // 4]:+.3f} to {costs[-PAIRS // 4 - 1]:+.3f}; {machine})\n"
    )
