"""The application: what starting it from anywhere must not change."""

import os
from pathlib import Path

import flowerconfig
import orderbook.celery


def test_flower_reads_our_settings_wherever_it_is_started() -> None:
    assert orderbook.celery.app.main == "orderbook"
    assert Path(os.environ["FLOWER_CONF"]).samefile(flowerconfig.__file__)


def test_each_queue_gets_only_what_is_sent_to_it() -> None:
    queues = orderbook.celery.app.conf.task_queues
    assert [queue.name for queue in queues] == ["drain", "maintenance", "ingest"]  # in the order they are served
    assert [queue.routing_key for queue in queues] == [queue.name for queue in queues]
