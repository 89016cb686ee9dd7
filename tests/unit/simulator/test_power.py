"""The power market: contracts come and go with the clock, and every quote of theirs is acceptable."""

from collections import Counter
from datetime import UTC, datetime, timedelta

from orderbook.contracts import AREAS, open_contracts
from orderbook.profiles import load_profiles
from orderbook.simulator.disorder import Disorder
from orderbook.simulator.faults import Faults, parse_shares
from orderbook.simulator.market import Opening
from orderbook.simulator.power import PowerMarket
from orderbook.tick import OrderBookTick

DE = (AREAS["DE"],)
NOON = datetime(2026, 3, 28, 12, 0, tzinfo=UTC)


class Clock:
    """Time that a test moves."""

    def __init__(self, at: datetime = NOON) -> None:
        self.at = at

    def __call__(self) -> datetime:
        return self.at


def run(clock: Clock, minutes: int, seed: int = 1, every: float = 0.5) -> list[OrderBookTick]:
    market, ticks = PowerMarket(DE, seed, {}, clock), []
    for _ in range(int(minutes * 60 / every)):
        ticks.append(market.tick(clock))
        clock.at += timedelta(seconds=every)
    return ticks


def test_only_open_contracts_are_quoted_while_some_expire_and_others_are_listed() -> None:
    clock = Clock(datetime(2026, 3, 28, 13, 50, tzinfo=UTC))  # hours are listed at 14:00, quarters at 15:00
    ticks = run(clock, 80)
    by_symbol = {c.symbol: c for at in (0, 40, 80) for c in open_contracts(DE, clock.at - timedelta(minutes=at))}
    seen = Counter(tick.symbol for tick in ticks)
    assert all(by_symbol[tick.symbol].open_at(tick.event_time) for tick in ticks if tick.symbol in by_symbol)
    expired = {s for s in seen if s in by_symbol and by_symbol[s].gate_closure <= clock.at}
    listed = {s for s in seen if s in by_symbol and by_symbol[s].listed_at > clock.at - timedelta(minutes=80)}
    assert len(expired) > 3
    assert len(listed) > 10


def test_each_contract_counts_its_own_ids_from_one() -> None:
    ids: dict[str, list[int]] = {}
    for tick in run(Clock(), 60):
        ids.setdefault(tick.symbol, []).append(tick.sequence_id)
    assert len(ids) > 20
    assert all(found == list(range(1, len(found) + 1)) for found in ids.values())


def test_prices_fall_below_zero_at_noon_and_every_quote_is_acceptable() -> None:
    profiles, ticks = load_profiles(None), run(Clock(), 120)
    assert any(tick.bid_price is not None and tick.bid_price < 0 for tick in ticks)
    assert [fault for tick in ticks if (fault := profiles.of(tick.symbol).fault(tick, tick.event_time))] == []


def test_the_same_seed_and_clock_give_the_same_ticks() -> None:
    assert run(Clock(), 30, seed=3) == run(Clock(), 30, seed=3) != run(Clock(), 30, seed=4)


def test_ids_go_on_where_the_log_says() -> None:
    (first, *_) = (contract.symbol for contract in open_contracts(DE, NOON))
    market = PowerMarket(DE, 1, {first: Opening(41)}, Clock())
    assert market.tick_of(first, Clock()).sequence_id == 41


def test_faults_strike_contracts_as_they_strike_symbols() -> None:
    clock, kinds = Clock(), Counter[str]()
    disorder = Disorder(PowerMarket(DE, 1, {}, clock), Faults(parse_shares("gap:3%,reorder:3%,stall:1%"), 1), 60)
    for _ in range(20_000):
        record = disorder.next(clock, most=2)
        if record and record.fault:
            kinds[record.fault.kind] += 1
        clock.at += timedelta(seconds=0.3)
    assert set(kinds) == {"gap", "reorder", "stall"}
