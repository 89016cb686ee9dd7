"""What tasks that come round by themselves share: patience with what is away, and one engine per process."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Final

import structlog
from sqlalchemy import Engine

from orderbook.config import settings
from orderbook.errors import OrderbookError, Unavailable
from orderbook.logs import Outage
from orderbook.profiles import Profiles, load_profiles
from orderbook.store.database import engine_for

log = structlog.get_logger(__name__)

TRANSACTION_SECONDS: Final = 10.0  # Postgres ends a turn that stands still inside one


@contextmanager
def patience(what: str, of: type[OrderbookError] = Unavailable) -> Iterator[None]:
    """An outage ends this turn and nothing more: the next comes by itself. Said once, and once that it is over."""
    outage = _outage(os.getpid(), what)
    try:
        yield
    except of as error:
        outage.goes_on(error)
    else:
        outage.is_over()


@cache
def profiles() -> Profiles:
    """What is known of each symbol. Read before the fork: a process without a file descriptor left has them, too."""
    return load_profiles(settings().ingest.profiles_file)


def maintenance_engine() -> Engine:
    """This process' connections for all that is neither draining nor landing."""
    return _engine(os.getpid())


@cache
def _outage(_pid: int, what: str) -> Outage:
    return Outage(log, what)


@cache
def _engine(_pid: int) -> Engine:
    return engine_for(
        settings().database, "ingest", name="orderbook-maintenance", transaction_seconds=TRANSACTION_SECONDS
    )
