"""Real captures into the log: each quote of a file once, however often the import is broken off.

Rows are sent in chunks. After each, once the broker has all of it, the journal says so and where the log ends. An
import that goes on first reads what came into the log since: rows of the next chunk that are there, byte for byte, are
not sent again.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from itertools import islice
from pathlib import Path
from typing import Final

from orderbook.clock import utc_now
from orderbook.errors import Refused, Unavailable
from orderbook.feeds.files import fingerprint
from orderbook.feeds.journal import Journal, Progress
from orderbook.feeds.rows import BadLine, Format, Other, Row
from orderbook.profiles import Profile, Profiles
from orderbook.sections import KafkaSettings
from orderbook.stream.producer import LogProducer
from orderbook.stream.tail import LogTail
from orderbook.tick import encode

CHUNK: Final = 5_000  # rows; half of what may be on its way
PATIENCE_SECONDS: Final = 60.0  # for the acknowledgement of a chunk
RECEIVED: Final = [("event-time", b"received")]  # the header of a record whose event time is its receive time


@dataclass(slots=True)
class Outcome:
    """What became of a file. ``rows`` = ``sent`` + ``already``; ``others`` are lines of other kinds.

    ``refusable``: rows that the profile of their symbol, as this process reads it, would reject, by reason.
    """

    file: str
    rows: int = 0
    sent: int = 0
    already: int = 0
    bad: int = 0
    event_time_received: int = 0
    floored: int = 0
    first_time: datetime | None = None
    last_time: datetime | None = None
    others: Counter[str] = field(default_factory=Counter)
    refusable: Counter[str] = field(default_factory=Counter)


@dataclass(frozen=True, slots=True)
class Importer:
    """Appends files to the log.

    ``told_bad`` hears of every bad line, ``told_progress`` of every chunk; ``again`` sends once more what was imported
    before; ``force`` sends also what the profiles would reject.
    """

    kafka: KafkaSettings
    profiles: Profiles
    journals: Path
    told_bad: Callable[[BadLine], None]
    told_progress: Callable[[Outcome], None]
    again: bool = False
    force: bool = False

    def run(self, path: Path, source: Format, reading: str) -> Outcome:
        """Import one file; ``reading`` tells apart the ways in which the same bytes can be read.

        All of its quotes are in the log for good when this returns. Raises ``Refused`` before anything is sent where
        profiles would reject the first rows, ``Unavailable`` where Kafka is away: the next run goes on.
        """
        outcome = Outcome(str(path))
        tail = LogTail.of(self.kafka)
        try:
            way = sha256(reading.encode()).hexdigest()[:8]
            journal = Journal(self.journals, fingerprint(path), tail.topic_id(), way)
            progress = None if self.again else journal.read()
            rows, there = self._rows(path, source, outcome), Counter[bytes]()
            if progress is None:
                chunk = list(islice(rows, CHUNK))
                self._insist(outcome)
                progress = journal.begin(tail.ends())
            else:
                there = self._arrived(tail, progress)
                outcome.already = sum(1 for _ in islice(rows, progress.rows))
                chunk = list(islice(rows, CHUNK))
            self._send(chunk, rows, there, _Keeper(journal, progress, tail), outcome)
        finally:
            tail.close()
        return outcome

    def check(self, path: Path, source: Format) -> Outcome:
        """Read one file and judge its rows; send nothing."""
        outcome = Outcome(str(path))
        for _ in self._rows(path, source, outcome):
            pass
        return outcome

    def _rows(self, path: Path, source: Format, outcome: Outcome) -> Iterator[Row]:
        now = utc_now()
        for item in source.rows(path):
            match item:
                case BadLine():
                    outcome.bad += 1
                    self.told_bad(item)
                case Other():
                    outcome.others[item.kind] += 1
                case Row():
                    _count(outcome, item, self.profiles.of(item.tick.symbol), now)
                    yield item

    def _arrived(self, tail: LogTail, progress: Progress) -> Counter[bytes]:
        return Counter() if progress.complete else Counter(tail.values_since(progress.ends))

    def _insist(self, outcome: Outcome) -> None:
        if outcome.refusable and not self.force:
            told = ", ".join(f"{reason} ({count})" for reason, count in outcome.refusable.most_common())
            raise Refused(
                f"{outcome.file}: of its first {outcome.rows} rows the profiles would reject some: {told}. Give the "
                "symbols another profile, such as `historical` (ORDERBOOK_INGEST__PROFILES_FILE), or use --force"
            )

    def _send(
        self, chunk: list[Row], rows: Iterator[Row], there: Counter[bytes], keeper: "_Keeper", outcome: Outcome
    ) -> None:
        producer = LogProducer[None](self.kafka, lambda *_: None)
        try:
            while chunk:
                for row in chunk:
                    value = encode(row.tick)
                    if there[value]:
                        there[value] -= 1
                        outcome.already += 1
                        continue
                    headers = RECEIVED if row.event_time_is_received else ()
                    producer.send(row.tick.symbol.encode(), value, None, headers)
                    outcome.sent += 1
                if not producer.wait_until(0, PATIENCE_SECONDS):
                    raise Unavailable(f"Kafka did not acknowledge within {PATIENCE_SECONDS:g} s; import again to go on")
                keeper.keep(len(chunk))
                there.clear()
                self.told_progress(outcome)
                chunk = list(islice(rows, CHUNK))
        finally:
            producer.close()
        keeper.complete()


@dataclass(frozen=True, slots=True)
class _Keeper:
    journal: Journal
    progress: Progress
    tail: LogTail

    def keep(self, rows: int) -> None:
        self.progress.rows += rows
        self.progress.ends = self.tail.ends()
        self.journal.write(self.progress)

    def complete(self) -> None:
        self.progress.complete = True
        self.journal.write(self.progress)


def _count(outcome: Outcome, row: Row, profile: Profile, now: datetime) -> None:
    tick = row.tick
    outcome.rows += 1
    outcome.event_time_received += row.event_time_is_received
    outcome.floored += row.floored
    if outcome.first_time is None or tick.received_time < outcome.first_time:
        outcome.first_time = tick.received_time
    if outcome.last_time is None or tick.received_time > outcome.last_time:
        outcome.last_time = tick.received_time
    if fault := profile.fault(tick, now):
        outcome.refusable[fault.reason] += 1
