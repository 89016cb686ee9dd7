"""The judge: one record to a tick or a reject. It accepts only what is stored to the last digit."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final, Literal, Protocol

import pyarrow as pa
from pydantic import ValidationError

from orderbook.profiles import Fault, Profiles
from orderbook.store.ledger.landing import TICKS
from orderbook.store.ledger.rejects import Reject
from orderbook.stream.records import Record
from orderbook.tick import FIELDS, SCHEMA_VERSION, OrderBookTick, decode, finer_than_microseconds

_REASON_OF_FIELD: Final = {
    "symbol": "symbol",
    "event_time": "time",
    "received_time": "time",
    "bid_price": "number",
    "ask_price": "number",
    "bid_volume": "number",
    "ask_volume": "number",
    "sequence_id": "sequence",
}
_LONGEST_DETAIL = 500  # characters


@dataclass(slots=True)
class Judged:
    """The verdict over some records: good rows as Arrow columns, rejects, and what was trimmed."""

    ticks: pa.Table
    rejects: list[Reject] = field(default_factory=list)
    floored_times: int = 0
    unknown_fields: int = 0


class Judge(Protocol):
    """Whoever judges a whole range: this validator, record by record, or a faster way that falls back on it."""

    def judge(self, records: Sequence[Record]) -> Judged:
        """Judge every record; each ends up in ``ticks`` or in ``rejects``."""
        ...


class Validator:
    """Judges by ``OrderBookTick`` and the symbol's profile, never raising for bad data."""

    def __init__(self, profiles: Profiles, unknown_fields: Literal["reject", "count"] = "reject") -> None:
        self._profiles = profiles
        self._count_unknown = unknown_fields == "count"

    def judge(self, records: Sequence[Record]) -> Judged:
        """See ``Judge``."""
        judged = Judged(ticks=TICKS.empty_table())
        ticks: list[OrderBookTick] = []
        offsets: list[int] = []
        for record in records:
            verdict = self.judge_one(record, judged)
            if isinstance(verdict, Fault):
                judged.rejects.append(reject(record, verdict))
            else:
                ticks.append(verdict)
                offsets.append(record.offset)
        judged.ticks = columns(ticks, offsets)
        return judged

    def judge_one(self, record: Record, judged: Judged | None = None) -> OrderBookTick | Fault:
        """The tick in ``record``, or what is wrong with it; ``judged`` takes the counts."""
        if record.value is None:
            return Fault("tombstone", None, "no value")
        if not _version_known(record.version):
            return Fault("version", None, f"schema-version {record.version!r} is not known")
        try:
            document = decode(record.value)
        except (ValueError, RecursionError) as error:
            return Fault("json", None, f"{type(error).__name__}: {error}"[:_LONGEST_DETAIL])
        if type(document) is not dict:
            return Fault("schema", None, f"a JSON {type(document).__name__}, not an object")
        dropped = _drop_unknown(document) if self._count_unknown else 0
        try:
            tick = OrderBookTick.model_validate(document)
        except ValidationError as error:
            return _fault(error)
        if judged is not None:
            judged.unknown_fields += dropped
            judged.floored_times += sum(finer_than_microseconds(document[name]) for name in FIELDS[1:3])
        return self._profiles.of(tick.symbol).fault(tick, record.broker_time) or tick


def _version_known(version: bytes | None) -> bool:
    return version is None or (version.isdigit() and len(version) < 6 and 1 <= int(version) <= SCHEMA_VERSION)


def _drop_unknown(document: dict[str, Any]) -> int:
    unknown = document.keys() - set(FIELDS)
    for name in unknown:
        del document[name]
    return len(unknown)


def _fault(error: ValidationError) -> Fault:
    problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
    where = str(problem["loc"][0]) if problem["loc"] else None
    if problem["type"] == "extra_forbidden":
        return Fault("unknown_field", _printable(where), "the tick has no such field")
    if problem["type"] == "missing":
        return Fault("schema", where, "missing")
    return Fault(_REASON_OF_FIELD.get(where or "", "schema"), where, problem["msg"])


def _printable(text: str | None) -> str | None:
    return None if text is None else text[:64].encode("ascii", "backslashreplace").decode().replace("\0", "\\0")


def reject(record: Record, fault: Fault) -> Reject:
    """The row of quarantine for ``record``."""
    detail = fault.detail.replace("\0", "\\0").encode("utf-8", "backslashreplace").decode()
    return Reject(
        offset=record.offset,
        reason=fault.reason,
        field=fault.field,
        detail=detail[:_LONGEST_DETAIL],
        broker_time=record.broker_time,
        version=record.version,
        key=record.key,
        value=record.value,
    )


def columns(ticks: Sequence[OrderBookTick], offsets: Sequence[int]) -> pa.Table:
    """The ticks as Arrow columns, exact, with their offsets."""
    arrays = [pa.array([getattr(tick, name) for tick in ticks], TICKS.field(name).type) for name in FIELDS]
    return pa.Table.from_arrays([*arrays, pa.array(offsets, pa.int64())], schema=TICKS)
