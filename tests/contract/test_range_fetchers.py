"""What both range fetchers promise (``stream.batch.RangeFetcher``), on a real broker."""

import itertools
import random
import time
from collections.abc import Callable
from contextlib import closing
from datetime import timedelta
from typing import Any

import pytest

from orderbook.clock import utc_now
from orderbook.config import settings
from orderbook.errors import EarlyEnd, NotOurs, OffsetOutOfRange, OutOfTime, Unavailable
from orderbook.stream.batch import Batch, FetchLimits, RangeFetcher
from tests.contract.written_log import Written, WrittenLog

Fetch = Callable[..., Batch]


def numbered(count: int, size: int = 0) -> list[bytes]:
    return [str(n).encode().ljust(size) for n in range(count)]


def offsets(batch: Batch) -> list[int]:
    return [record.offset for record in batch.records]


def test_a_whole_range_is_read_and_nothing_beside_it(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(12_000))
    batch = fetch(1_000, 11_500)
    assert (batch.start, batch.position) == (1_000, 11_500)
    assert [(r.offset, r.value) for r in batch.records] == [(n, str(n).encode()) for n in range(1_000, 11_500)]


def test_a_range_may_begin_at_the_log_start_and_end_at_its_end(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(30))
    log.delete_below(10)
    assert offsets(fetch(10, 30)) == list(range(10, 30))


def test_partitions_are_kept_apart(log: WrittenLog, fetch: Fetch) -> None:
    log.append([b"zero"], partition=0)
    log.append([b"one"], partition=1)
    assert [fetch(0, 1, partition=n).records[0].value for n in (0, 1)] == [b"zero", b"one"]


def test_keys_values_and_versions_arrive_as_they_were_sent(log: WrittenLog, fetch: Fetch) -> None:
    sent = [
        Written(b"plain", b"key"),
        Written(b"", b""),
        Written(None, b"tombstone"),
        Written(b"no key", None),
        Written(bytes(range(256)), bytes(range(256))),
        Written(b"versioned", None, [("schema-version", b"1")]),
        Written(b"twice", None, [("schema-version", b"1"), ("other", None), ("schema-version", b"2")]),
        Written(b"null version", None, [("schema-version", None)]),
        Written(b"odd version", None, [("schema-version", b"\xff\x00")]),
        Written(b"x" * 500_000, b"y" * 100_000, [("big", b"z" * 100_000)]),
    ]
    log.append(sent)
    batch = fetch(0, len(sent))
    assert [(r.key, r.value) for r in batch.records] == [(s.key, s.value) for s in sent]
    assert [r.version for r in batch.records] == [None] * 5 + [b"1", b"2", None, b"\xff\x00", None]


def test_a_record_carries_the_broker_s_time(log: WrittenLog, fetch: Fetch) -> None:
    before = utc_now() - timedelta(seconds=1)
    log.append([b"a"])
    at = fetch(0, 1).records[0].broker_time
    assert at is not None
    assert before < at < utc_now() + timedelta(seconds=1)


@pytest.mark.parametrize("codec", ["gzip", "lz4", "snappy", "zstd"])
def test_a_compressed_log_is_read_as_any_other(log: WrittenLog, fetch: Fetch, codec: str) -> None:
    log.append(numbered(2_000), **{"compression.type": codec, "linger.ms": 50})
    assert [r.value for r in fetch(500, 1_500).records] == numbered(2_000)[500:1_500]


@pytest.mark.parametrize("held", [0, 5])
def test_a_log_that_ends_before_the_range_fails_the_attempt_at_once(log: WrittenLog, fetch: Fetch, held: int) -> None:
    log.append(numbered(10))
    began = time.monotonic()
    with pytest.raises(EarlyEnd):
        fetch(10 - held, 11)
    assert time.monotonic() - began < 10  # not the whole time that an attempt may take


def test_a_start_that_the_log_no_longer_has_is_out_of_range(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(20))
    log.delete_below(10)
    with pytest.raises(OffsetOutOfRange):
        fetch(9, 20)
    assert offsets(fetch(10, 20)) == list(range(10, 20))  # by the same client


