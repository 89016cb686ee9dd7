"""The services that commands ask, as the settings name them."""

import getpass
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager

from orderbook.config import settings
from orderbook.store.journal import Operator
from orderbook.stream.batch import RangeFetcher
from orderbook.stream.topics import TopicClient


@contextmanager
def topic_client() -> Iterator[TopicClient]:
    """Questions to Kafka about the topic; raises ``Unavailable``."""
    silence_kafka()
    with TopicClient(settings().kafka) as client:
        yield client


@contextmanager
def range_fetcher(records_hint: int) -> Iterator[RangeFetcher]:
    """Reads the topic; raises ``Unavailable``."""
    from orderbook.stream.fetcher import make_fetcher

    silence_kafka()
    fetcher = make_fetcher(settings().kafka, records_hint)
    try:
        yield fetcher
    finally:
        fetcher.close()


def operator(why: str = "") -> Operator:
    """Who runs this command, for the record."""
    try:
        return Operator(getpass.getuser(), why)
    except (KeyError, OSError):  # a container's uid need not have a name
        return Operator(f"uid {os.getuid()}", why)


def silence_kafka() -> None:
    """Keep the client's own log off the terminal."""
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # each retry is an ERROR to it; one line is enough
