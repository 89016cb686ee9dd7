"""Records as columns: to whoever looks, they are the records that went in."""

from hypothesis import given
from hypothesis import strategies as st

from orderbook.stream.records import Record, Records

parts = st.none() | st.binary(max_size=4)
lists = st.lists(st.builds(Record, st.integers(0, 9), st.integers(-1, 9), parts, parts, parts), max_size=8)


@given(lists, st.slices(8))
def test_columns_read_as_the_records_they_were_made_of(records: list[Record], part: slice) -> None:
    held = Records.of(records)
    assert list(held) == records
    assert [held[at] for at in range(len(held))] == records
    assert list(held[part]) == records[part]
    assert bool(held) == bool(records)


@given(lists, lists)
def test_columns_are_equal_where_their_records_are(one: list[Record], other: list[Record]) -> None:
    assert (Records.of(one) == Records.of(other)) == (one == other)
