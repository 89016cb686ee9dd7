"""A database whose old days are frozen again and again, while late ticks land and a reader counts: what must hold."""

import os
import random
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

from sqlalchemy import text

from tests.archive import ROWS, STORED, Cold

COUNT = """
    SELECT count(*), count(DISTINCT (generation_id, kafka_partition, kafka_offset)),
           coalesce(sum(kafka_offset), 0)::BIGINT FROM ticks
"""


@dataclass
class Lander:
    """Lands late ticks, and writes each down in the same transaction in a table that no archive touches: the log."""

    cold: Cold
    days: list[date]
    begun: int = 0
    landed: int = 0

    def prepare(self) -> None:
        self.cold.rows("CREATE TABLE the_log AS SELECT * FROM ticks WITH NO DATA; SELECT 1")

    def land(self, day: date, count: int) -> None:
        """Land some ticks; counted before and after, so a reader knows between what its own count must lie."""
        arguments = {"day": day, "count": count, "first": self.begun * 2}
        self.begun += count
        names = ", ".join(STORED.names)
        with self.cold.engine.begin() as connection:
            connection.execute(text("SELECT make_ticks_day(:day)"), {"day": day})
            landing = ROWS.format(columns=names)
            both = f"WITH new AS ({landing} RETURNING {names}) INSERT INTO the_log ({names}) SELECT {names} FROM new"
            connection.execute(text(both), arguments)
        self.landed += count


@dataclass
class Watched:
    """Threads that land and read until told to stop, and what the reader found wrong."""

    cold: Cold
    lander: Lander
    wrong: list[str] = field(default_factory=list)
    reads: int = 0
    hot_and_cold: int = 0  # reads that saw rows on both sides
    _ending: threading.Event = field(default_factory=threading.Event)

    @contextmanager
    def running(self, pause: float) -> Iterator[None]:
        threads = [threading.Thread(target=self._land, args=(pause,)), threading.Thread(target=self._read)]
        for thread in threads:
            thread.start()
        try:
            yield
        finally:
            self._ending.set()
            for thread in threads:
                thread.join(60)

    def _land(self, pause: float) -> None:
        draws = random.Random(7)
        while not self._ending.wait(pause):
            day, count = draws.choice(self.lander.days), draws.randrange(1, 40)
            for _ in range(50):
                try:
                    self.lander.land(day, count)
                    break
                except Exception:  # noqa: BLE001 - its day went away, or is held: as a worker, it comes again
                    self.lander.begun -= count
                    time.sleep(0.05)

    def _read(self) -> None:
        while not self._ending.is_set():
            least = self.lander.landed
            ((rows, places, _),) = self.cold.ask(COUNT)
            most = self.lander.begun
            self.reads += 1
            if not least <= rows <= most:
                self.wrong.append(f"{rows} rows, where {least} had landed and {most} were begun")
            if rows != places:
                self.wrong.append(f"{rows - places} rows twice")

    def compare(self) -> None:
        """Hot and cold together are what was landed, to the last digit."""
        order = "ORDER BY generation_id, kafka_partition, kafka_offset"
        names = ", ".join(STORED.names)
        logged = self.cold.rows(f"SELECT {names} FROM the_log {order}")
        stored = self.cold.ask(f"SELECT {names} FROM ticks {order}")
        assert len(logged) == self.lander.landed
        assert stored == logged


def run_archive(**settings: str) -> subprocess.Popen[str]:
    """A run in a process of its own."""
    environment = {**os.environ, "ORDERBOOK_DATABASE__HOT_DAYS": "1", "ORDERBOOK_ARCHIVE__LATE_QUIET_SECONDS": "0"}
    command = [sys.executable, "-m", "orderbook.archive"]
    return subprocess.Popen(command, env={**environment, **settings}, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str], seconds: float = 60) -> tuple[int, Any]:
    """How it ended, and what it said."""
    said = process.communicate(timeout=seconds)[1]
    return process.returncode, said
