"""The worker's application, as ``celery -A tests.faults.chaos.watched`` runs it: the product's, and two ears.

It says what leaves no trace in the ledger: a cursor that was busy, a hint that had nothing to do. And it plants the bug
that ``CHAOS_PLANTED`` names: the product has no switch for that.
"""

import os
from functools import wraps
from typing import Any

import structlog

from orderbook.celery import app
from orderbook.store.claims import Session
from orderbook.store.partition_ledger import PartitionLedger
from tests.faults.chaos.planted import plant

__all__ = ["app"]

log = structlog.get_logger("chaos")


def _tell_when_none(kind: type, name: str, what: str) -> None:
    real = getattr(kind, name)

    @wraps(real)
    def telling(*arguments: Any) -> Any:
        found = real(*arguments)
        if found is None:
            log.info("seen", what=what)
        return found

    setattr(kind, name, telling)


_tell_when_none(PartitionLedger, "lock_cursor", "lock busy")
_tell_when_none(Session, "claim", "hint without work")
if bug := os.environ.get("CHAOS_PLANTED"):
    plant(bug)
