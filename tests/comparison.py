"""What the simulator says it sent, beside what the store has: every value to its last digit."""

import json
from base64 import b64decode
from collections.abc import Iterator, Mapping
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, NamedTuple

import psycopg2

from orderbook.tick import FIELDS

Place = tuple[int, int]  # partition, offset

TICKS = f"SELECT kafka_partition, kafka_offset, {', '.join(FIELDS)} FROM ticks"
REJECTS = "SELECT kafka_partition, kafka_offset, reason, value FROM quarantine"


class Comparison(NamedTuple):
    """The first few differences of each kind; all empty where the promise holds."""

    twice: list[Place]
    missing: list[Place]  # sent and acknowledged, stored nowhere as what it is
    changed: list[Place]
    unknown: list[Place]  # stored, and not in the simulator's ledger


SAME = Comparison([], [], [], [])


def sent_records(path: Path) -> dict[Place, tuple[Any, ...]]:
    """By place: the eight values of a tick, or reason and bytes of a fault."""
    found: dict[Place, tuple[Any, ...]] = {}
    with path.open("rb") as lines:
        for line in lines:
            if not line.endswith(b"\n"):
                break  # being written
            sent = json.loads(line)
            value = b64decode(sent["value"])
            record = (sent["reason"], value) if sent["fault"] else _values(value)
            assert found.setdefault((sent["partition"], sent["offset"]), record) is record, "an offset stands twice"
    return found


def faults(records: dict[Place, tuple[Any, ...]]) -> int:
    """How many of them are faults."""
    return sum(len(record) == 2 for record in records.values())


def compare(path: Path, database_url: str, below: Mapping[int, int] | None = None) -> Comparison:
    """Compare the simulator's ledger with ticks and quarantine; of each partition only what is ``below`` an offset."""
    waiting = {place: record for place, record in sent_records(path).items() if _inside(place, below)}
    seen: set[Place] = set()
    twice, changed, unknown = [], [], []
    for place, record in _stored(database_url):
        if not _inside(place, below):
            continue
        if place in seen:
            twice.append(place)
            continue
        seen.add(place)
        expected = waiting.pop(place, None)
        if expected is None:
            unknown.append(place)
        elif expected != record:
            changed.append(place)
    return Comparison(twice[:5], sorted(waiting)[:5], changed[:5], unknown[:5])


def _inside(place: Place, below: Mapping[int, int] | None) -> bool:
    return below is None or place[1] < below.get(place[0], 0)


def _values(value: bytes) -> tuple[Any, ...]:
    document = json.loads(value, parse_float=Decimal)
    return tuple(_typed(name, document[name]) for name in FIELDS)


def _typed(name: str, value: Any) -> Any:
    if name.endswith("time"):
        return datetime.fromisoformat(value)
    if name.endswith(("price", "volume")):
        return Decimal(value)
    return value


def _stored(database_url: str) -> Iterator[tuple[Place, tuple[Any, ...]]]:
    with closing(psycopg2.connect(database_url)) as connection:
        for statement in (TICKS, REJECTS):
            with connection.cursor("stored") as cursor:
                cursor.itersize = 20_000
                cursor.execute(statement)
                for partition, offset, *record in cursor:
                    yield (partition, offset), tuple(bytes(v) if isinstance(v, memoryview) else v for v in record)
