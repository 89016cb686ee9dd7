"""Quix Streams with its own PostgreSQLSink, in batches of 20,000. At least once."""

import logging
from typing import Any

from contest import OPTIONS, Clock
from quixstreams import Application
from quixstreams.sinks.base import SinkBatch
from quixstreams.sinks.community.postgresql import PostgreSQLSink

clock = Clock()
application = Application(
    broker_address=OPTIONS["bootstrap"],
    consumer_group=OPTIONS["group"],
    auto_offset_reset="earliest",
    commit_every=20_000,
    commit_interval=5.0,
    loglevel=logging.ERROR,
    state_dir=OPTIONS["folder"],
    consumer_extra_config={"queued.min.messages": 100_000, "fetch.queue.backoff.ms": 2},
)


class Watched(PostgreSQLSink):
    def add(self, *arguments: Any, **named: Any) -> None:
        clock.received()
        super().add(*arguments, **named)

    def write(self, batch: SinkBatch) -> None:
        super().write(batch)
        clock.committed(batch.size)


sink = Watched(
    host=OPTIONS["host"],
    port=OPTIONS["port"],
    dbname=OPTIONS["dbname"],
    user=OPTIONS["user"],
    password=OPTIONS["password"],
    table_name="feed_quix",
    include_metadata=False,
    schema_auto_update=False,  # two processes trip over each other when both make the table
)
application.dataframe(application.topic(OPTIONS["topic"], value_deserializer="json")).sink(sink)
clock.wait_for_start()
application.run(timeout=OPTIONS["idle_seconds"])
clock.tell()
