"""Figures of Redis: how many messages wait, and how much memory is left."""

from redis import Redis

from orderbook import metrics
from orderbook.config import Settings
from orderbook.exporter.source import Sample

QUEUES = ("drain", "ingest", "maintenance")  # a test holds them against celeryconfig.py
TIMEOUT_SECONDS = 5.0


class QueueSource:
    """Asks Redis."""

    name = "redis"

    def __init__(self, settings: Settings) -> None:
        self._url = settings.redis.url
        self._client: Redis | None = None

    def look(self) -> list[Sample]:
        """All figures of now. Raises ``RedisError``."""
        client = self._client = self._client or Redis.from_url(
            self._url.get_secret_value(), socket_connect_timeout=TIMEOUT_SECONDS, socket_timeout=TIMEOUT_SECONDS
        )
        memory = client.info("memory")
        samples: list[Sample] = [(metrics.QUEUE_LENGTH, (name,), int(client.llen(name))) for name in QUEUES]
        samples.append((metrics.REDIS_MEMORY, (), int(memory["used_memory"])))
        if memory.get("maxmemory"):
            samples.append((metrics.REDIS_MEMORY_LIMIT, (), int(memory["maxmemory"])))
        return samples

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()
            self._client = None
