"""The hostile corpus (``corpus/``): inputs as files, one expectation each, and how they are laid into ranges."""

import json
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from functools import cache
from pathlib import Path
from typing import Any, Final

from orderbook.profiles import Profiles, load_profiles
from orderbook.stream.batch import version_of
from orderbook.stream.records import Record
from orderbook.tick import FIELDS
from tests.contract.written_log import Written
from tests.unit.wire import BROKER_MS, VALID, written

CORPUS: Final = Path(__file__).parent / "corpus"
ACCEPTED: Final = "accepted"
RANGE: Final = 9  # offsets of one range of ``laid_out``; three hostile of nine stay below the breaker's half
PLACES: Final = (0, 4, 8)  # first, middle, last

NEIGHBOUR: Final = written(symbol='"NEIGHBOUR"')


@dataclass(frozen=True)
class Case:
    """One input of a row, and what must become of it."""

    row: int
    name: str  # its file
    record: Written
    expect: str  # a reason of quarantine, or ``accepted``
    field: str | None
    stored: dict[str, Any]  # of an accepted one: the eight values

    def at(self, offset: int) -> Record:
        """The input as a fetcher returns it."""
        sent = self.record
        return Record(offset, sent.timestamp_ms, sent.key, sent.value, version_of(list(sent.headers)))


def profiles() -> Profiles:
    """The presets, and symbols of recorded feeds."""
    return load_profiles(CORPUS / "profiles.toml")


@cache
def rows() -> list[dict[str, Any]]:
    """The index as it is written."""
    found: list[dict[str, Any]] = tomllib.loads((CORPUS / "index.toml").read_text())["row"]
    return found


@cache
def cases() -> tuple[Case, ...]:
    """Every input of every row, in order."""
    return tuple(_case(row, name) for row in rows() for name in row["files"])


def laid_out(case: Case) -> list[Written]:
    """One range: the case at its first, its middle and its last place, valid ticks between."""
    neighbour = Written(NEIGHBOUR, b"key", timestamp_ms=BROKER_MS)
    return [case.record if place in PLACES else neighbour for place in range(RANGE)]


def _case(row: dict[str, Any], name: str) -> Case:
    told = row.get("but", {}).get(name, {"expect": row["expect"], "field": row.get("field")})
    changed = {field: _typed(field, value) for field, value in told.get("stored", {}).items()}
    plain = {field: _typed(field, json.loads(text, parse_float=str, parse_int=str)) for field, text in VALID.items()}
    return Case(row["number"], name, _written(CORPUS / name), told["expect"], told.get("field"), {**plain, **changed})


def _typed(field: str, text: str) -> Any:
    if text == "null":
        return None
    if field == "sequence_id":
        return int(text)
    if field in FIELDS[3:7]:
        return Decimal(text)
    return datetime.fromisoformat(text) if field.endswith("time") else text


def _written(path: Path) -> Written:
    if path.suffix != ".toml":
        return Written(path.read_bytes(), b"key", timestamp_ms=BROKER_MS)
    told = tomllib.loads(path.read_text(encoding="utf-8"))
    value = None if told.get("tombstone") else _bytes(told["value"])
    key = bytes.fromhex(told["key_hex"]) if "key_hex" in told else _bytes(told.get("key", "key"))
    headers = [(name, _bytes(held[0]) if held else None) for name, *held in told.get("headers", ())]
    return Written(value, None if told.get("no_key") else key, headers, told.get("timestamp_ms", BROKER_MS))


def _bytes(told: str | list[Any]) -> bytes:
    """A text, or parts that are joined: texts, and ``[text, times]``."""
    parts = [told] if isinstance(told, str) else told
    return b"".join(part.encode() if isinstance(part, str) else part[0].encode() * part[1] for part in parts)


def names(found: tuple[Case, ...]) -> Iterator[str]:
    """What pytest calls them."""
    return (case.name.rpartition(".")[0] for case in found)
