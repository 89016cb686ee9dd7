"""Derived columns: exact numbers, and sequence steps that do not depend on where batches are cut."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orderbook.expectations.columns import SequenceSteps, derive, numbers
from orderbook.profiles import Profile, Profiles, load_profiles
from orderbook.store.rows.tick_stream import EXACT, SCHEMA
from tests.unit.expectations.rows import AT, batch_of, row

exact = st.decimals(min_value=-(10**9) + 1, max_value=10**9 - 1, places=9, allow_nan=False)


@given(st.lists(st.none() | exact), st.integers(0, 3))
def test_decimals_become_whole_numbers_to_the_last_digit(values: list[Decimal | None], cut: int) -> None:
    found = numbers(pa.array(values, EXACT)[cut:]).array()
    expected = [None if value is None else int(value.scaleb(9)) for value in values[cut:]]
    assert found.to_pylist() == expected


chain = st.tuples(st.sampled_from(["A", "B"]), st.integers(0, 1), st.integers(-1, 5), st.booleans())


@given(st.lists(chain, max_size=30), st.integers(1, 7))
def test_steps_are_those_of_a_walk_over_every_tick(ticks: list[tuple[str, int, int, bool]], size: int) -> None:
    ticks.sort(key=lambda tick: tick[0])  # the stream comes by symbol
    resets = frozenset((1, partition, n) for n, (_, partition, _, is_reset) in enumerate(ticks) if is_reset)
    last: dict[tuple[str, int], int] = {}
    expected: list[int | None] = []
    for symbol, partition, sequence, is_reset in ticks:
        before = last.get((symbol, partition))
        expected.append(None if before is None or is_reset or sequence < 0 else sequence - before)
        if sequence >= 0:
            last[symbol, partition] = sequence
    rows = [
        row(symbol=symbol, kafka_partition=partition, sequence_id=sequence, kafka_offset=n)
        for n, (symbol, partition, sequence, _) in enumerate(ticks)
    ]
    steps = SequenceSteps(resets)
    found = [
        step for at in range(0, len(rows), size) for step in steps.of(batch_of(rows[at : at + size]))[0].to_pylist()
    ]
    assert found == expected


def test_rows_go_to_their_profiles_and_those_that_are_not_finite_to_none() -> None:
    rows = [row(symbol="TTF-GAS"), row(symbol="TTF-GAS", finite=False), row(symbol="X"), row(symbol="Y")]
    found = {
        profile.name: table["symbol"].to_pylist()
        for profile, table in derive(batch_of(rows), load_profiles(None), SequenceSteps(frozenset()))
    }
    assert found == {"energy": ["TTF-GAS"], "default": ["X", "Y"]}


def test_the_band_is_the_wider_of_both_bounds_and_a_crossed_book_has_no_spread() -> None:
    profiles = Profiles([], Profile("both", allow_nonpositive_price=True, max_spread=2.0, max_spread_ratio=0.1))
    books = [("10", "11"), ("100", "101"), ("-100", "-99"), ("0", "1"), ("5", "4"), ("5", None)]
    rows = [row(bid_price=Decimal(bid), ask_price=None if ask is None else Decimal(ask)) for bid, ask in books]
    ((_, table),) = derive(batch_of(rows), profiles, SequenceSteps(frozenset()))
    bands = [None if band is None else round(band / 1e9, 6) for band in table["spread_band"].to_pylist()]
    assert bands == [2.0, 10.05, 9.95, 2.0, None, None]
    assert table["spread"].to_pylist() == [10**9, 10**9, 10**9, 10**9, None, None]


def test_delay_is_exact() -> None:
    rows = [row(received_time=AT + timedelta(microseconds=40)), row(received_time=datetime(1970, 1, 1, tzinfo=UTC))]
    ((_, table),) = derive(batch_of(rows), load_profiles(None), SequenceSteps(frozenset()))
    assert table["delay_microseconds"].to_pylist() == [
        40,
        -((AT - datetime(1970, 1, 1, tzinfo=UTC)) // timedelta(microseconds=1)),
    ]
    assert table.schema.field("bid_price").type == SCHEMA.field("bid_price").type
