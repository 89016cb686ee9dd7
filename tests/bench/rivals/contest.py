"""What each rival program shares: it connects, says so, waits for the start, and tells when it began and ended.

Rivals run in an environment of their own and import nothing of ours.
"""

import json
import sys
import time
from collections.abc import Callable
from typing import Any

OPTIONS: dict[str, Any] = json.loads(sys.argv[1])

TUNED = {"queued.min.messages": 100_000, "fetch.queue.backoff.ms": 2}  # without these librdkafka waits for itself
COLUMNS = (
    "symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, "
    "kafka_partition, kafka_offset"
)


class Clock:
    """From the first batch received to the last one committed."""

    def __init__(self) -> None:
        self.first = self.last = 0.0
        self.rows = 0
        self._cpu = 0.0

    def wait_for_start(self) -> None:
        sys.stdout.write("ready\n")
        sys.stdout.flush()
        sys.stdin.readline()
        self._cpu = time.process_time()

    def received(self) -> None:
        if not self.first:
            self.first = time.time()

    def committed(self, rows: int) -> None:
        self.rows += rows
        self.last = time.time()

    def tell(self) -> None:
        told = {"first": self.first, "last": self.last, "rows": self.rows, "cpu": time.process_time() - self._cpu}
        sys.stdout.write(json.dumps(told) + "\n")
        sys.stdout.flush()


def consume(write: Callable[[list[Any]], None], clock: Clock, batch: int = 20_000) -> None:
    """Read this program's partitions to their ends in batches; ``write`` stores one, then its offsets are committed."""
    from confluent_kafka import Consumer, TopicPartition

    ends = {int(number): end for number, end in OPTIONS["ends"].items()}
    consumer = Consumer(
        {
            "bootstrap.servers": OPTIONS["bootstrap"],
            "group.id": OPTIONS["group"],
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            **(TUNED if OPTIONS.get("tuned", True) else {}),
        }
    )
    clock.wait_for_start()
    consumer.assign([TopicPartition(OPTIONS["topic"], number, 0) for number in ends])
    left = sum(ends.values())
    while left:
        messages = consumer.consume(min(batch, left), 0.25)
        if not messages:
            continue
        clock.received()
        write(messages)
        seen = {message.partition(): message.offset() + 1 for message in messages}
        topic = OPTIONS["topic"]
        consumer.commit(offsets=[TopicPartition(topic, p, at) for p, at in seen.items()], asynchronous=False)
        clock.committed(len(messages))
        left -= len(messages)
    consumer.close()
    clock.tell()
