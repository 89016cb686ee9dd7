"""The range fetcher over kafka-python's connections: batches as the broker has them, read as columns."""

from collections.abc import Callable
from time import monotonic
from typing import Any, NamedTuple

from kafka.errors import KafkaError, KafkaTimeoutError, OffsetOutOfRangeError, RequestTimedOutError

from orderbook.errors import EarlyEnd, OffsetOutOfRange, OutOfTime, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.partition_reader import Answer, PartitionReader
from orderbook.stream.record_batches import Slice
from orderbook.stream.record_columns import read_records
from orderbook.stream.records import Integers, Records

_PAUSE_SECONDS = 0.1  # before another try
_LOOK_SECONDS = 0.25  # the longest wait without a call of ``between``
_LEAST_BYTES, _MOST_BYTES = 2**14, 2**23  # asked for at once
_FIRST_GUESS = 256  # bytes a record


class _Left(NamedTuple):
    """What an answer held beyond the range that it was asked for."""

    partition: int
    start: int
    records: Records
    position: int


class KafkaPythonFetcher:
    """See ``batch.RangeFetcher``. It asks for what a range should take, and keeps what came beyond for the next."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic
        self._record_bytes = float(_FIRST_GUESS)  # of the log, of the last answer
        self._left: _Left | None = None
        try:
            self._reader = PartitionReader(kafka)
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {error}") from error

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        """See ``batch.RangeFetcher``."""
        attempt = _Attempt(start, end, limits, between)
        left, self._left = self._left, None
        if left is not None and (left.partition, left.start) == (partition, start):
            attempt.take(left.records, left.position)
        while not attempt.finished:
            records, position = self._read(partition, attempt)
            attempt.take(records, position)
        batch, rest, position = attempt.result()
        if len(rest):
            self._left = _Left(partition, batch.position, rest, position)
        return batch

    def _read(self, partition: int, attempt: "_Attempt") -> tuple[Records, int]:
        """The next records, and the offset behind them; none where the attempt's time is up."""
        at = attempt.position
        try:
            answer = self._ask(partition, attempt)
            if answer is None:
                return Records.of(()), at
            answered = Slice(answer.records, answer.aborted, at)
            records = read_records(list(answered), at)
        except OffsetOutOfRangeError as error:
            raise OffsetOutOfRange(f"{self._topic} {partition} at {at}: {error}") from error
        except (KafkaError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        if answered.next_offset == at and answer.stable_end <= at:
            raise EarlyEnd(f"the log ends at {answer.stable_end}, before {attempt.end}")
        if answered.next_offset > at:
            self._record_bytes = len(answer.records) / (answered.next_offset - at)
        return records, answered.next_offset

    def _ask(self, partition: int, attempt: "_Attempt") -> Answer | None:
        wanted = int((attempt.end - attempt.position) * self._record_bytes * 1.05)
        most_bytes = max(_LEAST_BYTES, min(wanted, attempt.left_bytes, _MOST_BYTES))
        while True:
            try:
                return self._reader.ask(partition, attempt.position, most_bytes, attempt.seconds_left, attempt.wait)
            except KafkaError as error:
                if not error.retriable:
                    raise
                if attempt.is_over:
                    attempt.give_up(error)
                    return None
                self._reader.look_again()
                attempt.pause(self._reader.poll)

    def rest(self) -> None:
        """See ``batch.RangeFetcher``."""
        self._left = None

    def close(self) -> None:
        """Close the connections."""
        self._left = None
        self._reader.close()


class _Attempt:
    """One fetch: what it has, and what is left of its limits."""

    def __init__(self, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> None:
        self.position, self.end = start, end
        self.finished = False
        self.left_bytes = limits.bytes
        self._start = start
        self._limits = limits
        self._deadline = monotonic() + limits.seconds
        self._between = between
        self._parts: list[Records] = []
        self._rest = Records.of(())
        self._after = start  # the offset behind the rest

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._deadline - monotonic())

    @property
    def is_over(self) -> bool:
        return monotonic() >= self._deadline

    def take(self, records: Records, position: int) -> None:
        """Take those of the records that the range and the limits allow."""
        fitting = int(records.offsets.searchsorted(self.end))
        sizes = _sizes(records)[:fitting]
        within = int(sizes.cumsum().searchsorted(self.left_bytes, "right"))
        if within == 0 and fitting and not self._parts:
            within = 1
        if within < fitting:
            self._finish(int(records.offsets[within]), records[within:], position)
        elif position >= self.end:
            self._finish(self.end, records[fitting:], position)
        else:
            self.position = position
        if within:
            self._parts.append(records[:within])
            self.left_bytes -= int(sizes[:within].sum())
        if not self.finished and self.is_over:
            self._stop()

    def _finish(self, position: int, rest: Records, after: int) -> None:
        self.position, self._rest, self._after, self.finished = position, rest, after, True

    def _stop(self) -> None:
        if not self._parts:
            raise OutOfTime(f"no record from {self._start} on within {self._limits.seconds:g} s")
        self._finish(self.position, Records.of(()), self.position)

    def give_up(self, error: KafkaError) -> None:
        """The time is up. Raises the error where nothing came, and it is not the range that was too long."""
        if not self._parts and not isinstance(error, KafkaTimeoutError | RequestTimedOutError):
            raise error

    def wait(self, poll: Callable[..., None], future: Any) -> None:
        """Poll until the future is done."""
        while not future.is_done:
            poll(min(self._limits.poll_seconds, _LOOK_SECONDS), future)
            self._between()

    def pause(self, poll: Callable[..., None]) -> None:
        """Let the connections do their work for a moment."""
        poll(_PAUSE_SECONDS)
        self._between()

    def result(self) -> tuple[Batch, Records, int]:
        """What was fetched; what came beyond, and the offset behind that."""
        records = Records.joined(self._parts) if self._parts else Records.of(())
        return Batch(self._start, records, self.position), self._rest, self._after


def _sizes(records: Records) -> Integers:
    sizes: Integers = (records.values.ends - records.values.starts).clip(0)
    return sizes
