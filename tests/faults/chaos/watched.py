"""The worker's application, as ``celery -A tests.faults.chaos.watched`` runs it: the product's, and two ears.

It says what leaves no trace in the ledger: a cursor that was busy, a hint that had nothing to do. It plants the bug
that ``CHAOS_PLANTED`` names, and stands still at a crashpoint for which there is a file ``NAME.stop``: the product has
no switch for either.
"""

import os
import signal
from functools import wraps
from pathlib import Path
from typing import Any

import structlog

from orderbook import crashpoints
from orderbook.celery import app
from orderbook.store.ledger.claims import Session
from orderbook.store.ledger.partition_ledger import PartitionLedger
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


def _stand_still_if_asked(folder: Path, name: str) -> None:
    try:
        (folder / f"{name}.stop").unlink()  # exactly one of those that come by
    except FileNotFoundError:
        _die_if_asked(folder, name)
    else:
        os.kill(os.getpid(), signal.SIGSTOP)


_die_if_asked = crashpoints._die_if_asked
crashpoints._die_if_asked = _stand_still_if_asked
_tell_when_none(PartitionLedger, "lock_cursor", "lock busy")
_tell_when_none(Session, "claim", "hint without work")
if bug := os.environ.get("CHAOS_PLANTED"):
    plant(bug)
