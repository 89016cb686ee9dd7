"""The child that reads and judges a suspect range, naming each offset before it touches it.

Frames go to standard output, pickled, one by one; whoever watches knows from the last frame what ended us:

    ("read", offset)      about to read from here on      ("record", Record)         read, about to be judged
    ("tick", tick)        it is acceptable                ("fault", Fault)           it is not
    ("end", position)     finished                        ("unavailable", text)      Kafka is away: nobody's fault
"""

import ctypes
import pickle
import signal
import sys
from typing import Any

from orderbook.config import settings
from orderbook.crashpoints import crashpoint
from orderbook.errors import Unavailable
from orderbook.ingest.validator import Validator
from orderbook.profiles import Fault, load_profiles
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.fetcher import make_fetcher

_PR_SET_PDEATHSIG = 1


def main(arguments: list[str]) -> None:
    """PARTITION START END STEP: read and judge ``[start, end)`` of a partition, STEP offsets at a time."""
    partition, start, end, step = map(int, arguments)
    _die_with_parent()
    try:
        _read_and_judge(partition, start, end, step)
    except Unavailable as error:
        _tell("unavailable", str(error))


def _read_and_judge(partition: int, start: int, end: int, step: int) -> None:
    config = settings()
    limits = FetchLimits(config.ingest.fetch_bytes, config.ingest.fetch_seconds, config.ingest.lease_seconds / 3)
    fetcher = make_fetcher(config.kafka, step)
    validator = Validator(load_profiles(config.ingest.profiles_file), config.ingest.unknown_fields)
    position = start
    while position < end:
        _tell("read", position)
        batch = fetcher.fetch(partition, position, min(position + step, end), limits, lambda: None)
        _judge(validator, batch, partition)
        position = batch.position
        if step > 1:
            break  # one read fills the limits; the rest becomes another range
    _tell("end", position)


def _judge(validator: Validator, batch: Batch, partition: int) -> None:
    for record in batch.records:
        _tell("record", record)
        crashpoint(f"judge.{partition}.{record.offset}")
        verdict = validator.judge_one(record)
        _tell("fault" if isinstance(verdict, Fault) else "tick", verdict)


def _tell(kind: str, payload: Any) -> None:
    pickle.dump((kind, payload), sys.stdout.buffer)
    sys.stdout.buffer.flush()


def _die_with_parent() -> None:
    if sys.platform == "linux":  # elsewhere the broken pipe ends us a little later
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)


if __name__ == "__main__":
    main(sys.argv[1:])
