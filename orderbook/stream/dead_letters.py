"""Writing to the topic of dead letters: the reject's own key and bytes, with where it came from in the headers.

Of a reject above 1 MiB only the first 64 KiB, with its whole size and sha256 in the headers.
"""

import hashlib
from collections.abc import Sequence
from typing import Any, Protocol

from kafka import KafkaProducer
from kafka.errors import KafkaError

from orderbook.errors import Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import VERSION_HEADER
from orderbook.stream.connection import connected

_LONGEST_HEADER = 1_000  # bytes
_LARGEST = 2**20  # bytes of key and value: a topic of ours holds nothing larger, and that of the letters takes it
_EXCERPT = 2**16  # bytes of each, of what is larger: it would keep all letters behind it from being sent


class Letter(Protocol):
    """What is written of a reject."""

    @property
    def generation(self) -> int: ...
    @property
    def partition(self) -> int: ...
    @property
    def offset(self) -> int: ...
    @property
    def topic(self) -> str: ...
    @property
    def reason(self) -> str: ...
    @property
    def field(self) -> str | None: ...
    @property
    def detail(self) -> str: ...
    @property
    def version(self) -> bytes | None: ...
    @property
    def key(self) -> bytes | None: ...
    @property
    def value(self) -> bytes | None: ...


class DeadLetters:
    """Writes rejects to ``orderbook.dlq``. Not fork-safe: make one per process, after the fork."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.dead_letter_topic
        self._seconds = kafka.request_timeout_seconds
        timeout = int(kafka.request_timeout_seconds * 1000)
        try:
            self._producer = connected(
                KafkaProducer,
                kafka,
                acks="all",
                enable_idempotence=True,
                compression_type="lz4",
                max_request_size=4 * 2**20,  # a reject of the largest size, with its headers
                request_timeout_ms=timeout,
                delivery_timeout_ms=2 * timeout,
                bootstrap_timeout_ms=timeout,
                max_block_ms=timeout,
                allow_auto_create_topics=False,
                metrics_enabled=False,
            )
        except (KafkaError, OSError) as error:
            raise Unavailable(f"Kafka at {kafka.bootstrap_servers}: {error}") from error

    def send(self, letters: Sequence[Letter]) -> None:
        """Write them all; returns once the broker has every one. Raises ``Unavailable``: some may be written then."""
        try:
            sent = [self._post(each) for each in letters]
            self._producer.flush(timeout=2 * self._seconds)
            for future in sent:
                future.get(timeout=0.1)
        except (KafkaError, ValueError) as error:  # ValueError: the topic is not there
            raise Unavailable(f"topic {self._topic}: {type(error).__name__} {error}") from error

    def _post(self, letter: Letter) -> Any:
        key, value, headers = letter.key, letter.value, _headers(letter)
        if len(key or b"") + len(value or b"") > _LARGEST:
            headers += _in_full(value or b"")
            key, value = (None if part is None else part[:_EXCERPT] for part in (key, value))
        return self._producer.send(self._topic, key=key, value=value, headers=headers)

    def close(self) -> None:
        """Close the connections."""
        self._producer.close(timeout=1)


def _in_full(value: bytes) -> list[tuple[str, bytes]]:
    """What the letter's value is the beginning of. Quarantine keeps the whole."""
    digest = hashlib.sha256(value).hexdigest()
    return [("orderbook-bytes", str(len(value)).encode()), ("orderbook-sha256", digest.encode())]


def _headers(letter: Letter) -> list[tuple[str, bytes]]:
    texts = {
        "orderbook-topic": letter.topic,
        "orderbook-generation": str(letter.generation),
        "orderbook-partition": str(letter.partition),
        "orderbook-offset": str(letter.offset),
        "orderbook-reason": letter.reason,
        "orderbook-field": letter.field or "",
        "orderbook-detail": letter.detail,
    }
    headers = [(name, text.encode()[:_LONGEST_HEADER]) for name, text in texts.items()]
    return headers if letter.version is None else [*headers, (VERSION_HEADER, letter.version[:_LONGEST_HEADER])]
