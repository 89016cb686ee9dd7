"""What Celery's processes do as they start."""

import ctypes
import gc
import sys
from typing import Any, Final

from celery.signals import setup_logging, worker_init, worker_process_init, worker_ready

from orderbook.config import settings
from orderbook.exporter import beside
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.validator import Validator
from orderbook.logs import configure
from orderbook.store.ledger.rejects import quarantine_rows
from orderbook.store.rows.encoding import copy_input
from orderbook.stream.records import Record, Records
from orderbook.tasks import make_days
from orderbook.turns import profiles

_MESSAGES_AT_ONCE: Final = 20_000  # a range's: none of them is part of a cycle
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3  # malloc.h


@setup_logging.connect
def _configure_logs(**_: Any) -> None:
    configure(settings().log_level, settings().log_format)


@worker_init.connect
def _serve_metrics(**_: Any) -> None:
    if settings().metrics.enabled:
        beside.begin(settings().metrics.worker_port)


@worker_ready.connect
def _make_days_at_once(**_: Any) -> None:
    make_days.apply_async()  # beat's own first turn comes an interval after its start


@worker_init.connect
def _meet_a_tick(**_: Any) -> None:
    """Do before the fork what the first range would have each child do."""
    sys.modules.setdefault("pandas", None)  # type: ignore[arg-type] # Arrow imports it at its first list: 39 MB
    known = profiles()
    judged = FastLane(Validator(known), known).judge(Records.of([Record(0, 0, None, b"{}", None)]))
    for rows in quarantine_rows(judged.rejects):
        copy_input(rows)


@worker_process_init.connect
def _settle(**_: Any) -> None:
    gc.freeze()  # a range's 20,000 messages set off collections of all that was imported: half the worker's time
    gc.set_threshold(_MESSAGES_AT_ONCE)
    _keep_freed_memory()


def _keep_freed_memory() -> None:
    """Reuse what a range has freed: given back after each range, it is zeroed by the kernel for the next, page by page.

    That is a twentieth of a tick's cost, and a process is no larger at its largest. Only glibc has the knobs.
    """
    adjust = getattr(ctypes.CDLL(None), "mallopt", None)
    if adjust is not None:
        adjust(_M_MMAP_THRESHOLD, 32 * 2**20)  # the most that it takes
        adjust(_M_TRIM_THRESHOLD, 64 * 2**20)
