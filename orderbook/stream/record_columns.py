"""The records of batches as columns, all at once. What is not formed as usual is kafka-python's, record by record.

A record is its length, attributes, timestamp and offset as differences to the batch's, key, value and headers.
"""

from collections.abc import Iterator, Sequence
from typing import Final

import numpy as np
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

from orderbook.stream.batch import VERSION_HEADER, version_of
from orderbook.stream.record_batches import RecordBatch
from orderbook.stream.record_fields import Fields, Unusual, frames
from orderbook.stream.records import MARGIN, Coded, Integers, Record, Records

_GROUP: Final = 0x7F
_VERSION: Final = VERSION_HEADER.encode()


def read_records(batches: Sequence[RecordBatch], start: int) -> Records:
    """The records of the batches, from offset ``start`` on. Raises ``CorruptRecordError``."""
    try:
        records = _read_at_once(batches)
    except (Unusual, IndexError):
        return Records.of(r for batch in batches for r in _read_one_by_one(batch) if r.offset >= start)
    first = int(np.searchsorted(records.offsets, start))
    return records[first:] if first else records


def _read_one_by_one(batch: RecordBatch) -> Iterator[Record]:
    of_kafka_python = MemoryRecords(batch.raw) if batch.records is None else [DefaultRecordBatch(batch.raw)]
    for each in of_kafka_python:
        for record in each:
            stamp = -1 if record.timestamp is None else record.timestamp
            version = version_of(getattr(record, "headers", None))
            yield Record(record.offset, stamp, record.key, record.value, version)


def _read_at_once(batches: Sequence[RecordBatch]) -> Records:
    if not batches:
        return Records.of(())
    if any(batch.records is None for batch in batches):
        raise Unusual
    text = b"".join([MARGIN, *(batch.records for batch in batches if batch.records is not None), MARGIN])
    counts = np.array([batch.count for batch in batches], np.int64)
    begins, ends = frames(text, [(batch.count, len(batch.records or b"")) for batch in batches], len(MARGIN))
    fields = Fields(text, begins + 1)  # the attributes have a byte, and no meaning
    if (fields.bytes_at(begins) & 0x80).any():
        raise Unusual
    stamps = fields.number()
    offsets = fields.number() + np.repeat(np.array([batch.first_offset for batch in batches], np.int64), counts)
    keys = fields.span(ends)
    values = fields.span(ends)
    versions = _versions(text, fields.places, ends)
    if (np.diff(offsets) <= 0).any():
        raise Unusual
    return Records(offsets, _timestamps(stamps, batches, counts), text, keys, values, versions)


def _timestamps(differences: Integers, batches: Sequence[RecordBatch], counts: Integers) -> Integers:
    stamped = np.array([batch.append_timestamp is not None for batch in batches], np.bool_)
    bases = [batch.first_timestamp if batch.append_timestamp is None else batch.append_timestamp for batch in batches]
    found = np.repeat(np.array(bases, np.int64), counts)
    return found if stamped.all() else found + np.where(np.repeat(stamped, counts), 0, differences)


def _versions(text: bytes, begins: Integers, ends: Integers) -> Coded:
    """The version among the headers of each record. Most records of a producer have the same headers."""
    lengths = ends - begins
    usual = int(lengths[0])
    if usual <= 0:
        raise Unusual
    alike = lengths == usual
    held = np.ndarray((len(text) - usual + 1,), f"V{usual}", text, strides=(1,))[begins[alike]]
    alike[alike] = (held.view(np.uint8).reshape(-1, usual) == held[:1].view(np.uint8)).all(axis=1)
    first = text[begins[0] : ends[0]]
    found = {first: 0}
    codes = np.zeros(len(begins), np.int64)
    for at in np.flatnonzero(~alike).tolist():
        headers = text[begins[at] : ends[at]]
        codes[at] = found.setdefault(headers, len(found))
    return Coded([_version(headers) for headers in found], codes)


def _version(headers: bytes) -> bytes | None:
    at = 0

    def number() -> int:
        nonlocal at
        found = shift = 0
        while True:
            byte = headers[at]
            at += 1
            found |= (byte & _GROUP) << shift
            shift += 7
            if byte <= _GROUP:
                return found >> 1 ^ -(found & 1)

    def part() -> bytes | None:
        nonlocal at
        length = number()
        if length < -1 or at + length > len(headers):
            raise Unusual
        begin, at = at, at + max(length, 0)
        return headers[begin:at] if length >= 0 else None

    version = None
    for _ in range(number()):
        name, value = part(), part()
        if name == _VERSION:
            version = value
    if at != len(headers):
        raise Unusual
    return version
