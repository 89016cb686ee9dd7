"""Where a replay goes: standard output, or a topic. Every record says which run it belongs to."""

from collections.abc import Sequence
from typing import BinaryIO

from orderbook.errors import ConfigError, Unavailable
from orderbook.replay.items import TICK, lines
from orderbook.sections import KafkaSettings
from orderbook.stream.producer import MOST_UNACKNOWLEDGED, LogProducer
from orderbook.stream.topics import TopicClient
from orderbook.tick import decode

RUN_HEADER = "replay-run"
KIND_HEADER = "replay-kind"  # `gap` on a notice; ticks have none
PATIENCE_SECONDS = 60.0


class Lines:
    """One JSON object a line: ``{"run":…,"tick":{…}}`` or ``{"run":…,"gap":{…}}``."""

    def __init__(self, file: BinaryIO, run: str) -> None:
        self._file = file
        self._head = f'{{"run":"{run}",'

    def send(self, items: Sequence[str]) -> None:
        """Write them, so that a reader has them when this returns."""
        for piece in lines(items, self._head, "}\n"):
            self._file.write(piece)
        self._file.flush()

    def finish(self) -> None:
        """Nothing is left to write."""


class Topic:
    """The values of a topic: ticks as they travelled, keyed by symbol, and notices of gaps beside them.

    A topic that is not there is made. Into the topic that the pipeline reads, only where ``into_raw`` says so, and
    then without the notices, which are no ticks. Raises ``ConfigError``.
    """

    def __init__(self, kafka: KafkaSettings, topic: str, run: str, *, into_raw: bool) -> None:
        if topic in {kafka.topic, kafka.dead_letter_topic} and not (into_raw and topic == kafka.topic):
            raise ConfigError(f"{topic} is the pipeline's own: choose another --topic, or say --into-raw")
        self._notices = topic != kafka.topic
        self._run = [(RUN_HEADER, run.encode())]
        target = kafka.model_copy(update={"topic": topic})
        with TopicClient(target) as client:
            client.create()
        self._producer = LogProducer[None](target, lambda *_: None)

    def send(self, items: Sequence[str]) -> None:
        """Hand them to the client. Raises ``Unavailable`` where the broker takes none for a minute."""
        for item in items:
            is_tick = item.startswith(TICK)
            if not is_tick and not self._notices:
                continue
            value = item[item.index(":") + 1 :].encode()
            headers = self._run if is_tick else [*self._run, (KIND_HEADER, b"gap")]
            if self._producer.unacknowledged >= MOST_UNACKNOWLEDGED:
                self._insist(MOST_UNACKNOWLEDGED // 2)
            self._producer.send(decode(value)["symbol"].encode(), value, None, headers)

    def finish(self) -> None:
        """Wait until the broker has all of it."""
        self._insist(0)

    def close(self) -> None:
        """End the client."""
        self._producer.close()

    def _insist(self, at_most: int) -> None:
        if not self._producer.wait_until(at_most, PATIENCE_SECONDS):
            raise Unavailable(f"Kafka acknowledged nothing for {PATIENCE_SECONDS:g} s")
