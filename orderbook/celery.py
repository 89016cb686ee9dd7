"""The Celery application: ``celery -A orderbook`` finds it here. What it is told stands in ``celeryconfig.py``."""

from typing import Any

from celery import Celery
from kombu.transport.redis import Channel, Transport
from redis.exceptions import ConnectionError as BrokerAway


class ClosableChannel(Channel):
    """A channel that, once closed, fails like any lost connection, so that whoever uses it still goes on.

    Kombu 5.7 raises AttributeError there, when a task that outlived its connection is acknowledged or what it held is
    put back. That ended the worker at one restart of Redis in ten.
    """

    def _connparams(self, *arguments: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise BrokerAway("the channel is closed")
        return super()._connparams(*arguments, **options)  # type: ignore[no-untyped-call] # kombu's


Transport.Channel = ClosableChannel

app = Celery("orderbook", include=["orderbook.tasks"])
app.config_from_object("celeryconfig")
