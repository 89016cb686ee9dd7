"""Batches read all at once are what kafka-python reads record by record; damage is never read as something else."""

import struct
from collections.abc import Sequence
from unittest.mock import patch

import pyarrow as pa
import pytest
from crc32c import crc32c
from hypothesis import given
from hypothesis import strategies as st
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatchBuilder
from kafka.record.legacy_records import LegacyRecordBatchBuilder
from kafka.record.memory_records import MemoryRecords

from orderbook.stream import record_fields
from orderbook.stream.batch import version_of
from orderbook.stream.record_batches import Aborted, Slice
from orderbook.stream.record_columns import read_records
from orderbook.stream.records import Record, Records

Sent = tuple[int, bytes | None, bytes | None, list[tuple[str, bytes | None]]]  # timestamp, key, value, headers
Found = list[tuple[list[Sent], int]]  # batches, with their codecs

OVERHEAD = 61
ATTRIBUTES = 21
CONTROL, TRANSACTIONAL, APPEND_TIME = 0x20, 0x10, 0x08
GZIP, SNAPPY, LZ4, ZSTD = 1, 2, 3, 4
parts = st.none() | st.binary(max_size=6) | st.integers(60, 70).map(bytes) | st.integers(8_180, 8_200).map(bytes)
names = st.sampled_from(["schema-version", "other", "é"])
headers = st.lists(st.tuples(names, st.none() | st.binary(max_size=3)), max_size=3)
usual = st.tuples(st.integers(0, 300), st.just(b"TTF"), st.binary(max_size=90), st.just([("schema-version", b"1")]))
unusual = st.tuples(st.integers(-(2**40), 2**40), parts, parts, headers)
tick_like = st.tuples(
    st.just(0),
    st.sampled_from([b"TTF", b"NBP-GAS"]),
    st.integers(70, 400).map(lambda size: b'{"a":1'.ljust(size) + b"}"),
    st.just([("schema-version", b"1")]),
)
batches = st.lists(
    st.tuples(st.lists(usual | unusual, min_size=1, max_size=12), st.sampled_from([0, GZIP, LZ4, ZSTD])), max_size=4
)


def built(sent: Sequence[Sent], codec: int = 0, first: int = 0, producer: int = -1, *, attributes: int = 0) -> bytes:
    """A batch as a broker sends it."""
    builder = DefaultRecordBatchBuilder(2, codec, attributes & TRANSACTIONAL, producer, 0, 0, 2**30)
    for number, (stamp, key, value, of_record) in enumerate(sent):
        builder.append(number, 1_700_000_000_000 + stamp, key, value, of_record)
    made = bytearray(builder.build())
    struct.pack_into(">q", made, 0, first)
    (held,) = struct.unpack_from(">h", made, ATTRIBUTES)
    struct.pack_into(">h", made, ATTRIBUTES, held | attributes)
    return sealed(made)


def sealed(batch: bytearray) -> bytes:
    struct.pack_into(">I", batch, 17, crc32c(bytes(batch[ATTRIBUTES:])))
    return bytes(batch)


def log_of(found: Found) -> bytes:
    made, first = b"", 5
    for sent, codec in found:
        made += built(sent, codec, first)
        first += len(sent) + 3  # what is compacted away
    return made


def read(data: bytes, aborted: Sequence[Aborted] = (), start: int = 0) -> tuple[list[Record], int]:
    answered = Slice(data, aborted, start)
    records = read_records(list(answered), start)
    return list(records), answered.next_offset


def one_by_one(data: bytes) -> list[Record]:
    return [
        Record(r.offset, r.timestamp, r.key, r.value, version_of(r.headers))
        for batch in MemoryRecords(data)
        for r in batch
    ]


@given(batches, st.integers(0, 60))
def test_batches_are_read_as_kafka_python_reads_them(found: Found, start: int) -> None:
    data = log_of(found)
    records, next_offset = read(data, start=start)
    assert records == [record for record in one_by_one(data) if record.offset >= start]
    assert next_offset == max([start, *(record.offset + 1 for record in one_by_one(data))])


@given(st.lists(st.lists(tick_like, min_size=1, max_size=20), min_size=1, max_size=3), st.data())
def test_values_that_begin_alike_are_found_all_at_once_or_one_after_the_other(
    found: list[list[Sent]], data: st.DataObject
) -> None:
    """A guess that holds is what the walk finds; a brace in a key, an odd header or a short value end it."""
    odd = data.draw(st.lists(st.tuples(st.integers(0, len(found) - 1), unusual), max_size=1))
    for at, sent in odd:
        found[at].append(sent)
    whole = log_of([(sent, 0) for sent in found])
    with patch.object(record_fields, "_walked", wraps=record_fields._walked) as walked:
        records, _ = read(whole)
    assert records == one_by_one(whole)
    assert odd or not walked.called