def test_a_start_that_the_log_does_not_have_yet_is_out_of_range(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(3))
    with pytest.raises(OffsetOutOfRange):
        fetch(50, 60)
    assert offsets(fetch(0, 3)) == [0, 1, 2]


def test_the_limit_of_bytes_ends_a_batch_where_the_next_one_goes_on(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(100, size=1_000))
    seen: list[int] = []
    position, batches = 0, 0
    while position < 100:
        batch = fetch(position, 100, bytes=10_500)
        assert batch.records
        assert batch.position == batch.records[-1].offset + 1
        seen += offsets(batch)
        position, batches = batch.position, batches + 1
    assert seen == list(range(100))
    assert batches == 10


def test_one_record_is_read_however_large_it_is(log: WrittenLog, fetch: Fetch) -> None:
    log.append([b"x" * 900_000, b"y" * 900_000])
    batch = fetch(0, 2, bytes=1)
    assert (offsets(batch), batch.position) == ([0], 1)


def test_nulls_and_empty_values_count_nothing_against_the_limit(log: WrittenLog, fetch: Fetch) -> None:
    log.append([b"x" * 10, None, b"", None, b"y"])
    batch = fetch(0, 5, bytes=10)
    assert (offsets(batch), batch.position) == ([0, 1, 2, 3], 4)


def test_the_limit_of_time_ends_a_batch_with_what_there_is(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(30_000, size=1_000))
    fetch(0, 1)  # connected
    batch = fetch(0, 30_000, seconds=1, between=lambda: time.sleep(0.4))
    assert 0 < len(batch.records) < 30_000
    assert batch.position == batch.records[-1].offset + 1


def test_between_is_called_between_waits(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(12_000, size=1_000))
    calls = itertools.count()
    fetch(0, 12_000, between=lambda: next(calls))
    assert next(calls) >= 2


def test_a_range_taken_over_while_it_is_read_stops_the_read_and_not_the_client(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(12_000))

    def lost() -> None:
        raise NotOurs("taken over")

    with pytest.raises(NotOurs):
        fetch(0, 12_000, between=lost)
    assert offsets(fetch(5, 9)) == [5, 6, 7, 8]


def test_one_client_reads_ranges_in_any_order(log: WrittenLog, fetch: Fetch) -> None:
    for partition in (0, 1):
        log.append([f"{partition}.{n}".encode() for n in range(1_000)], partition=partition)
    ranges = [(p, start, start + 100) for p in (0, 1) for start in range(0, 1_000, 100)]
    random.Random(7).shuffle(ranges)
    for partition, start, end in ranges:
        values = [r.value for r in fetch(start, end, partition=partition).records]
        assert values == [f"{partition}.{n}".encode() for n in range(start, end)]


def test_one_range_may_be_read_again(log: WrittenLog, fetch: Fetch) -> None:
    log.append(numbered(10))
    assert fetch(2, 8) == fetch(2, 8)


def test_an_unknown_topic_is_unavailable(stack: object, fetch: Fetch) -> None:
    with pytest.raises(Unavailable):
        fetch(0, 1, seconds=3)


def test_an_unknown_partition_is_unavailable(log: WrittenLog, fetch: Fetch) -> None:
    log.append([b"a"])
    with pytest.raises(Unavailable):
        fetch(0, 1, partition=9, seconds=3)


def test_a_broker_that_is_away_is_unavailable_soon_and_never_a_slow_range(
    stack: object, make_fetcher: Callable[[Any], RangeFetcher]
) -> None:
    away = settings().kafka.model_copy(
        update={"bootstrap_servers": "127.0.0.1:1", "request_timeout_seconds": 1.0},
    )
    began = time.monotonic()
    with pytest.raises(Unavailable) as raised, closing(make_fetcher(away)) as fetcher:
        fetcher.fetch(0, 0, 10, FetchLimits(2**20, 3, 0.5), lambda: None)
    assert time.monotonic() - began < 10
    assert not isinstance(raised.value, OutOfTime)  # which would make the next attempts take less
