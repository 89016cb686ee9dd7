"""What the audit finds when it reads the log again and compares values, over a store and a log in memory."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import pytest

from orderbook.audit import DeepAudit, Report
from orderbook.errors import Unavailable
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from orderbook.store.ledger.recount import AuditedRange, Stored
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.records import Record, Records
from orderbook.stream.topics import LogBounds, TopicIdentity
from orderbook.tick import FIELDS, OrderBookTick, decode
from tests.unit.memory_store import CURSOR, MemoryStore
from tests.unit.wire import record, written

LOG = [record(written(sequence_id=str(n)), n) for n in range(4)] + [record(b"broken", 4)]


class MemoryFetcher:
    """A log of one partition; each fetch returns at most two records."""

    def __init__(self, records: Sequence[Record]) -> None:
        self.records = records

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        found = [r for r in self.records if start <= r.offset < end][:2]
        position = found[-1].offset + 1 if len(found) == 2 else end
        return Batch(start, Records.of(found), position)

    def close(self) -> None:
        pass


class StuckFetcher(MemoryFetcher):
    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        return Batch(start, position=start)


def values(value: bytes) -> tuple[Any, ...]:
    tick = OrderBookTick.model_validate(decode(value))
    return tuple(getattr(tick, name) for name in FIELDS)


def stored() -> Stored:
    ticks = {r.offset: values(r.value or b"") for r in LOG[:4]}
    return Stored(ticks, {4: ("json", b"key", b"broken", "open")})


def deep(
    store: MemoryStore, *, log: Sequence[Record] = LOG, start: int = 0, topic_id: str = "id", fetcher=MemoryFetcher
):
    validator = Validator(load_profiles(None))
    report = Report()
    over = DeepAudit(fetcher(log), validator, FetchLimits(1, 1, 1))
    over.run(store, TopicIdentity("c", topic_id, (0,)), {0: LogBounds(start, 5, None)}, report, lambda _: None)
    return report


def small(rows: Stored | None = None) -> MemoryStore:
    cursor = replace(CURSOR, planned=5, committed=5)
    return MemoryStore(cursor, [AuditedRange(1, 0, 5, "done", 4, 1, 0)], rows=rows or stored())


def test_values_that_equal_the_log_s_balance() -> None:
    report = deep(small())
    assert report.balances
    assert (report.compared, report.not_in_log) == (5, 0)


def _swap(rows: Stored) -> None:
    rows.ticks[1], rows.ticks[2] = rows.ticks[2], rows.ticks[1]


def _alter(rows: Stored) -> None:
    price = FIELDS.index("bid_price")
    rows.ticks[3] = (*rows.ticks[3][:price], rows.ticks[3][price] + 1, *rows.ticks[3][price + 1 :])


@pytest.mark.parametrize(
    ("change", "labels", "problem"),
    [
        (_swap, ["t/0/1-1", "t/0/2-2"], "differ from the log's: sequence_id"),
        (_alter, ["t/0/3-3"], "differ from the log's: bid_price"),
        (lambda rows: rows.ticks.pop(2), ["t/0/2-2"], "stored nowhere"),
        (lambda rows: rows.rejects.pop(4), ["t/0/4-4"], "stored nowhere"),
        (lambda rows: rows.rejects.update({4: ("json", b"key", b"other", "open")}), ["t/0/4-4"], "bytes in quarantine"),
        (lambda rows: rows.rejects.update({4: ("json", None, b"broken", "open")}), ["t/0/4-4"], "bytes in quarantine"),
        (lambda rows: rows.rejects.update({0: ("late", b"key", LOG[0].value, "open")}), ["t/0/0-0"], "a valid tick"),
        (
            lambda rows: (rows.rejects.pop(4), rows.ticks.update({4: rows.ticks[0]})),
            ["t/0/4-4"],
            "to be rejected: json",
        ),
    ],
)
def test_a_value_that_differs_is_named_with_its_offset(
    change: Callable[[Stored], object], labels: list[str], problem: str
) -> None:
    rows = stored()
    change(rows)
    findings = deep(small(rows)).findings
    assert [f.label for f in findings] == labels
    assert all(problem in f.problem for f in findings)


@pytest.mark.parametrize("reason", ["refused", "poison"])
def test_a_record_that_only_postgres_or_a_process_could_refuse_is_spared(reason: str) -> None:
    rows = stored()
    del rows.ticks[0]
    rows.rejects[0] = (reason, b"key", LOG[0].value, "open")
    assert deep(small(rows)).balances


def test_a_record_that_could_not_be_read_has_no_bytes_to_compare() -> None:
    rows = stored()
    del rows.ticks[0]
    rows.rejects[0] = ("poison_unread", None, None, "open")
    assert deep(small(rows)).balances


def test_a_requeued_record_keeps_its_reject_beside_its_tick() -> None:
    rows = stored()
    rows.rejects[0] = ("late", b"key", LOG[0].value, "landed")
    assert deep(small(rows)).balances


def test_a_row_that_the_log_does_not_have_is_wrong() -> None:
    findings = deep(small(), log=LOG[:2] + LOG[3:]).findings
    assert [(f.label, f.problem) for f in findings] == [("t/0/2-2", "stored, but the log has no such record")]


def test_what_the_log_no_longer_has_cannot_be_compared() -> None:
    report = deep(small(), log=LOG[3:], start=3)
    assert (report.balances, report.compared, report.not_in_log) == (True, 2, 3)


def test_nothing_of_an_earlier_topic_can_be_compared() -> None:
    report = deep(small(), topic_id="another")
    assert (report.balances, report.compared, report.not_in_log) == (True, 0, 5)


def test_a_log_that_gives_nothing_is_no_finding() -> None:
    with pytest.raises(Unavailable):
        deep(small(), fetcher=StuckFetcher)
