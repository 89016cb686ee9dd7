"""Pages over cold files: every row once, in order, whatever the page, the order and the row groups."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from orderbook.archive.root import Root
from orderbook.query.pages import TickPages, key_of
from orderbook.store.rows.copy_out import STORED
from orderbook.store.rows.tick_pages import ORDER, TickKey, TickQuery
from orderbook.stored_sections import ArchiveSettings

DAY = datetime(2026, 1, 5, tzinfo=UTC)
NAMES = ("A", "B", "C")


def rows(count: int, day: int) -> pa.Table:
    """Ticks of three symbols; times come twice."""
    found = [
        {
            "symbol": NAMES[number % 3],
            "event_time": DAY + timedelta(days=day, seconds=number // 6),
            "received_time": DAY,
            "bid_price": Decimal(number),
            "ask_price": None,
            "bid_volume": Decimal(1),
            "ask_volume": None,
            "sequence_id": number,
            "landed_at": DAY + timedelta(days=day, seconds=number),
            "generation_id": 1,
            "kafka_partition": number % 2,
            "kafka_offset": number,
        }
        for number in range(count)
    ]
    return pa.Table.from_pylist(found, STORED).sort_by([(name, "ascending") for name in ORDER])


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> tuple[TickPages, list[dict[str, Any]]]:
    """Pages over two days, one of them in two files, and their rows in order."""
    folder = tmp_path_factory.mktemp("cold")
    first, second = rows(97, 0), rows(40, 1)
    late = rows(9, 0).set_column(11, STORED.field("kafka_offset"), pa.array(range(1_000, 1_009), pa.int64()))
    files: dict[Any, list[Any]] = {}
    for name, table, day in (("a", first, 0), ("late", late, 0), ("b", second, 1)):
        pq.write_table(table, Path(folder) / f"{name}.parquet", row_group_size=10)
        files.setdefault((DAY + timedelta(days=day)).date(), []).append(SimpleNamespace(path=f"{name}.parquet"))
    pages = object.__new__(TickPages)
    pages._snapshot, pages._root, pages._hot, pages._cold = None, Root(ArchiveSettings(root=str(folder))), set(), files
    whole = [pa.concat_tables([first, late]).sort_by([(name, "ascending") for name in ORDER]), second]
    return pages, [row for table in whole for row in table.to_pylist()]


def paged(pages: TickPages, query: TickQuery, size: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    after: TickKey | None = None
    while (page := pages.page(query, after, size)).num_rows:
        assert page.num_rows <= size
        found += page.to_pylist()
        after = key_of(page)
    return found


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    size=st.integers(1, 200),
    symbols=st.none() | st.lists(st.sampled_from([*NAMES, "X"]), min_size=1, unique=True),
    since=st.integers(0, 30),
    seconds=st.integers(1, 90_000),
    descending=st.booleans(),
    landed=st.none() | st.integers(0, 100),
)
def test_pages_hold_each_row_once_and_in_order(
    cold: tuple[TickPages, list[dict[str, Any]]],
    *,
    size: int,
    symbols: list[str] | None,
    since: int,
    seconds: int,
    descending: bool,
    landed: int | None,
) -> None:
    pages, every = cold
    start, before = DAY + timedelta(seconds=since), None if landed is None else DAY + timedelta(seconds=landed)
    query = TickQuery(start, start + timedelta(seconds=seconds), symbols, descending=descending, landed_before=before)
    wanted = [
        row
        for row in every
        if query.start <= row["event_time"] < query.end
        and (symbols is None or row["symbol"] in symbols)
        and (before is None or row["landed_at"] < before)
    ]
    assert paged(pages, query, size) == (wanted[::-1] if descending else wanted)
