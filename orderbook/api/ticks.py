"""What a request for ticks is, and its answer: pages for JSON, one stream for all other forms."""

import binascii
import hashlib
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final

import orjson
import pyarrow as pa

from orderbook.api.fitness import Fitness, stamp
from orderbook.api.formats import as_floats
from orderbook.api.problems import Problem
from orderbook.api.service import Service
from orderbook.archive.root import Root
from orderbook.query.pages import TickPages, key_of
from orderbook.store.reader import Snapshot
from orderbook.store.readers.coverage import window_counts
from orderbook.store.rows.tick_pages import TickKey, TickQuery
from orderbook.tick import from_microseconds, is_symbol, microseconds

PAGE_ROWS: Final = 131_072  # of a stream: as a row group of the cold files; more of them take more memory


@dataclass(frozen=True, slots=True)
class Asked:
    """A request for ticks. ``rows`` None: all, which must not be more than the settings allow."""

    query: TickQuery
    after: TickKey | None
    rows: int | None
    floats: bool
    min_coverage: float | None


@contextmanager
def pages(service: Service) -> Iterator[tuple[Snapshot, TickPages]]:
    """A snapshot that holds its days, and the pages of it."""
    with service.reader.snapshot(holds_days=True) as snapshot:
        yield snapshot, TickPages(snapshot, Root(service.settings.archive))


def fitness_of(service: Service, snapshot: Snapshot, found: TickPages, asked: Asked) -> Fitness:
    """The stamp of the answer. Raises ``Problem`` 409 where ``min_coverage`` is not reached, 413 for too many rows."""
    query = asked.query
    symbols = None if query.symbols is None else list(query.symbols)
    most = service.settings.api.most_rows
    if asked.rows is None:
        count = sum(row.ticks for row in window_counts(snapshot, query.start, query.end, symbols))
        if count > most:
            told = f"about {count:,} rows, and one answer has at most {most:,}"
            raise Problem(413, told, "ask for a shorter range or fewer symbols, or say a limit")
    return stamp(
        snapshot,
        service.profiles,
        (query.start, query.end),
        symbols,
        max_offsets=service.settings.drain.max_offsets,
        sources=",".join(found.sources(query)) or "none",
        min_coverage=asked.min_coverage,
    )


def one_page(service: Service, asked: Asked, rows: int) -> tuple[pa.Table, str | None, Fitness]:
    """A page of at most ``rows``, the cursor of the next one, and the stamp."""
    with pages(service) as (snapshot, found):
        fitness = fitness_of(service, snapshot, found, asked)
        table = found.page(asked.query, asked.after, rows + 1)
    more = table.num_rows > rows
    table = table.slice(0, rows)
    cursor = cursor_of(asked.query, key_of(table)) if more else None
    return (as_floats(table) if asked.floats else table), cursor, fitness


def all_pages(service: Service, asked: Asked) -> Iterator[pa.Table]:
    """Every page; while one is encoded and sent the next is read, and nothing else is open."""
    with ThreadPoolExecutor(1, thread_name_prefix="next-page") as reading:
        pages = _pages(service, asked)
        coming = reading.submit(next, pages, None)
        while (page := coming.result()) is not None:
            coming = reading.submit(next, pages, None)
            yield as_floats(page) if asked.floats else page


def _pages(service: Service, asked: Asked) -> Iterator[pa.Table]:
    after, left = asked.after, service.settings.api.most_rows if asked.rows is None else asked.rows
    while left > 0:
        wanted = min(left, PAGE_ROWS)
        with pages(service) as (_, found):
            table = found.page(asked.query, after, wanted)
        if table.num_rows:
            after = key_of(table)
            yield table
        left -= table.num_rows
        if table.num_rows < wanted:
            return


def cursor_of(query: TickQuery, key: TickKey) -> str:
    """The key as an opaque text that fits this query only."""
    parts = [key.symbol, microseconds(key.event_time), key.generation, key.partition, key.offset, _sum(query)]
    return urlsafe_b64encode(orjson.dumps(parts)).decode().rstrip("=")


def key_in(cursor: str, query: TickQuery) -> TickKey:
    """The key of a cursor. Raises ``Problem`` where it is none, or belongs to another query."""
    wrong = Problem(400, "the cursor is not one of this query", "give next_cursor with the same parameters as before")
    try:
        found = orjson.loads(urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        symbol, at, generation, partition, offset, total = found
        numbers = all(type(n) is int and 0 <= n < 2**63 for n in (generation, partition, offset))
        if not (type(at) is int and numbers and generation < 2**15 and partition < 2**31 and is_symbol(symbol)):
            raise wrong
        key = TickKey(symbol, from_microseconds(at), generation, partition, offset)
    except (ValueError, TypeError, OverflowError, binascii.Error):
        raise wrong from None
    if total != _sum(query):
        raise wrong
    return key


def _sum(query: TickQuery) -> str:
    asked = (str(query.start), str(query.end), sorted(query.symbols or ()), query.descending)
    return hashlib.sha256(repr(asked).encode()).hexdigest()[:12]
