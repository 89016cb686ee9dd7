"""What the audit finds when it counts the rows of a store in memory."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from orderbook.audit import Report, audit
from orderbook.store.ledger.recount import Recount
from tests.unit.memory_store import MemoryStore


def report_of(store: MemoryStore, projected: dict[int, int] | None = None) -> Report:
    return audit(store, projected or {}, lambda _: None)  # type: ignore[arg-type]


def test_a_store_that_keeps_the_promise_balances() -> None:
    report = report_of(MemoryStore(), {0: 20})
    assert report.balances
    assert (report.ok, report.bad, report.gaps, report.lost, report.open) == (17, 1, 2, 0, 10)
    assert (report.ranges, report.partitions) == (3, 1)


def with_range(index: int, **changes: Any) -> Callable[[MemoryStore], None]:
    def change(store: MemoryStore) -> None:
        held = list(store.held)
        held[index] = replace(held[index], **changes)
        store.held = held

    return change


def with_count(index: int, **changes: Any) -> Callable[[MemoryStore], None]:
    def change(store: MemoryStore) -> None:
        store.counted[index] = replace(store.counted.get(index, Recount()), **changes)

    return change


def without_range(index: int) -> Callable[[MemoryStore], None]:
    def change(store: MemoryStore) -> None:
        held = list(store.held)
        del held[index]
        store.held, store.counted = held, {}

    return change


@pytest.mark.parametrize(
    ("change", "label", "problem"),
    [
        (with_count(0, ok=8, offsets=9), "t/0/0-9", "ticks 8 counted, 9 claimed"),
        (with_range(1, ok=7, gaps=3), "t/0/10-19", "ticks 8 counted, 7 claimed, empty 2 counted, 3 claimed"),
        (with_count(0, ok=10), "t/0/0-9", "offsets in two places: 3"),
        (with_count(1, last=25), "t/0/10-19", "rows up to offset 25 belong to no range"),
        (with_count(2, offsets=4, ok=4, last=23), "t/0/20-29", "4 offsets are stored, but the range is planned"),
        (with_count(-1, offsets=2), "t/0", "2 offsets stored before the first range"),
        (without_range(1), "t/0/10-19", "a hole in the ledger"),
        (without_range(0), "t/0/0-9", "a hole in the ledger"),
        (without_range(2), "t/0/20-29", "a hole in the ledger"),
        (with_range(1, start=9), "t/0/9-9", "two ranges overlap"),
        (with_range(2, end=31), "t/0/30-30", "ranges beyond what is planned (30)"),
        (with_range(1, state="planned"), "t/0/10-19", "open below the prefix 20"),
    ],
)
def test_what_is_wrong_is_named_with_its_range(change: Callable[[MemoryStore], None], label: str, problem: str) -> None:
    store = MemoryStore()
    change(store)
    report = report_of(store)
    assert not report.balances
    assert any(f.label == label and problem in f.problem for f in report.findings), report.findings


def test_a_group_offset_past_the_prefix_is_wrong_and_one_behind_it_is_not() -> None:
    assert [f.label for f in report_of(MemoryStore(), {0: 21}).findings] == ["t/0"]
    assert report_of(MemoryStore(), {0: 5}).balances


def test_rows_of_a_partition_nobody_knows_are_wrong() -> None:
    assert [f.label for f in report_of(MemoryStore(unknown=[(7, 3, 12)])).findings] == ["generation 7/3"]


@pytest.mark.parametrize(
    ("alarms", "silent"),
    [
        ([], "t/0/20-29"),
        ([(20, 30)], None),
        ([(20, 25), (25, 30)], None),
        ([(0, 24)], "t/0/24-29"),
        ([(21, 30)], "t/0/20-29"),
    ],
)
def test_what_was_lost_rang_an_alarm(alarms: list[tuple[int, int]], silent: str | None) -> None:
    store = MemoryStore(alarms=alarms)
    with_range(2, state="lost")(store)
    assert [f.label for f in report_of(store).findings] == ([] if silent is None else [silent])
