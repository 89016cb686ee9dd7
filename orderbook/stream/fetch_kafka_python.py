"""The range fetcher in pure Python, where librdkafka has no wheel."""

from collections.abc import Callable
from time import monotonic

from kafka import KafkaConsumer, TopicPartition
from kafka.errors import KafkaError, OffsetOutOfRangeError

from orderbook.errors import EarlyEnd, OffsetOutOfRange, OutOfTime, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import Batch, FetchLimits, Record, Records, version_of
from orderbook.stream.connection import connected

_POLL_RECORDS = 5_000


class KafkaPythonFetcher:
    """See ``batch.RangeFetcher``."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic
        timeout = int(kafka.request_timeout_seconds * 1000)
        try:
            self._consumer = connected(
                KafkaConsumer,
                kafka,
                group_id=None,
                enable_auto_commit=False,
                auto_offset_reset="none",
                isolation_level="read_committed",
                check_crcs=True,
                max_partition_fetch_bytes=4 * 2**20,  # a range of 20,000 ticks in one answer
                fetch_max_wait_ms=100,
                request_timeout_ms=timeout,
                bootstrap_timeout_ms=timeout,
            )
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {error}") from error

    def fetch(self, partition: int, start: int, end: int, limits: FetchLimits, between: Callable[[], None]) -> Batch:
        """See ``batch.RangeFetcher``."""
        source = TopicPartition(self._topic, partition)
        try:
            self._consumer.assign([source])
            self._consumer.seek(source, start)
            batch = self._read(source, end, limits, between, Batch(start, position=start))
        except OffsetOutOfRangeError as error:
            raise OffsetOutOfRange(f"{source} {start}: {error}") from error
        except (KafkaError, OSError) as error:
            raise Unavailable(f"{type(error).__name__}: {error}") from error
        finally:
            self.rest()
        return batch

    def _read(
        self, source: TopicPartition, end: int, limits: FetchLimits, between: Callable[[], None], batch: Batch
    ) -> Batch:
        deadline, left = monotonic() + limits.seconds, limits.bytes
        batch.records = records = Records()
        while batch.position < end:
            polled = self._consumer.poll(min(limits.poll_seconds, 0.25) * 1000, max_records=_POLL_RECORDS)
            for message in polled.get(source, ()):
                if message.offset >= end:
                    batch.position = end
                    return batch
                size = len(message.value) if message.value is not None else 0
                if records and size > left:
                    batch.position = message.offset
                    return batch
                left -= size
                version = version_of(message.headers)
                records.append(Record(message.offset, message.timestamp, message.key, message.value, version))
            # the position also passes markers and compacted offsets, which come as no record
            batch.position = min(self._consumer.position(source), end)
            if not polled and batch.position < end:
                self._check_end(source, batch.position, end)
            if monotonic() > deadline and batch.position < end:
                if not records:
                    raise OutOfTime(f"no record from {batch.start} on within {limits.seconds:g} s")
                return batch
            between()
        return batch

    def _check_end(self, source: TopicPartition, position: int, end: int) -> None:
        # this client has no event for the end of a log, and would wait there until the attempt's time is up
        stable = self._consumer.end_offsets([source])[source]
        if stable == position:
            raise EarlyEnd(f"the log ends at {stable}, before {end}")

    def rest(self) -> None:
        """See ``batch.RangeFetcher``. This client reads nothing ahead between two fetches."""
        self._consumer.assign([])

    def close(self) -> None:
        """Close the connections."""
        self._consumer.close()
