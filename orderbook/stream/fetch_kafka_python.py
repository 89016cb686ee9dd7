"""The range fetcher over kafka-python's connections: batches as the broker has them, read as columns."""

from collections.abc import Callable
from concurrent.futures import Executor, ThreadPoolExecutor
from concurrent.futures import wait as wait_for
from typing import Any, NamedTuple

from kafka.errors import KafkaError, OffsetOutOfRangeError

from orderbook.errors import EarlyEnd, OffsetOutOfRange, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import Batch, FetchLimits
from orderbook.stream.fetch_attempt import LOOK_SECONDS, Attempt
from orderbook.stream.partition_reader import PartitionReader, Wait
from orderbook.stream.record_batches import Slice
from orderbook.stream.record_columns import read_records
from orderbook.stream.records import Records

_LEAST_BYTES, _MOST_BYTES = 2**14, 2**23  # asked for at once
_FIRST_GUESS = 256  # bytes a record


class _Read(NamedTuple):
    """What an answer held, from offset ``start`` on."""

    partition: int
    start: int
    records: Records
    position: int  # the offset behind it
    stable_end: int  # where the log ends


class _Ahead:
    """An answer that is waited for and read by a thread, while the range before it is judged and landed."""

    def __init__(self, partition: int, start: int, read: Callable[["_Ahead"], _Read], thread: Executor) -> None:
        self.partition, self.start = partition, start
        self.given_up = False
        self.job = thread.submit(read, self)


class KafkaPythonFetcher:
    """See ``batch.RangeFetcher``. It asks for what a range should take, and keeps what came beyond for the next.

    At a range's end it asks for as much again, where the log has it.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic
        self._record_bytes = float(_FIRST_GUESS)  # of the log, of the last answer
        self._left: _Read | None = None
        self._ahead: _Ahead | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="read-ahead")
        try:
            self._reader = PartitionReader(kafka)
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {error}") from error

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        """See ``batch.RangeFetcher``."""
        attempt = Attempt(start, end, limits, between)
        left, self._left = self._left, None
        if left is not None and (left.partition, left.start) == (partition, start):
            attempt.take(left.records, left.position)
        try:
            while not attempt.finished:
                self._go_on(partition, attempt)
            batch, rest, position = attempt.result()
            if len(rest):
                self._left = _Read(partition, batch.position, rest, position, attempt.stable_end)
            following = 2 * end - start  # where as much again ends
            if batch.position == end and position < following <= attempt.stable_end:
                self._read_ahead(partition, position, following - position, attempt)
        except OffsetOutOfRangeError as error:
            raise OffsetOutOfRange(f"{self._topic} {partition} at {attempt.position}: {error}") from error
        except (KafkaError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        return batch

    def _go_on(self, partition: int, attempt: Attempt) -> None:
        """Take what comes next, or nothing where the attempt's time is up."""
        at = attempt.position
        read = self._ask(partition, attempt)
        if read is None:
            attempt.stop()
            return
        attempt.stable_end = read.stable_end
        if read.position == at and read.stable_end <= at:
            raise EarlyEnd(f"the log ends at {read.stable_end}, before {attempt.end}")
        attempt.take(read.records, read.position)

    def _ask(self, partition: int, attempt: Attempt) -> _Read | None:
        while True:
            try:
                read = self._was_read_ahead(partition, attempt)
                if read is None:
                    count = attempt.end - attempt.position
                    future = self._send(partition, attempt.position, count, attempt.left_bytes, attempt)
                    self._wait_in(attempt)(self._reader.poll, future)
                    read = self._read(partition, attempt.position, future)
            except KafkaError as error:
                if not error.retriable:
                    raise
                if attempt.is_over:
                    attempt.give_up(error)
                    return None
                self._reader.look_again()
                attempt.pause(self._reader.poll)
            else:
                return read

    def _read(self, partition: int, start: int, future: Any) -> _Read:
        answer = self._reader.answer(future)
        answered = Slice(answer.records, answer.aborted, start)
        records = read_records(list(answered), start)
        if answered.next_offset > start:
            self._record_bytes = len(answer.records) / (answered.next_offset - start)
        return _Read(partition, start, records, answered.next_offset, answer.stable_end)

    def _send(self, partition: int, start: int, count: int, most_bytes: int, attempt: Attempt) -> Any:
        wanted = max(_LEAST_BYTES, min(int(count * self._record_bytes * 1.05), most_bytes, _MOST_BYTES))

        return self._reader.send(partition, start, wanted, self._wait_in(attempt))

    def _wait_in(self, attempt: Attempt) -> Wait:
        def wait(poll: Callable[..., None], future: Any) -> None:
            attempt.wait(lambda seconds: poll(seconds, future), lambda: future.is_done)

        return wait

    def _read_ahead(self, partition: int, start: int, count: int, attempt: Attempt) -> None:
        future = self._send(partition, start, count, _MOST_BYTES, attempt)

        def read(ahead: _Ahead) -> _Read:
            while not future.is_done and not ahead.given_up:
                self._reader.poll(LOOK_SECONDS, future)
            return self._read(partition, start, future)

        self._ahead = _Ahead(partition, start, read, self._thread)

    def _was_read_ahead(self, partition: int, attempt: Attempt) -> _Read | None:
        """What was read ahead, where it is what is wanted. The connections are this thread's again."""
        ahead, self._ahead = self._ahead, None
        if ahead is None:
            return None
        wanted = (ahead.partition, ahead.start) == (partition, attempt.position)
        ahead.given_up = not wanted
        attempt.wait(lambda seconds: wait_for([ahead.job], seconds), ahead.job.done)
        return ahead.job.result() if wanted else None

    def rest(self) -> None:
        """See ``batch.RangeFetcher``."""
        self._left = None
        if self._ahead is not None:
            self._ahead.given_up = True

    def close(self) -> None:
        """Close the connections."""
        self.rest()
        self._thread.shutdown()
        self._reader.close()
