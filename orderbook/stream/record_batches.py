"""What a broker sends of a partition, as batches: checked, decompressed, and without what is not ours to see.

The format is described at https://kafka.apache.org/documentation/#recordbatch; older ones are kafka-python's to read.
"""

from collections import deque
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from struct import Struct
from typing import Final, NamedTuple

from crc32c import crc32c
from kafka.errors import CorruptRecordError
from kafka.record.default_records import DefaultRecordBatch
from kafka.record.memory_records import MemoryRecords

from orderbook.stream.codecs import decompressed

_HEADER: Final = Struct(">qiibIhiqqqhii")
_FRAME: Final = Struct(">qiib")  # what all formats begin with: first offset, length, leader epoch (or a sum), format
_BEFORE_LENGTH, _BEFORE_CHECKED = 12, 21
_NEWEST_FORMAT = 2
_CODEC, _APPEND_TIME, _TRANSACTIONAL, _CONTROL = 0x07, 0x08, 0x10, 0x20


class Aborted(NamedTuple):
    """A transaction that was aborted: whose, and from which offset on."""

    producer_id: int
    first_offset: int


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """A batch whose records are there to be read. ``raw`` is all of it as it was sent."""

    raw: memoryview
    first_offset: int
    next_offset: int
    count: int
    first_timestamp: int
    append_timestamp: int | None  # where the broker stamps records: that of all of them
    records: bytes | memoryview | None  # decompressed; None: of a format that only kafka-python reads


class Slice:
    """What one answer holds of a partition: iterate once. ``next_offset`` then is where the next fetch begins."""

    def __init__(self, data: bytes | memoryview, aborted: Iterable[Aborted], start: int) -> None:
        self._data = memoryview(data)
        self._to_abort = deque(sorted(aborted, key=lambda each: each.first_offset))
        self._aborting: set[int] = set()
        self._start = start
        self.next_offset = start

    def __iter__(self) -> Iterator[RecordBatch]:
        """The batches with records from the start on. Raises ``CorruptRecordError``, ``UnsupportedCodecError``."""
        at = 0
        while at + _FRAME.size <= len(self._data):
            length, magic = _FRAME.unpack_from(self._data, at)[1::2]
            end = at + _BEFORE_LENGTH + length
            if end > len(self._data):
                return  # brokers cut the last one where the limit lies
            raw = self._data[at:end]
            at = end
            if magic < _NEWEST_FORMAT:
                yield self._of_older_format(raw)
            elif (batch := self._read(raw)) is not None:
                yield batch

    def _of_older_format(self, raw: memoryview) -> RecordBatch:
        offsets = [record.offset for batch in MemoryRecords(raw) for record in batch]
        self.next_offset = max(self.next_offset, offsets[-1] + 1)
        return RecordBatch(raw, offsets[0], offsets[-1] + 1, len(offsets), 0, None, None)

    def _read(self, raw: memoryview) -> RecordBatch | None:
        header = _HEADER.unpack_from(raw)
        first_offset, _, _, _, checksum, attributes, last_delta, first_stamp, newest_stamp, producer, _, _, count = (
            header
        )
        if crc32c(raw[_BEFORE_CHECKED:]) != checksum:
            raise CorruptRecordError(f"the batch at offset {first_offset} fails its checksum")
        next_offset = first_offset + last_delta + 1
        hidden = self._is_hidden(raw, attributes, producer, next_offset - 1)
        if hidden or next_offset <= self._start or not count:
            self.next_offset = max(self.next_offset, next_offset)
            return None
        self.next_offset = next_offset
        stamp = newest_stamp if attributes & _APPEND_TIME else None
        records = decompressed(raw[_HEADER.size :], attributes & _CODEC)
        return RecordBatch(raw, first_offset, next_offset, count, first_stamp, stamp, records)

    def _is_hidden(self, raw: memoryview, attributes: int, producer: int, last_offset: int) -> bool:
        """Whether it is a marker, or of a transaction that was aborted."""
        while self._to_abort and self._to_abort[0].first_offset <= last_offset:
            self._aborting.add(self._to_abort.popleft().producer_id)
        if attributes & _CONTROL:
            if next(iter(DefaultRecordBatch(raw))).abort:
                self._aborting.discard(producer)
            return True
        return bool(attributes & _TRANSACTIONAL) and producer in self._aborting
