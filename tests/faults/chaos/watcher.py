"""The reader beside the run: what it sees at any instant must hold, not only what is left at the end."""

import threading
import time
from dataclasses import dataclass, field
from pathlib import Path

from sqlalchemy import text

from orderbook.audit import audit
from orderbook.errors import Unavailable
from orderbook.store.database import engine_for
from orderbook.store.ledger.recount import Snapshot, snapshot
from orderbook.stream.topics import TopicClient
from tests.faults.chaos.verdict import task_errors
from tests.processes import Deployment

REST = 4  # times the length of a look between two: it must not slow down what it watches
TWICE = text("""
    SELECT kafka_partition, kafka_offset FROM (
        SELECT kafka_partition, kafka_offset FROM ticks UNION ALL
        SELECT kafka_partition, kafka_offset FROM quarantine WHERE resolution <> 'landed') AS placed
    GROUP BY 1, 2 HAVING count(*) > 1 ORDER BY 1, 2 LIMIT 5
""")


RANG = text("SELECT kind, generation_id, partition, start_offset, end_offset, detail FROM alarm")


@dataclass
class Watcher:
    """Looks, rests, looks again, in a thread of its own. ``violations`` is empty as long as the promise holds."""

    deployment: Deployment
    violations: list[str] = field(default_factory=list)
    looks: int = 0
    missed: int = 0  # no server to ask
    _seen: dict[tuple[int, int], tuple[int, int]] = field(default_factory=dict)
    _read: dict[Path, int] = field(default_factory=dict)  # how far, of each log
    _stopped: threading.Event = field(default_factory=threading.Event)
    _thread: threading.Thread | None = None

    def __enter__(self) -> "Watcher":
        self._thread = threading.Thread(target=self._watch, name="watcher", daemon=True)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stopped.set()
        assert self._thread is not None
        self._thread.join(60)

    def _watch(self) -> None:
        engine = engine_for(self.deployment.settings.database, "reader", name="watcher")
        while not self._stopped.is_set():
            began = time.monotonic()
            projected = self._projected()  # before the snapshot: the prefix only grows
            try:
                with snapshot(engine) as store:
                    self._look(store, projected)
                self.looks += 1
            except Unavailable:
                self.missed += 1
            self._read_logs()
            self._stopped.wait(max(0.5, REST * (time.monotonic() - began)))
        engine.dispose()

    def _read_logs(self) -> None:
        for path in self.deployment.folder.glob("worker-*.log"):
            with path.open(errors="replace") as log:
                log.seek(self._read.get(path, 0))
                self.violations += task_errors(log.read())
                self._read[path] = log.tell()

    def _projected(self) -> dict[int, int]:
        try:
            with TopicClient(self.deployment.settings.kafka) as client:
                return client.projected()
        except Unavailable:
            return {}

    def _look(self, store: Snapshot, projected: dict[int, int]) -> None:
        now = time.strftime("%H:%M:%S")
        for finding in audit(store, projected, lambda _: None).findings:
            self.violations.append(f"{now} {finding.label}: {finding.problem}")
        for place in store._connection.execute(TWICE).all():
            self.violations.append(f"{now} stored twice: {tuple(place)}")
        for alarm in store._connection.execute(RANG).all():  # nothing that is done here is a reason for one
            self.violations.append(f"{now} alarm: {tuple(alarm)}")
        for cursor in store.cursors():
            key, found = (cursor.generation, cursor.partition), (cursor.planned, cursor.committed)
            before = self._seen.get(key, found)
            if found[0] < before[0] or found[1] < before[1]:
                self.violations.append(f"{now} {key} went back: planned, committed {before} → {found}")
            self._seen[key] = found
