"""Items as columns: the same text and the same lines as one by one."""

import json

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.replay.items import GAP, TICK, Items, gaps, lines, tick_items
from orderbook.tick import decode, encode
from tests.pipeline import tick

AT = 1_723_161_599_900_862
NUMBERS = [
    ("27.500000000", "27.5"),
    ("100.000000000", "100"),
    ("0.000000001", "0.000000001"),
    ("0.000000000", "0"),
    ("-500.000000000", "-500"),
    ("-0.010000000", "-0.01"),
    ("999999999.999999999", "999999999.999999999"),
    (None, "null"),
]


def _rows(numbers: list[str | None]) -> pa.Table:
    count = len(numbers)
    return pa.table(
        {
            "symbol": pa.array(['odd \\"\\\\ name'] * count),
            "event_time": pa.array([AT] * count),
            "received_time": pa.array([AT // 10**6 * 10**6] * count),
            **{name: pa.array(numbers, pa.string()) for name in ("bid_price", "ask_price", "bid_volume", "ask_volume")},
            "sequence_id": pa.array([2**63 - 1] * count),
        }
    )


def test_numbers_keep_every_digit_and_no_zero_behind_the_last() -> None:
    found = tick_items(_rows([stored for stored, _ in NUMBERS]))
    assert [json.loads("{" + item + "}", parse_float=str, parse_int=str)["tick"]["bid_price"] for item in found] == [
        None if text == "null" else text for _, text in NUMBERS
    ]


def test_an_item_reads_as_the_tick_that_travelled() -> None:
    (item,) = tick_items(_rows(["27.500000000"]))
    document = decode(item.removeprefix(TICK).encode())
    assert (document["symbol"], document["sequence_id"]) == ('odd "\\ name', str(2**63 - 1))
    assert (document["event_time"], document["received_time"]) == (
        "2024-08-08T23:59:59.900862Z",
        "2024-08-08T23:59:59.000000Z",
    )
    assert document.keys() == decode(encode(tick(1))).keys()


@given(st.lists(st.lists(st.sampled_from([f"{TICK}{{}}", f"{GAP}{{}}", "ü", ""]))), st.text(max_size=3))
def test_a_column_and_a_list_give_the_same_lines(chunks: list[list[str]], before: str) -> None:
    column = Items(pa.chunked_array(chunks, pa.string()))
    texts = [text for chunk in chunks for text in chunk]
    assert (list(column), len(column), column[1:3]) == (texts, len(texts), texts[1:3])
    assert b"".join(lines(column, before, "\n")) == b"".join(lines(texts, before, "\n"))
    assert gaps(column) == gaps(texts) == sum(text.startswith(GAP) for text in texts)


def test_a_part_of_a_column_has_its_own_lines_only() -> None:
    column = pa.chunked_array([["a", "b", "c", "d"]])
    assert b"".join(lines(Items(column.slice(1, 2)), "<", ">")) == b"<b><c>"


def test_an_item_behind_the_last_is_none() -> None:
    with pytest.raises(IndexError):
        Items(pa.chunked_array([["a"]]))[1]
