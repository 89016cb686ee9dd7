"""The market: quotes that hold whatever the seed, and runs that repeat whatever the clock."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from orderbook.simulator.market import GRID, HIGHEST, LOWEST, Market, Opening, Walk, starting_bid
from orderbook.tick import OrderBookTick

START = datetime(2026, 1, 5, 8, tzinfo=UTC)
seeds = st.integers(0, 2**63)
symbols = st.sampled_from(["TTF-GAS", "NBP-GAS", "TFM FMH0024!", "x"])


def ticking(step: timedelta = timedelta(milliseconds=3)) -> Callable[[], datetime]:
    now = START

    def clock() -> datetime:
        nonlocal now
        now += step
        return now

    return clock


def quotes(ticks: list[OrderBookTick]) -> list[tuple[object, ...]]:
    return [(t.symbol, t.sequence_id, t.bid_price, t.ask_price, t.bid_volume, t.ask_volume) for t in ticks]


@given(symbols, seeds, st.decimals(-100, 20_000, places=3) | st.none())
def test_every_quote_is_positive_uncrossed_and_on_the_grid(symbol: str, seed: int, last: Decimal | None) -> None:
    walk = Walk(symbol, seed, last)
    for _ in range(200):
        quote = walk.step()
        assert 0 < quote.bid_price < quote.ask_price
        assert quote.bid_price % GRID == quote.ask_price % GRID == 0
        assert quote.bid_volume > 0
        assert quote.ask_volume > 0


@given(seeds)
def test_a_walk_stays_between_its_bounds(seed: int) -> None:
    for bound in (LOWEST, HIGHEST):
        walk = Walk("TTF-GAS", seed, bound * GRID)
        bids = [walk.step().bid_price for _ in range(200)]
        assert LOWEST * GRID <= min(bids) <= max(bids) <= HIGHEST * GRID


@given(seeds)
def test_the_same_seed_gives_the_same_run_whatever_the_clock(seed: int) -> None:
    slow, fast = ticking(timedelta(seconds=9)), ticking(timedelta(microseconds=1))
    names = ["TTF-GAS", "NBP-GAS"]
    one, other = Market(names, seed, {}), Market(names, seed, {})
    assert quotes([one.tick(slow) for _ in range(50)]) == quotes([other.tick(fast) for _ in range(50)])


def test_other_seeds_give_other_runs() -> None:
    runs = {tuple(quotes([market.tick(ticking()) for _ in range(20)])) for market in
            (Market(["TTF-GAS"], seed, {}) for seed in range(20))}  # fmt: skip
    assert len(runs) == 20


def test_a_symbol_walks_alike_alone_and_in_company() -> None:
    alone, together = Market(["NBP-GAS"], 7, {}), Market(["TTF-GAS", "NBP-GAS"], 7, {})
    clock = ticking()
    expected = quotes([alone.tick(clock) for _ in range(20)])
    assert [q for q in quotes([together.tick(clock) for _ in range(40)]) if q[0] == "NBP-GAS"] == expected


def test_symbols_take_turns_and_each_counts_by_itself() -> None:
    market = Market(["A", "B"], 1, {"B": Opening(41)})
    ticks = [market.tick(ticking()) for _ in range(6)]
    assert [(t.symbol, t.sequence_id) for t in ticks] == [("A", 1), ("B", 41), ("A", 2), ("B", 42), ("A", 3), ("B", 43)]


@given(seeds, st.integers(LOWEST + 2, HIGHEST - 2))
def test_the_walk_goes_on_from_the_last_price_without_a_jump(seed: int, steps: int) -> None:
    last = steps * GRID
    assert abs(Walk("TTF-GAS", seed, last).step().bid_price - last) <= 2 * GRID


def test_a_last_price_between_two_steps_of_the_grid_is_taken_down_to_the_grid() -> None:
    assert abs(Walk("X", 1, Decimal("30.0074")).step().bid_price - Decimal("30.005")) <= 2 * GRID


def test_known_hubs_open_near_their_level_and_others_always_at_the_same_one() -> None:
    assert starting_bid("TTF-GAS") * GRID == 30
    assert starting_bid("NBP-GAS") * GRID == 75
    assert starting_bid("SOMETHING") == starting_bid("SOMETHING")
    assert starting_bid("SOMETHING") != starting_bid("SOMETHING ELSE")


def test_the_receive_time_is_never_before_the_event_time() -> None:
    tick = Market(["X"], 1, {}).tick(ticking(timedelta(seconds=-1)))
    assert tick.received_time == tick.event_time
    tick = Market(["X"], 1, {}).tick(ticking())
    assert tick.received_time - tick.event_time == timedelta(milliseconds=3)


def test_ids_go_on_from_where_the_log_says_while_prices_walk_on() -> None:
    market, undisturbed = Market(["A"], 1, {}), Market(["A"], 1, {})
    clock = ticking()
    for each in (market, undisturbed):
        for _ in range(5):
            each.tick(clock)
    market.go_on_from({"A": 3})
    ours, theirs = market.tick(clock), undisturbed.tick(clock)
    assert (ours.sequence_id, theirs.sequence_id) == (3, 6)
    assert ours.bid_price == theirs.bid_price
