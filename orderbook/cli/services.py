"""The services that commands ask, as the settings name them."""

import logging
from collections.abc import Iterator
from contextlib import contextmanager

from orderbook.config import settings
from orderbook.stream.topics import TopicClient


@contextmanager
def topic_client() -> Iterator[TopicClient]:
    """Questions to Kafka about the topic; raises ``Unavailable``."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # each retry is an ERROR to it; one line is enough
    with TopicClient(settings().kafka) as client:
        yield client
