"""Writing to the log: idempotent, keyed, and bounded in what is not yet acknowledged."""

from collections.abc import Callable, Sequence
from threading import Condition
from time import monotonic
from typing import Any, Generic, TypeVar

from kafka import KafkaProducer
from kafka.errors import (
    ClusterAuthorizationFailedError,
    KafkaError,
    SaslAuthenticationFailedError,
    TopicAuthorizationFailedError,
)

from orderbook.errors import ConfigError, OrderbookError, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import VERSION_HEADER
from orderbook.stream.connection import connected
from orderbook.tick import SCHEMA_VERSION

MOST_UNACKNOWLEDGED = 4_000  # some 25 MB of the client's objects; more did not raise the rate
_NEVER_MS = 2**31 - 1  # delivery is tried until we are stopped: 24 days
_HEADERS = [(VERSION_HEADER, str(SCHEMA_VERSION).encode())]
_NOT_ALLOWED = (ClusterAuthorizationFailedError, SaslAuthenticationFailedError, TopicAuthorizationFailedError)

T = TypeVar("T")


class LogProducer(Generic[T]):
    """Sends values with a tag of the caller's, and hands the tag back once the broker has the value for good.

    A value waits for others to go with it for up to ``linger_seconds``, or until a batch is full.
    ``acknowledged(tag, partition, offset)`` is called on the client's own thread and must return at once. Records of
    one key arrive in the order they were sent. Not fork-safe. After a failure every method raises it: what was sent and
    not acknowledged may be in the log or not; close, look at the log's tail, and start again.
    """

    def __init__(
        self, kafka: KafkaSettings, acknowledged: Callable[[T, int, int], None], linger_seconds: float = 0.005
    ) -> None:
        self._topic = kafka.topic
        self._tell = acknowledged
        self._changed = Condition()
        self._waiting = False
        self._unacknowledged = 0
        self._heard = 0.0  # when the broker last acknowledged, or since when there is something to acknowledge
        self._failure: OrderbookError | None = None
        timeout = int(kafka.request_timeout_seconds * 1000)
        try:
            self._producer = connected(
                KafkaProducer,
                kafka,
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                batch_size=2**16,
                linger_ms=round(linger_seconds * 1000),  # at 5,000 ticks a second a request carries a batch, not a tick
                delivery_timeout_ms=_NEVER_MS,
                request_timeout_ms=timeout,
                bootstrap_timeout_ms=timeout,
                max_block_ms=timeout,
                metadata_max_age_ms=30_000,  # partitions that were added are used within this
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise _translated(error, f"Kafka at {kafka.bootstrap_servers}") from error
        self._learn_partitions()

    def send(self, key: bytes, value: bytes, tag: T, headers: Sequence[tuple[str, bytes]] = ()) -> None:
        """Hand one value to the client, which sends it soon. Blocks only where the topic's partitions are unknown.

        ``headers`` go with it, beside the version of its schema.
        """
        self._raise_failure()
        with self._changed:
            if not self._unacknowledged:
                self._heard = monotonic()
            self._unacknowledged += 1
        try:
            future = self._producer.send(self._topic, value=value, key=key, headers=[*_HEADERS, *headers])
        except (KafkaError, ValueError) as error:  # ValueError: the topic is gone
            with self._changed:
                self._unacknowledged -= 1
            raise _translated(error, f"topic {self._topic}") from error
        future.add_callback(self._succeeded, tag)
        future.add_errback(self._failed)

    @property
    def unacknowledged(self) -> int:
        """How many values the broker has not acknowledged."""
        return self._unacknowledged

    @property
    def silent_seconds(self) -> float:
        """For how long the broker has acknowledged nothing although it should; 0 where nothing is due."""
        with self._changed:
            return monotonic() - self._heard if self._unacknowledged else 0.0

    def wait_until(self, at_most: int, seconds: float) -> bool:
        """Whether no more than ``at_most`` values are unacknowledged; blocks up to ``seconds`` until that is so."""
        with self._changed:
            self._waiting = True
            self._changed.wait_for(lambda: self._unacknowledged <= at_most or self._failure is not None, seconds)
            self._waiting = False
            reached = self._unacknowledged <= at_most
        self._raise_failure()
        return reached

    def close(self) -> None:
        """Give up what is not acknowledged, and end the client's thread."""
        # the client's own close() raises, and leaves its thread sending, while a value is unacknowledged
        sender: Any = self._producer._sender  # noqa: SLF001
        sender.force_close()
        sender.join(5)
        self._producer.close(timeout=1)

    def _learn_partitions(self) -> None:
        try:
            self._producer.partitions_for(self._topic)  # else the first send would wait for them
        except KafkaError as error:
            self.close()
            raise _translated(error, f"topic {self._topic}") from error

    def _succeeded(self, tag: T, metadata: Any) -> None:
        self._tell(tag, metadata.partition, metadata.offset)
        with self._changed:
            self._unacknowledged -= 1
            self._heard = monotonic()
            if self._waiting:
                self._changed.notify_all()

    def _failed(self, error: Exception) -> None:
        with self._changed:
            if self._failure is None:
                self._failure = _translated(error, f"topic {self._topic}")
            self._changed.notify_all()

    def _raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure


def _translated(error: Exception, what: str) -> OrderbookError:
    if isinstance(error, _NOT_ALLOWED):
        return ConfigError(f"{what}: {error}")
    return Unavailable(f"{what}: {error if isinstance(error, KafkaError) else f'{type(error).__name__}: {error}'}")
