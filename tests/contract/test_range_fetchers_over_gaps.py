"""Both range fetchers over logs with holes: transactions and their markers, aborted records, compacted ones."""

from collections.abc import Callable

import pytest

from orderbook.config import settings
from orderbook.errors import EarlyEnd
from orderbook.stream.batch import Batch
from orderbook.stream.topics import TopicClient
from tests.contract.test_range_fetchers import offsets
from tests.contract.written_log import Written, WrittenLog

Fetch = Callable[..., Batch]


@pytest.fixture
def end(log: WrittenLog) -> Callable[[], int]:
    """The last stable offset of partition 0."""

    def ask() -> int:
        with TopicClient(settings().kafka) as client:
            return client.bounds((0,))[0].end

    return ask


def test_markers_take_an_offset_and_hold_no_record(log: WrittenLog, fetch: Fetch, end: Callable[[], int]) -> None:
    for name in "abc":
        log.transaction(name, [name.encode()] * 2)
    assert end() == 9
    batch = fetch(0, 9)
    assert [(r.offset, r.value) for r in batch.records] == [
        (0, b"a"), (1, b"a"), (3, b"b"), (4, b"b"), (6, b"c"), (7, b"c"),
    ]  # fmt: skip
    assert batch.position == 9


@pytest.mark.parametrize(
    ("start", "stop", "expected"), [(0, 3, [0, 1]), (2, 3, []), (2, 4, [3]), (5, 6, []), (3, 6, [3, 4])]
)
def test_a_range_may_begin_and_end_at_a_marker(
    log: WrittenLog, fetch: Fetch, start: int, stop: int, expected: list[int]
) -> None:
    for name in "ab":
        log.transaction(name, [name.encode()] * 2)
    batch = fetch(start, stop)
    assert (offsets(batch), batch.position) == (expected, stop)


def test_aborted_records_are_never_seen(log: WrittenLog, fetch: Fetch, end: Callable[[], int]) -> None:
    log.append([b"before"])
    log.transaction("aborted", [b"aborted"] * 50, commit=False)
    log.transaction("committed", [b"committed"])
    log.transaction("aborted", [b"aborted"] * 50, commit=False)
    assert end() == 105
    batch = fetch(0, 105)
    assert [(r.offset, r.value) for r in batch.records] == [(0, b"before"), (52, b"committed")]
    assert batch.position == 105


def test_a_range_of_nothing_but_aborted_records_is_all_gap(log: WrittenLog, fetch: Fetch) -> None:
    log.append([b"before"])
    log.transaction("aborted", [b"aborted"] * 20, commit=False)
    batch = fetch(1, 22)
    assert (list(batch.records), batch.position) == ([], 22)
    batch = fetch(5, 12)
    assert (list(batch.records), batch.position) == ([], 12)


def test_a_hanging_transaction_hides_what_follows_it(log: WrittenLog, fetch: Fetch, end: Callable[[], int]) -> None:
    log.append([b"before"])
    hanging = log.open_transaction("hanging", [b"hidden"])
    log.append([b"after"])
    assert end() == 1
    assert offsets(fetch(0, 1)) == [0]
    with pytest.raises(EarlyEnd):
        fetch(0, 3)
    hanging.commit_transaction(20)
    assert end() == 4
    assert [r.value for r in fetch(0, 4).records] == [b"before", b"hidden", b"after"]


def test_compacted_offsets_are_gaps(log: WrittenLog, fetch: Fetch, eventually: Callable[..., None]) -> None:
    log.compact_eagerly()
    log.append([Written(str(n).encode(), b"one key") for n in range(50)])
    found: list[Batch] = []

    def compacted() -> bool:
        log.append([Written(b"x", b"another key")])  # rolls the segment, and is compacted itself
        found[:] = [fetch(0, 50)]
        return len(found[0].records) == 1

    eventually(compacted, 60)
    assert (offsets(found[0]), found[0].position) == ([49], 50)
    for start, stop in ((0, 49), (10, 20), (30, 49)):
        batch = fetch(start, stop)
        assert (list(batch.records), batch.position) == ([], stop)
