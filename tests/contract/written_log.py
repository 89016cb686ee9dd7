"""A topic that a test fills as it likes: nulls, headers, transactions, holes."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from confluent_kafka import Producer, TopicPartition
from confluent_kafka.admin import AdminClient, AlterConfigOpType, ConfigEntry, ConfigResource, NewTopic, ResourceType

COMPACTED = {
    "cleanup.policy": "compact",
    "segment.ms": "100",
    "min.cleanable.dirty.ratio": "0.001",
    "max.compaction.lag.ms": "100",
}
Headers = Sequence[tuple[str, bytes | None]]


@dataclass(frozen=True, slots=True)
class Written:
    """One record as it was sent."""

    value: bytes | None
    key: bytes | None = None
    headers: Headers = ()
    timestamp_ms: int = 0  # now


class WrittenLog:
    """One topic of two partitions; every method returns once the broker has done what it says."""

    def __init__(self, bootstrap: str, topic: str, **config: str) -> None:
        self.topic = topic
        self._servers: dict[str, Any] = {"bootstrap.servers": bootstrap, "log_level": 0}
        self.admin = AdminClient(self._servers)
        stamped = {"message.timestamp.type": "LogAppendTime"}
        made = self.admin.create_topics([NewTopic(topic, 2, 1, config={**stamped, **config})])
        made[topic].result(20)

    def append(self, records: Iterable[Written | bytes | None], partition: int = 0, **options: Any) -> list[int]:
        """Append records; returns their offsets."""
        producer = Producer({**self._servers, "linger.ms": 0, "enable.idempotence": True, **options})  # keeps the order
        return self._send(producer, records, partition)

    def transaction(self, name: str, records: Iterable[Written | bytes | None], *, commit: bool = True) -> list[int]:
        """Append records in a transaction that is committed or aborted: its marker takes an offset, too."""
        producer = self.begin(name)
        offsets = self._send(producer, records, 0)
        if commit:
            producer.commit_transaction(20)
        else:
            producer.abort_transaction(20)
        return offsets

    def begin(self, name: str) -> Producer:
        """A producer with an open transaction."""
        producer = Producer({**self._servers, "transactional.id": f"{self.topic}.{name}", "linger.ms": 0})
        producer.init_transactions(20)
        producer.begin_transaction()
        return producer

    def open_transaction(self, name: str, records: Iterable[Written | bytes | None]) -> Producer:
        """A producer whose transaction holds ``records`` and hangs."""
        producer = self.begin(name)
        self._send(producer, records, 0)
        return producer

    def delete_below(self, offset: int, partition: int = 0) -> None:
        """The log start moves to ``offset``."""
        asked = self.admin.delete_records([TopicPartition(self.topic, partition, offset)])
        for answer in asked.values():
            answer.result(20)

    def compact_eagerly(self) -> None:
        """Only the newest record of a key is kept, and the broker never stops looking for what to drop."""
        self._configure(ResourceType.TOPIC, self.topic, COMPACTED)
        self._configure(ResourceType.BROKER, "1", {"log.cleaner.backoff.ms": "100"})

    def _configure(self, kind: ResourceType, name: str, options: dict[str, str]) -> None:
        entries = [ConfigEntry(*option, incremental_operation=AlterConfigOpType.SET) for option in options.items()]
        asked = self.admin.incremental_alter_configs([ConfigResource(kind, name, incremental_configs=entries)])
        for answer in asked.values():
            answer.result(20)

    def _send(self, producer: Producer, records: Iterable[Written | bytes | None], partition: int) -> list[int]:
        offsets: list[int] = []
        failures: list[Any] = []

        def delivered(error: Any, message: Any) -> None:
            failures.append(error) if error else offsets.append(message.offset())

        for one in records:
            record = one if isinstance(one, Written) else Written(one)
            producer.produce(
                self.topic,
                record.value,
                record.key,
                partition,
                delivered,
                timestamp=record.timestamp_ms,
                headers=list(record.headers) or None,
            )
            producer.poll(0)
        assert producer.flush(20) == 0
        assert failures == []
        return sorted(offsets)
