"""The calibrated market against what was measured on two real captures, within the tolerances set for it.

A run is as long as a capture, and of the same rates. Peaks are extremes: single runs scatter about them as the halves
of one capture do (by 15 to 35 %), so what must be close is the median of several seeds.
"""

from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from orderbook.clock import utc_now
from orderbook.profiles import load_profiles
from orderbook.simulator.book import TICK, Book
from orderbook.simulator.calibrated import CalibratedMarket, CalibratedPace, shares
from orderbook.simulator.captured import FUTURE, SPOT
from orderbook.simulator.cascade import BLOCK_SECONDS, Arrivals, Weather
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.faults import Faults, parse_shares
from orderbook.simulator.ledger import Sent
from orderbook.simulator.market import Quote
from orderbook.tick import encode

SECONDS = 344.35
SEEDS = range(11)
WINDOWS = (0.01, 0.1, 1.0)
START = datetime(2026, 1, 5, 8, tzinfo=UTC)
CAPTURES: dict[str, dict[str, Any]] = {
    "future": {
        "of": (FUTURE, 191.9), "ratio": (74.5, 16.5, 4.3), "fano": (17.3, 47.1), "correlation": (0.35, 0.30),
        "kinds": (45.4, 50.2, 1.3, 1.1, 1.1, 0.9), "one_tick": 94.2, "median_sizes": (2.68, 2.68),
    },
    "spot": {
        "of": (SPOT, 69.6), "ratio": (73.3, 21.5, 4.9), "fano": (10.5, 27.1), "correlation": (0.36, 0.26),
        "kinds": (42.9, 47.4, 0.0, 4.6, 4.5, 0.5), "one_tick": 88.6, "median_sizes": (6.19, 7.63),
    },
}  # fmt: skip
both = pytest.mark.parametrize("name", CAPTURES)


@cache
def instants(name: str, seed: int) -> np.ndarray:
    """When the symbol quotes in one run, seconds."""
    character, rate = CAPTURES[name]["of"]
    weather, arrivals = Weather(seed), Arrivals(name, seed, rate, character.bursts)
    blocks = [
        arrivals.next_block(weather.next_block()) + n * BLOCK_SECONDS for n in range(int(SECONDS / BLOCK_SECONDS) + 1)
    ]
    times = np.concatenate(blocks)
    return times[times < SECONDS]


def counts(name: str, seed: int, window: float) -> np.ndarray:
    """Quotes in each window."""
    return np.histogram(instants(name, seed), int(SECONDS / window), (0, int(SECONDS / window) * window))[0]


def correlation(one: np.ndarray, other: np.ndarray) -> float:
    return float(np.corrcoef(one, other)[0, 1])


def medians(name: str, figure: Any) -> list[float]:
    """The median over the seeds, for each window."""
    return [float(np.median([figure(counts(name, seed, window)) for seed in SEEDS])) for window in WINDOWS]


@both
def test_peaks_rise_over_the_mean_as_the_captures_do(name: str) -> None:
    ratios = medians(name, lambda n: n.max() / n.mean())
    print(name, "peak to mean at 10 ms, 100 ms, 1 s:", [round(ratio, 1) for ratio in ratios])
    assert ratios == pytest.approx(CAPTURES[name]["ratio"], rel=0.2)


@both
def test_counts_scatter_as_the_captures_do(name: str) -> None:
    assert medians(name, lambda n: n.var() / n.mean())[:2] == pytest.approx(CAPTURES[name]["fano"], rel=0.25)


@both
def test_counts_go_on_as_the_captures_do(name: str) -> None:
    found = medians(name, lambda n: correlation(n[1:], n[:-1]))
    assert found[:2] == pytest.approx(CAPTURES[name]["correlation"], abs=0.1)


@both
def test_the_mean_rate_is_what_was_asked_for(name: str) -> None:
    assert np.mean([instants(name, seed).size for seed in SEEDS]) == pytest.approx(
        CAPTURES[name]["of"][1] * SECONDS, rel=0.1
    )


@both
def test_quotes_come_in_trains_with_long_gaps_between_them(name: str) -> None:
    gaps = np.diff(instants(name, 1))
    assert 0.35 < (gaps < 1e-5).mean() < 0.6  # captured: 0.50 and 0.40
    assert 2 < gaps.std() / gaps.mean() < 4  # captured: 2.94 and 2.95; Poisson: 1


def test_symbols_burst_together_from_a_second_up_and_not_within_a_millisecond() -> None:
    found = [
        float(np.median([correlation(counts("future", s, w), counts("spot", s, w)) for s in SEEDS]))
        for w in (0.001, 0.01, 0.1, 1.0)
    ]
    print("correlation of symbols at 1 ms to 1 s:", [round(value, 2) for value in found])
    assert found[3] > 0.4  # captured: 0.58
    assert found == pytest.approx([0.06, 0.19, 0.44, 0.58], abs=0.15)


