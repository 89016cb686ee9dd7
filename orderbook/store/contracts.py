"""The table of power contracts: what a symbol delivers, where, and until when it was traded."""

from collections.abc import Iterable
from dataclasses import asdict, dataclass
from datetime import datetime

from sqlalchemy import Connection, Engine, text

from orderbook.contracts import Contract
from orderbook.store.database import translated

ADD = text("""
    INSERT INTO contract (symbol, area, kind, delivery_start, delivery_end, listed_at, gate_closure)
    VALUES (:symbol, :area, :kind, :delivery_start, :delivery_end, :listed_at, :gate_closure)
    ON CONFLICT (symbol) DO NOTHING
""")
LIST = text("""
    SELECT symbol, area, kind, delivery_start, delivery_end, listed_at, gate_closure,
           now() >= listed_at AND now() < gate_closure AS traded
    FROM contract
    WHERE (CAST(:area AS text) IS NULL OR area = :area) AND (CAST(:kind AS text) IS NULL OR kind = :kind)
      AND (CAST(:symbols AS text[]) IS NULL OR symbol = ANY(:symbols))
      AND (CAST(:start AS timestamptz) IS NULL OR delivery_start >= :start)
      AND (CAST(:end AS timestamptz) IS NULL OR delivery_start < :end)
      AND (NOT :open OR now() >= listed_at AND now() < gate_closure)
    ORDER BY delivery_start, area, kind, symbol LIMIT :limit
""")


@dataclass(frozen=True, slots=True)
class ContractRow:
    """A row of ``contract``; ``traded``: by Postgres' clock, now."""

    symbol: str
    area: str
    kind: str
    delivery_start: datetime
    delivery_end: datetime
    listed_at: datetime
    gate_closure: datetime
    traded: bool


def add_contracts(engine: Engine, contracts: Iterable[Contract]) -> int:
    """Store contracts, durable when this returns; those that are there stay as they are. Returns how many were new."""
    rows = [asdict(contract) for contract in contracts]
    if not rows:
        return 0
    with translated(), engine.begin() as connection:
        before: int = connection.execute(text("SELECT count(*) FROM contract")).scalar_one()
        connection.execute(ADD, rows)
        after: int = connection.execute(text("SELECT count(*) FROM contract")).scalar_one()
        return after - before


def list_contracts(
    connection: Connection,
    *,
    symbols: list[str] | None = None,
    area: str | None = None,
    kind: str | None = None,
    start: datetime | None = None,
    end: datetime | None = None,
    only_open: bool = False,
    limit: int = 1_000,
) -> list[ContractRow]:
    """Contracts by begin of delivery, ``start`` included, ``end`` not."""
    chosen = {"area": area, "kind": kind, "symbols": symbols}
    wanted = {**chosen, "start": start, "end": end, "open": only_open, "limit": limit}
    return [ContractRow(*row) for row in connection.execute(LIST, wanted)]
