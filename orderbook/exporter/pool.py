"""``python -m orderbook.exporter.pool FOLDER PORT``: what the processes of a worker's pool counted, for Prometheus.

Ends with the worker, and then the folder goes too, where the worker was killed and could not remove it.
"""

import os
import shutil
import signal
import sys
import threading
import time
from pathlib import Path

from prometheus_client import CollectorRegistry
from prometheus_client.core import Metric
from prometheus_client.multiprocess import MultiProcessCollector

from orderbook.config import settings
from orderbook.exporter.counted import serve_counted
from orderbook.exporter.folding import fold_dead
from orderbook.logs import configure

LOOK_SECONDS = 1.0


class Folded(MultiProcessCollector):
    """The sums over all processes of the pool, the dead ones' included."""

    def __init__(self, registry: CollectorRegistry, folder: Path) -> None:
        super().__init__(registry, path=str(folder))  # type: ignore[no-untyped-call]  # theirs
        self._folder = folder
        self._lock = threading.Lock()  # each scrape is a thread

    def collect(self) -> list[Metric]:
        """Fold, then add up."""
        with self._lock:
            fold_dead(self._folder)
            return list(super().collect())  # type: ignore[no-untyped-call]  # theirs


def main(folder: str, port: str) -> None:
    """Serve until the worker is gone."""
    worker = os.getppid()
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(
            number, signal.SIG_IGN
        )  # a terminal or a supervisor means the worker: it may take a minute to end
    found = settings()
    configure(found.log_level, found.log_format)
    registry = CollectorRegistry()
    Folded(registry, Path(folder))
    serve_counted(found.metrics.address, int(port), registry)
    while os.getppid() == worker:
        time.sleep(LOOK_SECONDS)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    main(*sys.argv[1:])