@given(batches, st.data())
def test_a_batch_that_is_cut_is_left_for_the_next_answer(found: Found, data: st.DataObject) -> None:
    whole = log_of(found)
    cut = data.draw(st.integers(0, len(whole)))
    records, next_offset = read(whole[:cut])
    assert records == [record for record in one_by_one(whole) if record.offset < next_offset]


@given(st.lists(usual, min_size=1, max_size=9), st.data())
def test_a_damaged_record_is_an_error_or_reads_as_kafka_python_reads_it(sent: list[Sent], data: st.DataObject) -> None:
    """The checksum is right: a producer may write what it likes."""
    batch = bytearray(built(sent))
    at = data.draw(st.integers(OVERHEAD, len(batch) - 1))
    batch[at] = data.draw(st.integers(0, 255))
    damaged = sealed(batch)
    try:
        expected = one_by_one(damaged)
    except (CorruptRecordError, UnicodeDecodeError):
        expected = None
    try:
        found, _ = read(damaged)
    except (CorruptRecordError, UnicodeDecodeError):
        found = None
    if found is not None and expected is not None:
        assert found == [record for record in expected if record.offset >= 0]


def test_a_batch_that_fails_its_checksum_is_an_error() -> None:
    batch = bytearray(built([(0, b"k", b"v", [])]))
    batch[-2] ^= 1
    with pytest.raises(CorruptRecordError, match="at offset 0 fails its checksum"):
        read(bytes(batch))


@pytest.mark.parametrize("codec", [0, GZIP, LZ4, ZSTD])
def test_a_broker_that_stamps_records_stamps_all_of_a_batch(codec: int) -> None:
    batch = built([(0, b"k", b"v", []), (7, b"k", b"w", [])], codec, attributes=APPEND_TIME)
    assert [record.timestamp_ms for record in read(batch)[0]] == [1_700_000_000_007] * 2


def test_markers_and_aborted_transactions_are_passed_over() -> None:
    def of_transaction(first: int, producer: int) -> bytes:
        return built([(0, b"k", b"v", [])] * 2, 0, first, producer, attributes=TRANSACTIONAL)

    def marker(first: int, producer: int, *, commits: bool) -> bytes:
        key = struct.pack(">hh", 0, int(commits))
        return built([(0, key, b"\0" * 6, [])], 0, first, producer, attributes=TRANSACTIONAL | CONTROL)

    data = b"".join(
        [
            of_transaction(0, 7),
            of_transaction(2, 8),
            marker(4, 7, commits=False),
            of_transaction(5, 7),
            marker(7, 8, commits=True),
            marker(8, 7, commits=True),
        ]
    )
    records, next_offset = read(data, [Aborted(7, 0)])
    assert [record.offset for record in records] == [2, 3, 5, 6]
    assert next_offset == 9


@pytest.mark.parametrize("magic", [0, 1])
def test_a_log_older_than_batches_is_read_by_kafka_python(magic: int) -> None:
    builder = LegacyRecordBatchBuilder(magic, 0, 2**20)
    for number in range(3):
        builder.append(number, timestamp=1_700_000_000_000, key=b"k", value=b"v%d" % number)
    records, next_offset = read(bytes(builder.build()) + built([(0, None, b"new", [])], first=3))
    assert [record.value for record in records] == [b"v0", b"v1", b"v2", b"new"]
    assert next_offset == 4


@given(batches)
def test_parts_that_are_joined_read_as_before(found: Found) -> None:
    parts = [read_records(list(Slice(built(sent, codec), (), 0)), 0) for sent, codec in found]
    if parts:
        assert list(Records.joined(parts)) == [record for part in parts for record in part]


@pytest.mark.parametrize("framed", [True, False])
def test_snappy_is_read_with_its_framing_and_without(framed: bool) -> None:
    plain = built([(number, b"k", b"v" * number, []) for number in range(50)])
    packed = _xerial(plain[OVERHEAD:]) if framed else pa.compress(plain[OVERHEAD:], "snappy", asbytes=True)
    batch = bytearray(plain[:OVERHEAD] + packed)
    struct.pack_into(">i", batch, 8, len(batch) - 12)
    struct.pack_into(">h", batch, ATTRIBUTES, SNAPPY)
    assert read(sealed(batch))[0] == one_by_one(plain)


def _xerial(data: bytes) -> bytes:
    blocks = [pa.compress(part, "snappy", asbytes=True) for part in (data[:100], data[100:])]
    header = b"\x82SNAPPY\x00" + struct.pack(">ii", 1, 1)
    return header + b"".join(struct.pack(">i", len(block)) + block for block in blocks)
