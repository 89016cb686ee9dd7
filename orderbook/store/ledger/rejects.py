"""Rejects as rows of `quarantine`: the record as it was, and why nobody may have it."""

import hashlib
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Final, NamedTuple

import pyarrow as pa

_BYTES_AT_ONCE: Final = 2**21  # in one COPY, which holds them three times
_COLUMNS: Final = pa.schema(
    [
        ("kafka_offset", pa.int64()),
        ("reason", pa.string()),
        ("field", pa.string()),
        ("detail", pa.string()),
        ("broker_time", pa.timestamp("us", tz="UTC")),
        ("schema_version", pa.binary()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("sha256", pa.binary()),
    ]
)


class Reject(NamedTuple):
    """A record that is not acceptable, and why. Its bytes are kept whole."""

    offset: int
    reason: str
    field: str | None
    detail: str
    broker_time: datetime | None
    version: bytes | None
    key: bytes | None
    value: bytes | None


def quarantine_rows(rejects: Iterable[Reject]) -> Iterator[pa.Table]:
    """The rejects in their order, some megabytes a table."""
    some: list[dict[str, object]] = []
    size = 0
    for reject in rejects:
        some.append(_row(reject))
        size += len(reject.value or b"") + len(reject.key or b"")
        if size >= _BYTES_AT_ONCE:
            yield pa.Table.from_pylist(some, _COLUMNS)
            some, size = [], 0
    if some:
        yield pa.Table.from_pylist(some, _COLUMNS)


def _row(reject: Reject) -> dict[str, object]:
    return {
        **reject._asdict(),
        "kafka_offset": reject.offset,
        "schema_version": reject.version,
        "sha256": None if reject.value is None else hashlib.sha256(reject.value).digest(),
    }
