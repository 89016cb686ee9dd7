"""Celery's transport to Redis, with one fault of Kombu mended."""

from typing import Any

from kombu.exceptions import OperationalError
from kombu.transport.redis import Channel, Transport
from redis.exceptions import ConnectionError as BrokerAway
from redis.exceptions import RedisError

# what its being away looks like: Kombu translates on the ways that it retries itself, not on those through a channel
BROKER_ERRORS = (OperationalError, RedisError, OSError)


class ClosableChannel(Channel):
    """A channel that, once closed, fails like any lost connection, so that whoever uses it still goes on.

    Kombu 5.7 raises AttributeError there, when a task that outlived its connection is acknowledged or what it held is
    put back. That ended the worker at one restart of Redis in ten.
    """

    def _connparams(self, *arguments: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise BrokerAway("the channel is closed")
        return super()._connparams(*arguments, **options)  # type: ignore[no-untyped-call] # kombu's


def mend() -> None:
    """Let every connection to Redis use such channels."""
    Transport.Channel = ClosableChannel
