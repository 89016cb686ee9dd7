"""The tail of the log, over a log in memory."""

from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orderbook.errors import OffsetOutOfRange
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.records import Record, Records
from orderbook.stream.tail import FIRST_STEP, LARGEST_STEP, MOST_OFFSETS, ChainEnd, LogTail, partition_of
from orderbook.stream.topics import LogBounds, TopicIdentity
from orderbook.tick import OrderBookTick, encode

NOW = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)


def tick(symbol: str, sequence_id: int, bid: str = "30.000", ask: str = "30.010") -> OrderBookTick:
    return OrderBookTick(
        symbol=symbol, event_time=NOW, received_time=NOW, bid_price=Decimal(bid), ask_price=Decimal(ask),
        bid_volume=Decimal(1), ask_volume=Decimal(1), sequence_id=sequence_id,
    )  # fmt: skip


class MemoryLog:
    """A topic in memory: what ``LogTail`` asks of Kafka, and how much it reads."""

    def __init__(self, partitions: int) -> None:
        self.records: dict[int, list[tuple[bytes | None, bytes | None]]] = {n: [] for n in range(partitions)}
        self.starts = dict.fromkeys(range(partitions), 0)
        self.read: Counter[int] = Counter()
        self.limit = 700  # a fetch stops early, as on real bytes

    def add(self, one: OrderBookTick, partition: int | None = None) -> None:
        home = partition_of(one.symbol, tuple(self.records)) if partition is None else partition
        self.records[home].append((one.symbol.encode(), encode(one)))

    def identity(self) -> TopicIdentity:
        return TopicIdentity("cluster", "topic", tuple(self.records))

    def bounds(self, partitions: tuple[int, ...]) -> dict[int, LogBounds]:
        return {n: LogBounds(self.starts[n], len(self.records[n]), 0) for n in partitions}

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        if start < self.starts[partition]:
            raise OffsetOutOfRange(f"{start}")
        stop = min(end, start + self.limit)
        self.read[partition] += stop - start
        found = self.records[partition][start:stop]
        return Batch(start, Records.of(Record(start + n, 0, *pair, b"1") for n, pair in enumerate(found)), stop)

    def close(self) -> None:
        pass


def tail_of(log: MemoryLog) -> LogTail:
    return LogTail(log, log)  # type: ignore[arg-type]


def test_an_empty_log_knows_no_symbol() -> None:
    assert tail_of(MemoryLog(6)).chain_ends(["A", "B"]) == {}


def test_the_newest_tick_of_each_symbol_is_found() -> None:
    log = MemoryLog(6)
    for n in range(1, 100):
        for symbol in ("A", "B", "C"):
            log.add(tick(symbol, n * 10, bid=f"{n}.005", ask=f"{n}.010"))
    found = tail_of(log).chain_ends(["A", "C", "D"])
    assert found == {s: ChainEnd(990, 0, tick(s, 990, bid="99.005", ask="99.010")) for s in ("A", "C")}


@pytest.mark.parametrize("unread", [1, 3, 5_000])
def test_each_record_that_cannot_be_read_took_an_id(unread: int) -> None:
    log = MemoryLog(3)
    for n in range(1, 8):
        log.add(tick("A", n))
    home = partition_of("A", (0, 1, 2))
    for n in range(unread):
        log.records[home].append((b"A", (b'{"symbol":"A","sequ', b"\xff", None, b"[1]", b"{}")[n % 5]))
        log.records[home].append((b"B", b"not ours"))
    log.records[home].append((None, encode(tick("A", 10**6))))  # no key: nobody's chain
    assert tail_of(log).chain_ends(["A"]) == {"A": ChainEnd(7, unread, tick("A", 7))}


def test_unread_records_between_ticks_are_not_counted_twice() -> None:
    log = MemoryLog(1)
    for value in (encode(tick("A", 1)), b"?", encode(tick("A", 3)), b"?", b"?"):
        log.records[0].append((b"A", value))
    end = tail_of(log).chain_ends(["A"])["A"]
    assert (end.sequence_id, end.unread, end.last(before=99)) == (3, 2, 5)


def test_a_chain_of_unread_records_goes_on_from_what_came_before_the_log() -> None:
    log = MemoryLog(1)
    log.records[0] = [(b"A", b"?")] * 20
    end = tail_of(log).chain_ends(["A"])["A"]
    assert (end.sequence_id, end.last(before=0), end.last(before=500)) == (None, 20, 520)


