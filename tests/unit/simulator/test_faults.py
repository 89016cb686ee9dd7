"""Faults: each is refused for the very reason it names."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.errors import ConfigError
from orderbook.ingest.validator import Validator
from orderbook.profiles import REASONS, load_profiles
from orderbook.profiles import Fault as Refusal
from orderbook.simulator.faults import FORMS, Faults, FaultShares, parse_shares
from orderbook.simulator.market import Market
from orderbook.stream.records import Record
from orderbook.tick import OrderBookTick, encode, microseconds

NOW = datetime(2026, 1, 5, 8, 30, 0, 123456, tzinfo=UTC)
ALL_FORMS = [(form, reason) for forms in FORMS.values() for form, reason in forms]
seeds = st.integers(0, 2**63)


def tick(seed: int = 1, symbol: str = "TTF-GAS") -> OrderBookTick:
    return Market([symbol], seed, {}).tick(lambda: NOW)


def verdict(value: bytes) -> OrderBookTick | Refusal:
    record = Record(0, microseconds(NOW + timedelta(seconds=1)) // 1000, b"TTF-GAS", value, b"1")
    return Validator(load_profiles(None)).judge_one(record)


@pytest.mark.parametrize(("form", "reason"), ALL_FORMS, ids=lambda of: getattr(of, "__name__", None))
@given(seeds, seeds)
def test_each_form_is_refused_for_the_reason_it_names(form, reason, market_seed, chance):  # type: ignore[no-untyped-def]
    refused = verdict(form(tick(market_seed), Random(chance)))
    assert isinstance(refused, Refusal)
    assert refused.reason == reason
    assert reason in REASONS


def test_a_tick_without_a_fault_is_taken_to_the_last_digit() -> None:
    assert verdict(encode(tick())) == tick()


@pytest.mark.parametrize(
    ("text", "shares"),
    [
        ("", ()),
        ("late", (("late", 0.01),)),
        ("malformed:1%,crossed:0.5%,late", (("malformed", 0.01), ("crossed", 0.005), ("late", 0.01))),
        (" crossed : 0.25 , late:0 ", (("crossed", 0.25), ("late", 0.0))),
        ("late:100%", (("late", 1.0),)),
        ("gap:0.1%,stall", (("gap", 0.001), ("stall", 0.01))),
    ],
)
def test_shares_are_read(text: str, shares: tuple[tuple[str, float], ...]) -> None:
    assert parse_shares(text) == FaultShares(shares)


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("lat", "'lat' is no fault: choose from malformed, crossed, late, gap, repeat, reorder, reset, stall"),
        ("late,late", "'late' stands twice"),
        ("late:101%", "'101%' is no share"),
        ("late:-1%", "'-1%' is no share"),
        ("late:nan", "'nan' is no share"),
        ("late:", "'' is no share"),
        ("late:x", "'x' is no share"),
        ("late:60%,crossed:60%", "more than 100%"),
    ],
)
def test_shares_that_make_no_sense_are_refused(text: str, complaint: str) -> None:
    with pytest.raises(ConfigError, match=complaint):
        parse_shares(text)


def test_faults_come_in_their_shares_and_in_all_forms() -> None:
    faults = Faults(parse_shares("malformed:10%,late:5%"), seed=3)
    drawn = [fault for _ in range(5_000) if (fault := faults.instead_of(tick()))]
    malformed = [fault for fault in drawn if fault.kind == "malformed"]
    assert 400 < len(malformed) < 600
    assert 200 < len(drawn) - len(malformed) < 300
    assert {fault.form for fault in malformed} == {form.__name__ for form, _ in FORMS["malformed"]}


def test_the_same_seed_gives_the_same_faults() -> None:
    first, second = (Faults(parse_shares("malformed:50%"), seed=9) for _ in range(2))
    assert [first.instead_of(tick()) for _ in range(100)] == [second.instead_of(tick()) for _ in range(100)]


def test_no_shares_no_faults() -> None:
    faults = Faults(parse_shares(""), seed=1)
    assert not any(faults.instead_of(tick()) for _ in range(1_000))
