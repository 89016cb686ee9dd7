"""What a filter can match: never too little, whatever the filter and the symbols in it."""

from datetime import UTC, date, datetime, timedelta

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset as ds
from hypothesis import given
from hypothesis import strategies as st

from orderbook.query.reach import Reach, reach

DAYS = [date(2026, 1, 5), date(2026, 1, 6), date(2026, 1, 9)]
SYMBOL, AT = pc.field("symbol"), pc.field("event_time")
SYMBOLS = [
    "TTF",
    "NBP",
    "A",
    "AB",
    'a"b',
    'c", "d',
    "c",
    "d",
    "it's",
    "back\\slash",
    "a, b",
    "...",
    "(",
    "x == y",
    "n\nl",
]
START = datetime(2026, 1, 5, tzinfo=UTC)
instants = st.integers(0, 5 * 86_400 * 1_000_000 - 1).map(lambda n: START + timedelta(microseconds=n))
symbols = st.sampled_from(SYMBOLS)


def member(values: list[str]) -> pc.Expression:
    return pc.if_else(SYMBOL.is_valid(), SYMBOL.isin(values), pa.scalar(None, pa.bool_()))  # as DuckDB writes IN


conditions = st.recursive(
    st.one_of(
        symbols.map(lambda value: value == SYMBOL),
        symbols.map(lambda value: value < SYMBOL),
        symbols.map(lambda value: value >= SYMBOL),
        st.lists(symbols, min_size=1, max_size=4).map(member),
        st.just(member([f"S{n}" for n in range(40)] + ["TTF"])),
        instants.map(lambda value: value <= AT),
        instants.map(lambda value: value > AT),
        instants.map(lambda value: value == AT),
        st.integers(0, 9).map(lambda value: pc.field("sequence_id") > value),
    ),
    lambda inner: st.one_of(
        st.tuples(inner, inner).map(lambda pair: pair[0] & pair[1]),
        st.tuples(inner, inner).map(lambda pair: pair[0] | pair[1]),
        inner.map(lambda one: ~one),
    ),
    max_leaves=5,
)
rows = st.lists(st.tuples(symbols, instants, st.integers(0, 9)), min_size=1, max_size=30)


@given(conditions, rows)
def test_no_row_that_matches_lies_out_of_reach(
    condition: pc.Expression, drawn: list[tuple[str, datetime, int]]
) -> None:
    hot = [row for row in drawn if row[1].date() in DAYS]
    names = ("symbol", "event_time", "sequence_id")
    columns = [list(column) for column in zip(*hot, strict=True)] or [[], [], []]
    types = (pa.string(), pa.timestamp("us", tz="UTC"), pa.int64())
    table = pa.table([pa.array(c, t) for c, t in zip(columns, types, strict=True)], names=names)
    matching = ds.InMemoryDataset(table).to_table(filter=condition).to_pylist()
    found = reach(condition, DAYS)
    for row in matching:
        assert not found.nothing
        assert found.start is None or row["event_time"] >= found.start
        assert found.end is None or row["event_time"] < found.end
        assert found.symbols is None or row["symbol"] in found.symbols


def test_a_symbol_and_a_span_are_found_to_the_minute() -> None:
    start = datetime(2026, 1, 6, 8, 30, 15, tzinfo=UTC)
    condition = (SYMBOL == "TTF") & (start <= AT) & (start + timedelta(minutes=90) > AT)
    minute = start.replace(second=0)
    assert reach(condition, DAYS) == Reach(minute, minute + timedelta(minutes=91), ("TTF",))
    assert reach(member(["TTF", "NBP"]) & (start == AT), DAYS) == Reach(
        minute, minute + timedelta(minutes=1), ("NBP", "TTF")
    )


def test_nothing_is_reached_where_no_day_or_no_symbol_can_match() -> None:
    assert reach(datetime(2026, 1, 10, tzinfo=UTC) <= AT, DAYS).nothing
    assert reach((SYMBOL == "TTF") & (SYMBOL == "NBP"), DAYS).nothing
    assert reach(None, []).nothing
    assert reach(None, DAYS) == Reach()
