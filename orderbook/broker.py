"""Celery's transport to Redis, with one fault and one waste of Kombu mended."""

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

    It also makes a client for each command, of redis-py's some hundred callbacks: a third of what a message costs.
    """

    _kept: Any = None  # a client, good for as long as its pool of connections is the channel's

    def _create_client(self, asynchronous: bool = False) -> Any:
        if asynchronous:  # it is asked for once
            return super()._create_client(asynchronous=True)  # type: ignore[no-untyped-call] # kombu's
        if self._kept is None or self._kept.connection_pool is not self.pool:
            self._kept = super()._create_client()  # type: ignore[no-untyped-call] # kombu's
        return self._kept

    def _connparams(self, *arguments: Any, **options: Any) -> Any:
        if self.connection is None or self.connection.client is None:
            raise BrokerAway("the channel is closed")
        return super()._connparams(*arguments, **options)  # type: ignore[no-untyped-call] # kombu's


def mend() -> None:
    """Let every connection to Redis use such channels."""
    Transport.Channel = ClosableChannel
