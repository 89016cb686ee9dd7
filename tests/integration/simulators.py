"""Running ``python -m orderbook.simulator`` as a user does, and reading back what it wrote."""

import json
import os
import signal
import subprocess
import sys
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from orderbook.config import settings
from orderbook.stream.batch import FetchLimits
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.records import Record
from orderbook.stream.topics import TopicClient

LIMITS = FetchLimits(bytes=2**30, seconds=30, poll_seconds=1)
Log = dict[int, list[Record]]


@dataclass(frozen=True)
class Simulator:
    """A running simulator, with what it said so far."""

    child: subprocess.Popen[bytes]
    folder: Path

    @property
    def said(self) -> list[str]:
        """Its lines on standard output."""
        return (self.folder / "out").read_text().splitlines()

    @property
    def told(self) -> str:
        """Its standard error."""
        return (self.folder / "err").read_text()

    @property
    def ticks(self) -> list[str]:
        """The ticks it showed, as JSON."""
        return [line.removeprefix("Sending tick: ") for line in self.said if line.startswith("Sending tick: ")]

    def end(self, seconds: float = 60) -> int:
        """Its exit code, once it ended by itself."""
        return self.child.wait(seconds)

    def terminate(self, number: signal.Signals = signal.SIGTERM, seconds: float = 30) -> int:
        """Its exit code after a signal."""
        self.child.send_signal(number)
        return self.child.wait(seconds)

    def acknowledged(self) -> int:
        """How many ticks it says were acknowledged; its last line."""
        words = self.said[-1].split()
        assert words[0] == "Stopped:", self.said[-3:]
        return int(words[1])


@contextmanager
def simulator(folder: Path, *flags: str) -> Iterator[Simulator]:
    """Start one with these flags, in this environment; kill it at the end."""
    folder.mkdir(exist_ok=True)
    command = [sys.executable, "-m", "orderbook.simulator", *flags]
    with (folder / "out").open("ab") as out, (folder / "err").open("ab") as err:
        quiet = {**os.environ, "ORDERBOOK_METRICS__ENABLED": "false"}  # else it tells where they are served
        child = subprocess.Popen(command, stdout=out, stderr=err, stdin=subprocess.DEVNULL, env=quiet)
    try:
        yield Simulator(child, folder)
    finally:
        child.kill()
        child.wait()


def run(folder: Path, *flags: str, seconds: float = 60) -> Simulator:
    """Run one to its end, which must be a good one."""
    with simulator(folder, *flags) as one:
        assert one.end(seconds) == 0, one.told
    return one


def read_log() -> Log:
    """Every record of the topic that the settings name."""
    kafka = settings().kafka
    with TopicClient(kafka) as topic, closing(make_fetcher(kafka, 10_000)) as fetcher:
        bounds = topic.bounds(topic.identity().partitions)
        log: Log = {number: [] for number in bounds}
        for number, found in bounds.items():
            position = found.start
            while position < found.end:
                batch = fetcher.fetch(number, position, found.end, LIMITS, lambda: None)
                log[number] += batch.records
                position = batch.position
    return log


def length(log: Log) -> int:
    """How many records it has."""
    return sum(map(len, log.values()))


def chains(log: Log) -> dict[str, list[int]]:
    """The sequence ids of each key, in the order of its partition; only of values that are JSON with a whole id."""
    found: dict[str, list[int]] = defaultdict(list)
    for records in log.values():
        for record in records:
            assert record.key is not None
            assert record.value is not None
            found[record.key.decode()].append(json.loads(record.value)["sequence_id"])
    return dict(found)


def ledger_of(path: Path) -> list[dict[str, Any]]:
    """The lines of a ledger, values as bytes."""
    lines = [json.loads(line) for line in path.read_bytes().splitlines()]
    return [line | {"value": b64decode(line["value"])} for line in lines]


def as_ledger(log: Log) -> set[tuple[int, int, str, bytes]]:
    """The log, as partition, offset, symbol and value."""
    return {(n, r.offset, (r.key or b"").decode(), r.value or b"") for n, records in log.items() for r in records}


def from_ledger(path: Path) -> set[tuple[int, int, str, bytes]]:
    """The ledger, as partition, offset, symbol and value; a line that stands twice fails."""
    lines = [(line["partition"], line["offset"], line["symbol"], line["value"]) for line in ledger_of(path)]
    assert len(lines) == len(set(lines))
    return set(lines)