def test_a_crossed_tick_counts_but_gives_no_price() -> None:
    log = MemoryLog(1)
    log.add(tick("A", 1))
    log.add(tick("A", 2, bid="31", ask="30"))
    assert tail_of(log).chain_ends(["A"]) == {"A": ChainEnd(2, 0, tick("A", 1))}


def test_a_symbol_far_back_in_its_own_partition_is_found() -> None:
    log = MemoryLog(1)
    log.add(tick("A", 5))
    for n in range(30_000):
        log.records[0].append((b"B", b"%d" % n))
    assert tail_of(log).chain_ends(["A"])["A"].sequence_id == 5


def test_after_partitions_were_added_the_past_of_a_symbol_is_found_in_another() -> None:
    log = MemoryLog(6)
    old = next(n for n in range(6) if n != partition_of("A", tuple(range(6))))
    log.add(tick("A", 77), partition=old)
    for number in range(6):
        log.records[number].extend([(b"B", b"x")] * 3 * FIRST_STEP)
    assert tail_of(log).chain_ends(["A"])["A"].sequence_id == 77


def test_where_a_symbol_moved_the_end_of_its_chain_counts_however_deep() -> None:
    log = MemoryLog(6)
    home = partition_of("A", tuple(range(6)))
    log.add(tick("A", 100), partition=(home + 1) % 6)  # the end of its old partition, nobody writes there any more
    log.add(tick("A", 200), partition=home)
    log.records[home].extend([(b"B", b"x")] * 5 * FIRST_STEP)
    assert tail_of(log).chain_ends(["A"])["A"].sequence_id == 200


def test_work_is_bounded_where_a_symbol_is_not_there() -> None:
    log = MemoryLog(2)
    log.limit = LARGEST_STEP
    for number in range(2):
        log.records[number] = [(b"B", b"x")] * (MOST_OFFSETS + 50_000)
    assert tail_of(log).chain_ends(["A"]) == {}
    assert set(log.read.values()) == {MOST_OFFSETS}


def test_symbols_at_the_end_cost_one_step() -> None:
    log = MemoryLog(1)
    for n in range(10 * FIRST_STEP):
        log.add(tick("A", n))
    tail_of(log).chain_ends(["A"])
    assert log.read[0] == FIRST_STEP


def test_a_log_that_retention_shortens_meanwhile_is_read_as_far_as_it_goes() -> None:
    log = MemoryLog(1)
    log.records[0] = [(b"B", b"x")] * 5 * FIRST_STEP
    tail = tail_of(log)
    bounds = log.bounds((0,))
    log.bounds = lambda partitions: bounds  # type: ignore[method-assign]  # as they were before
    log.starts[0] = 4 * FIRST_STEP
    assert tail.chain_ends(["A"]) == {}


def test_what_was_added_since_is_heard() -> None:
    log = MemoryLog(3)
    log.add(tick("A", 1))
    tail = tail_of(log)
    ends = tail.ends()
    assert tail.heard_since(ends, ["A", "B"]) == set()
    log.add(tick("B", 1))
    log.add(tick("C", 1))
    assert tail.heard_since(ends, ["A", "B"]) == {"B"}


@given(st.lists(st.sampled_from(["tick", "unread"]), max_size=60), st.integers(1, 7))
def test_reading_in_steps_says_the_same_as_reading_at_once(kinds: list[str], step: int) -> None:
    log = MemoryLog(1)
    for n, kind in enumerate(kinds, start=1):
        log.records[0].append((b"A", encode(tick("A", n)) if kind == "tick" else b"?"))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("orderbook.stream.tail.FIRST_STEP", step)
        patch.setattr("orderbook.stream.tail.LARGEST_STEP", step)
        found = tail_of(log).chain_ends(["A"])
    assert {symbol: end.last(before=0) for symbol, end in found.items()} == ({"A": len(kinds)} if kinds else {})


def later(number: int, seconds: int) -> OrderBookTick:
    return tick("A", number).model_copy(update={"event_time": NOW + timedelta(seconds=seconds)})


@pytest.mark.parametrize("edge", range(6))
def test_ids_that_were_counted_anew_go_on_from_there(edge: int) -> None:
    ticks = [later(900, 0), later(901, 1), later(1, 2), later(2, 3), later(3, 4)]
    older, newer = ChainEnd(), ChainEnd()
    for n, one in enumerate(ticks):
        (older if n < edge else newer).take(encode(one))
    assert newer.after(older).sequence_id == 3


def test_an_old_tick_that_comes_late_begins_nothing_anew() -> None:
    end = ChainEnd()
    for one in (later(900, 0), later(902, 2), later(901, 1)):
        end.take(encode(one))
    assert end.sequence_id == 902
