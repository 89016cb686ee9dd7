"""What the client gives: rows as Arrow, pandas or polars, quotes as values, and errors as the API tells them."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.ipc

if TYPE_CHECKING:
    import pandas as pd
    import polars as pl


class ApiError(Exception):
    """The API answered with a problem (RFC 9457), or, with status 0, not at all. ``hint`` says what mends it."""

    def __init__(self, status: int, detail: str, hint: str = "", members: Mapping[str, Any] | None = None) -> None:
        super().__init__(f"{status}: {detail}" + (f" ({hint})" if hint else ""))
        self.status = status
        self.detail = detail
        self.hint = hint
        self.members = dict(members or {})

    @classmethod
    def of(cls, status: int, body: bytes) -> Self:
        """The problem in an answer's body."""
        import json  # noqa: PLC0415 - only where something went wrong

        try:
            found = json.loads(body)
            return cls(status, str(found["detail"]), str(found["hint"]), found)
        except (ValueError, KeyError, TypeError):
            return cls(status, body[:200].decode("utf-8", "replace") or "no answer")


@dataclass(frozen=True, slots=True)
class Fitness:
    """How complete an answer is; None: not known. See the API's description."""

    complete_through: datetime | None
    coverage: float | None
    gaps: int | None
    sources: tuple[str, ...]

    @classmethod
    def of(cls, headers: Mapping[str, str]) -> Self:
        """As the headers of an answer say."""
        through, coverage = headers.get("data-complete-through"), headers.get("data-coverage")
        gaps, sources = headers.get("data-gaps"), headers.get("data-sources", "")
        return cls(
            None if through is None else datetime.fromisoformat(through),
            None if coverage is None else float(coverage),
            None if gaps is None else int(gaps),
            tuple(filter(None, sources.split(","))),
        )


@dataclass(frozen=True, slots=True)
class Rows:
    """A table. Prices and volumes are decimals, exact; instants are microseconds in UTC."""

    table: pa.Table
    fitness: Fitness

    def __len__(self) -> int:
        return int(self.table.num_rows)

    def to_arrow(self) -> pa.Table:
        """As it came."""
        return self.table

    def to_pandas(self, *, floats: bool = False) -> "pd.DataFrame":
        """A data frame; ``floats`` rounds exact numbers, which are Python decimals otherwise. Needs pandas."""
        frame: pd.DataFrame = (_as_floats(self.table) if floats else self.table).to_pandas()
        return frame

    def to_polars(self, *, floats: bool = False) -> "pl.DataFrame":
        """A data frame; ``floats`` rounds exact numbers. Needs polars."""
        import polars as pl  # noqa: PLC0415 - an extra

        frame = pl.from_arrow(_as_floats(self.table) if floats else self.table)
        assert isinstance(frame, pl.DataFrame)
        return frame


def _as_floats(table: pa.Table) -> pa.Table:
    for at, field in enumerate(table.schema):
        if pa.types.is_decimal(field.type):
            table = table.set_column(at, field.name, table.column(at).cast(pa.float64()))
    return table


@dataclass(frozen=True, slots=True)
class Quote:
    """A symbol's quote. ``ticks``: how many of the symbol landed together, of which it is the newest; 0: not known."""

    symbol: str
    event_time: datetime
    received_time: datetime
    bid_price: Decimal | None
    ask_price: Decimal | None
    bid_volume: Decimal | None
    ask_volume: Decimal | None
    sequence_id: int
    ticks: int = 0

    @classmethod
    def of(cls, found: Mapping[str, Any]) -> Self:
        """A quote as JSON has it."""
        bid_price, ask_price, bid_volume, ask_volume = (
            None if found[name] is None else Decimal(found[name])
            for name in ("bid_price", "ask_price", "bid_volume", "ask_volume")
        )
        return cls(
            found["symbol"],
            datetime.fromisoformat(found["event_time"]),
            datetime.fromisoformat(found["received_time"]),
            bid_price,
            ask_price,
            bid_volume,
            ask_volume,
            found["sequence_id"],
            found.get("ticks", 0),
        )


def rows_of(content: bytes, headers: Mapping[str, str]) -> Rows:
    """The rows of an answer in Arrow's stream format, and what its headers say of them."""
    return Rows(pa.ipc.open_stream(content).read_all(), Fitness.of(headers))
