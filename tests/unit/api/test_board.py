"""The board: no symbol goes back, and who is slow is told how much it missed."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal

import orjson
import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orderbook.api.board import Board
from orderbook.live.quotes import Quote, decoded, encoded, newest_quotes
from orderbook.store.ledger.landing import TICKS

AT = datetime(2026, 1, 5, tzinfo=UTC)


def quote(symbol: str, time: int, offset: int) -> Quote:
    return Quote(symbol, time, 1, 0, offset, 1, "{")


def test_an_older_quote_changes_nothing() -> None:
    board = Board()
    assert board.offer([quote("A", 5, 1)])
    assert not board.offer([quote("A", 5, 1), quote("A", 4, 9)])
    assert board.entries["A"].quote.event_time == 5
    assert board.offer([quote("A", 5, 2)])


def test_what_changed_comes_in_order_and_once() -> None:
    board = Board()
    board.offer([quote("A", 1, 1), quote("B", 1, 2)])
    seen = board.version
    board.offer([quote("A", 2, 3), quote("C", 1, 4), quote("A", 3, 5)])
    assert [entry.quote.symbol for entry in board.changed(seen)] == ["C", "A"]
    assert [entry.quote.symbol for entry in board.changed(seen, ["A", "B"])] == ["A"]
    assert board.updates_of() - 2 - len(board.changed(seen)) == 1  # one quote of A was passed over
    assert board.changed(board.version) == []


@given(st.lists(st.tuples(st.sampled_from("ABC"), st.integers(0, 9), st.integers(0, 9)), max_size=40))
def test_a_reader_at_any_pace_sees_each_symbol_only_go_on(offers: list[tuple[str, int, int]]) -> None:
    board, at, last = Board(), 0, dict.fromkeys("ABC", (-1,))
    for number, (symbol, time, offset) in enumerate(offers):
        board.offer([quote(symbol, time, offset)])
        if number % 3 == 0:
            for entry in board.changed(at):
                assert entry.quote.order > last[entry.quote.symbol]
                last[entry.quote.symbol] = entry.quote.order
            at = board.version


def test_notices_are_told_to_those_who_watch_their_symbol() -> None:
    board = Board()
    board.tell("A", "{}")
    board.tell("B", "[]")
    assert [notice.text for notice in board.told(0)] == ["{}", "[]"]
    assert [notice.text for notice in board.told(0, {"B"})] == ["[]"]
    assert board.told(2) == []


def landing(*rows: tuple[str, int, int]) -> pa.Table:
    return pa.Table.from_pylist(
        [
            {
                "symbol": symbol,
                "event_time": AT + timedelta(seconds=second),
                "received_time": AT,
                "bid_price": Decimal("0.000000001"),
                "ask_price": None,
                "bid_volume": Decimal(100),
                "ask_volume": None,
                "sequence_id": offset,
                "kafka_offset": offset,
            }
            for symbol, second, offset in rows
        ],
        TICKS,
    )


def test_a_landing_announces_the_newest_tick_of_each_symbol() -> None:
    found = {q.symbol: q for q in newest_quotes(landing(("A", 5, 1), ("B", 1, 2), ("A", 9, 3), ("A", 7, 4)), 2, 3)}
    assert (found["A"].offset, found["A"].ticks, found["B"].offset) == (3, 3, 2)
    body = orjson.loads(found["A"].body + "}")
    assert (body["bid_price"], body["ask_price"], body["bid_volume"], body["place"]) == (
        "0.000000001",
        None,
        "100",
        "2/3/3",
    )
    assert newest_quotes(landing(), 1, 0) == []


def test_of_ticks_at_one_instant_the_later_in_the_log_is_the_newer() -> None:
    (only,) = newest_quotes(landing(("A", 5, 1), ("A", 5, 2)), 1, 0)
    assert only.offset == 2


def test_a_message_comes_back_as_it_was() -> None:
    quotes = newest_quotes(landing(("A", 5, 1), ("B", 1, 2)), 1, 0)
    at, found = decoded(encoded(quotes, 12.5))
    assert (at, list(found)) == (12.5, quotes)
