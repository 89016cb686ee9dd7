"""Finding a record that kills: a suspect range is read and judged in a child that this worker starts and watches.

Only an end that we see ourselves is evidence, and only twice at one offset. A worker's own end never is: two unrelated
kills would condemn a valid tick.
"""

import pickle
import queue
import subprocess
import sys
import threading
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import IO, Any

import structlog

from orderbook.clock import monotonic
from orderbook.errors import OrderbookError, Unavailable
from orderbook.ingest.validator import Judged, columns, reject
from orderbook.profiles import Fault
from orderbook.store.ledger.claims import Claim
from orderbook.store.ledger.rejects import Reject
from orderbook.stream.batch import Batch
from orderbook.stream.records import Record, Records
from orderbook.tick import OrderBookTick

log = structlog.get_logger(__name__)

ENDS_TO_CONDEMN = 2
_WAIT_SECONDS = 0.5


class ChildStuck(OrderbookError):
    """The child said nothing for too long and was ended by us: no evidence against a record."""


@dataclass(slots=True)
class _Findings:
    """What is known of the range so far: everything below ``position`` is settled."""

    position: int
    records: list[Record] = field(default_factory=list)
    ticks: list[OrderBookTick] = field(default_factory=list)
    tick_offsets: list[int] = field(default_factory=list)
    rejects: list[Reject] = field(default_factory=list)
    reading: int = 0
    judging: Record | None = None
    finished: bool = False
    ends: Counter[int] = field(default_factory=Counter)

    def take(self, kind: str, payload: Any) -> None:
        """Take one frame of the child (``suspect``)."""
        match kind:
            case "read":
                self.reading, self.judging = payload, None
            case "record":
                self.judging = payload
            case "tick":
                self._settle()
                self.ticks.append(payload)
                self.tick_offsets.append(self.position - 1)
            case "fault":
                record = self._settle()
                self.rejects.append(reject(record, payload))
            case "end":
                self.position, self.finished = payload, True
            case _:
                raise Unavailable(str(payload))

    def _settle(self) -> Record:
        assert self.judging is not None
        record, self.judging = self.judging, None
        self.records.append(record)
        self.position = record.offset + 1
        return record

    def condemn(self, *, one_by_one: bool) -> None:
        """The child ended by itself: settle the offset it was at, if that is the second time."""
        at = self.judging.offset if self.judging is not None else self.reading
        if self.judging is None and not one_by_one:
            return  # while reading many: which one it was is not known yet
        self.ends[at] += 1
        if self.ends[at] < ENDS_TO_CONDEMN:
            return
        if self.judging is not None:
            record = self._settle()
            self.rejects.append(reject(record, Fault("poison", None, "it ended the process that judged it, twice")))
            return
        record = Record(at, -1, None, None, None)
        self.records.append(record)
        self.rejects.append(reject(record, Fault("poison_unread", None, "it ended the process that read it, twice")))
        self.position = at + 1


class Isolation:
    """Reads and judges suspect ranges. ``silence_seconds``: how long a child may say nothing."""

    def __init__(self, seconds: float, silence_seconds: float) -> None:
        self._seconds = seconds
        self._silence_seconds = silence_seconds

    def read(self, claim: Claim, renew: Callable[[], None]) -> tuple[Batch, Judged]:
        """Read and judge the claim's range, as far as time allows; ``renew`` keeps the lease meanwhile."""
        found = _Findings(position=claim.start)
        deadline = monotonic() + self._seconds
        one_by_one = False
        while not found.finished and found.position < claim.wanted_end:
            step = 1 if one_by_one else claim.wanted_end - found.position
            self._run_child(claim, found, step, renew)
            if found.finished:
                break
            one_by_one = one_by_one or found.judging is None
            log.warning("the child that judged a suspect range ended", range_id=claim.id, offset=found.position)
            found.condemn(one_by_one=step == 1)
            found.judging = None
            if monotonic() > deadline and found.position > claim.start:
                break  # land what is settled; the rest becomes another range
        batch = Batch(claim.start, Records.of(found.records), found.position)
        return batch, Judged(columns(found.ticks, found.tick_offsets), found.rejects)

    def _run_child(self, claim: Claim, found: _Findings, step: int, renew: Callable[[], None]) -> None:
        arguments = [str(n) for n in (claim.partition, found.position, claim.wanted_end, step)]
        command = [sys.executable, "-m", "orderbook.ingest.suspect", *arguments]
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as child:
            try:
                assert child.stdout is not None
                self._watch(_frames(child.stdout), found, renew)
            finally:
                child.kill()

    def _watch(
        self, frames: "queue.Queue[tuple[str, Any] | None]", found: _Findings, renew: Callable[[], None]
    ) -> None:
        heard = monotonic()
        while True:
            renew()
            try:
                frame = frames.get(timeout=_WAIT_SECONDS)
            except queue.Empty:
                if monotonic() - heard > self._silence_seconds:
                    raise ChildStuck(f"no word from the child for {self._silence_seconds:g} s") from None
                continue
            heard = monotonic()
            if frame is None:
                return
            found.take(*frame)


def _frames(source: IO[bytes]) -> "queue.Queue[tuple[str, Any] | None]":
    """The child's frames, read by a thread so that the lease can be renewed meanwhile; None is the end."""
    frames: queue.Queue[tuple[str, Any] | None] = queue.Queue()

    def read() -> None:
        try:
            while True:
                frames.put(pickle.load(source))  # noqa: S301 - written by our own child
        except (EOFError, pickle.UnpicklingError, ValueError, OSError):
            frames.put(None)

    threading.Thread(target=read, daemon=True).start()
    return frames