def quotes(name: str, count: int = 60_000) -> Iterator[Quote]:
    book = Book(name, 1, CAPTURES[name]["of"][0].habits)
    for _ in range(count):
        yield book.step()


@both
def test_what_changes_from_quote_to_quote_is_what_changed_in_the_capture(name: str) -> None:
    found = list(quotes(name))
    kinds: Counter[str] = Counter()
    for before, after in pairwise(found):
        prices = (before.bid_price != after.bid_price) + 2 * (before.ask_price != after.ask_price)
        sizes = (before.bid_volume != after.bid_volume) + 2 * (before.ask_volume != after.ask_volume)
        assert prices or sizes, "a quote equal to the one before"
        kinds[f"price{prices}" if prices else f"size{sizes}"] += 1
    names = ("size1", "size2", "size3", "price1", "price2", "price3")
    found_shares = [100 * kinds[kind] / kinds.total() for kind in names]
    print(name, dict(zip(names, np.round(found_shares, 1), strict=True)))
    assert found_shares == pytest.approx(CAPTURES[name]["kinds"], abs=2)


@both
def test_the_spread_is_one_tick_as_often_as_in_the_capture_and_never_less(name: str) -> None:
    spreads = np.array([int((quote.ask_price - quote.bid_price) / TICK) for quote in quotes(name)])
    assert spreads.min() == 1
    assert 100 * (spreads == 1).mean() == pytest.approx(CAPTURES[name]["one_tick"], abs=3)


@both
def test_sizes_have_the_captures_medians(name: str) -> None:
    found = list(quotes(name))
    medians = [float(np.median([float(getattr(q, side)) for q in found])) for side in ("bid_volume", "ask_volume")]
    assert medians == pytest.approx(CAPTURES[name]["median_sizes"], rel=0.3)


def clockwork(market: CalibratedMarket, count: int) -> list[bytes]:
    """The market's ticks as they travel, each stamped with the instant at which it comes."""
    sent = []
    for _ in range(count):
        at = START + timedelta(seconds=market.next_at)
        sent.append(encode(market.tick(lambda at=at: at)))  # type: ignore[misc]
    return sent


def test_the_same_seed_gives_the_same_bytes() -> None:
    names = ["TTF-GAS", "NBP-GAS", "PEG-GAS"]
    one, other, third = (clockwork(CalibratedMarket(names, seed, {}, 500), 5_000) for seed in (7, 7, 8))
    assert one == other
    assert one != third


def test_a_symbol_bursts_alike_alone_and_in_company() -> None:
    alone = CalibratedMarket(["A"], 7, {}, 100)
    together = CalibratedMarket(["A", "B"], 7, {}, 100 / shares(2)[0])
    expected = clockwork(alone, 500)
    assert [tick for tick in clockwork(together, 700) if b'"A"' in tick][:400] == expected[:400]


def test_later_symbols_are_slower_by_their_place() -> None:
    market = CalibratedMarket(["A", "B", "C", "D"], 3, {}, 2_000)
    seen: Counter[str] = Counter()
    while market.next_at < 120:
        seen[market.turn] += 1
        market.pass_turn()
    rates = [seen[name] / seen.total() for name in "ABCD"]
    assert rates == sorted(rates, reverse=True)
    assert rates == pytest.approx(shares(4), abs=0.1)


def test_every_quote_passes_the_strictest_profile() -> None:
    market, profile = CalibratedMarket(["NBP-GAS", "PSV-GAS"], 1, {}, 1_000), load_profiles(None).of("NBP-GAS")
    assert all(profile.fault(market.tick(utc_now), None) is None for _ in range(20_000))


def test_a_tick_is_due_when_the_market_says_and_a_pause_moves_what_comes_after_it() -> None:
    market = CalibratedMarket(["A"], 1, {}, 100)
    pace, taken = CalibratedPace(market, 50.0), 0
    first = market.next_at
    assert (pace.at(0), pace.behind(0, 49.9, 500), pace.behind(0, 50.0, 500)) == (50.0, 0, 1)
    while market.next_at < first + 10:
        market.pass_turn()
        taken += 1
    assert pace.behind(taken, 60.0, 500) == 0
    assert pace.at(taken) == pytest.approx(50 + market.next_at - first)
    pace.shift(3)
    assert pace.at(taken) == pytest.approx(53 + market.next_at - first)
    assert 1 < pace.behind(taken, 66.0, 5) <= 5


def test_a_silent_symbol_holds_nobody_up() -> None:
    market, now = CalibratedMarket(["A", "B"], 1, {}, 200), START

    def clock() -> datetime:
        return now

    disorder, sent = Disorder(market, Faults(parse_shares("stall:1%"), 1), 2.0), list[Sent]()
    while market.next_at < 60:
        now = START + timedelta(seconds=market.next_at)
        record = disorder.next(clock, most=1)
        sent += [record] if record else []
    kinds = Counter(record.fault.kind for record in sent if record.fault)
    assert kinds["stall"] > 3
    assert {record.symbol for record in sent} == {"A", "B"}
