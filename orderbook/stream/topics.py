"""What the cluster says of a topic: its id, its partitions, the first and last offsets; and making one."""

from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Self

from kafka import KafkaAdminClient, TopicPartition
from kafka.admin import ConfigResource, ConfigResourceType, OffsetSpec
from kafka.errors import (
    GroupAuthorizationFailedError,
    KafkaError,
    NoError,
    NotLeaderForPartitionError,
    TopicAlreadyExistsError,
    UnknownTopicOrPartitionError,
)
from kafka.protocol.consumer import IsolationLevel
from kafka.protocol.metadata import MetadataRequest
from kafka.structs import OffsetAndMetadata

from orderbook.errors import ConfigError, Unavailable
from orderbook.sections import KafkaSettings
from orderbook.stream.connection import connected

# the last stable offset, then the first one
_BOUNDS = (OffsetSpec.LATEST, IsolationLevel.READ_COMMITTED), (OffsetSpec.EARLIEST, IsolationLevel.READ_UNCOMMITTED)


@dataclass(frozen=True, slots=True)
class TopicIdentity:
    """One life of a topic. A topic made again under the same name has another ``topic_id``."""

    cluster_id: str
    topic_id: str
    partitions: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class LogBounds:
    """``[start, end)`` of a partition. ``end`` is the last stable offset: a hanging transaction hides what follows."""

    start: int
    end: int
    leader_epoch: int | None


class TopicClient:
    """Questions to the cluster about one topic. Not fork-safe: make one per process, after the fork.

    Every method blocks for about ``request_timeout_seconds`` at most, and raises ``Unavailable`` when no answer comes.
    """

    def __init__(self, kafka: KafkaSettings) -> None:
        self._kafka = kafka
        timeout = int(kafka.request_timeout_seconds * 1000)
        with _unavailable(f"Kafka at {kafka.bootstrap_servers}"):
            self._admin = connected(KafkaAdminClient, kafka, request_timeout_ms=timeout, bootstrap_timeout_ms=timeout)
        self._connections = self._admin._manager  # noqa: SLF001 - for requests that cost what they must
        self._leaders: dict[int, int] = {}  # broker by partition

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._admin.close()

    def identity(self) -> TopicIdentity:
        """The topic's id and partitions, asked anew."""
        with _unavailable(f"topic {self._kafka.topic}"):
            found = self._connections.run(self._describe)
        (topic,) = found.topics
        self._leaders = {each.partition_index: each.leader_id for each in topic.partitions}
        if topic.error_code:
            raise Unavailable(f"topic {self._kafka.topic} is not there (create it: orderbook topics create)")
        return TopicIdentity(found.cluster_id, str(topic.topic_id), tuple(sorted(self._leaders)))

    async def _describe(self) -> Any:
        request = MetadataRequest(
            topics=[MetadataRequest.MetadataRequestTopic(name=self._kafka.topic)],
            allow_auto_topic_creation=False,
            include_cluster_authorized_operations=False,
            include_topic_authorized_operations=False,
        )
        return await self._connections.send(request)

    def bounds(self, partitions: tuple[int, ...]) -> dict[int, LogBounds]:
        """First offset and last stable offset of each partition: one call for the ends, then one for the beginnings."""
        names = [TopicPartition(self._kafka.topic, number) for number in partitions]
        with _unavailable(f"offsets of {self._kafka.topic}"):
            try:
                ends, starts = self._connections.run(self._ask_leaders, names)
            except (NotLeaderForPartitionError, UnknownTopicOrPartitionError):  # theirs asks first who leads
                ends, starts = (
                    self._admin.list_partition_offsets(dict.fromkeys(names, at), how) for at, how in _BOUNDS
                )
        return {n.partition: LogBounds(starts[n].offset, ends[n].offset, ends[n].leader_epoch) for n in names}

    async def _ask_leaders(self, names: list[TopicPartition]) -> list[dict[TopicPartition, Any]]:
        """The bounds by those who led when ``identity`` was last told: half the requests."""
        leaders, self._leaders = self._leaders, {}  # forgotten where one fails
        by_leader: dict[int, list[TopicPartition]] = defaultdict(list)
        for name in names:
            if name.partition not in leaders:
                raise UnknownTopicOrPartitionError(str(name))
            by_leader[leaders[name.partition]].append(name)
        asking = self._admin._list_partition_offsets_request  # noqa: SLF001 - the call around it asks for the leaders
        answered = self._admin._list_partition_offsets_process_response  # noqa: SLF001
        sent = [
            [
                self._connections.send(asking(dict.fromkeys(own, at), how.value), node_id=leader)
                for leader, own in by_leader.items()
            ]
            for at, how in _BOUNDS
        ]
        found = [{name: at for answer in each for name, at in answered(await answer).items()} for each in sent]
        self._leaders = leaders
        return found

    def high_watermarks(self, partitions: tuple[int, ...]) -> dict[int, int]:
        """Where each partition ends for those who also read what a transaction has not committed."""
        names = [TopicPartition(self._kafka.topic, number) for number in partitions]
        with _unavailable(f"offsets of {self._kafka.topic}"):
            ends = self._admin.list_partition_offsets(
                dict.fromkeys(names, OffsetSpec.LATEST), isolation_level=IsolationLevel.READ_UNCOMMITTED
            )
        return {name.partition: ends[name].offset for name in names}

    def retention_seconds(self) -> float | None:
        """How long the topic keeps a record; None: for ever."""
        topic = ConfigResource(ConfigResourceType.TOPIC, self._kafka.topic)
        with _unavailable(f"configuration of {self._kafka.topic}"):
            found = self._admin.describe_configs([topic], config_filter="all")
        milliseconds = int(found["topic"][self._kafka.topic]["retention.ms"]["value"])
        return None if milliseconds < 0 else milliseconds / 1_000

    def project(self, prefixes: dict[int, int]) -> None:
        """Store the prefixes as the group's offsets, for tools that show lag. Nothing of ours ever reads them."""
        offsets = {
            TopicPartition(self._kafka.topic, number): OffsetAndMetadata(offset, "", None)
            for number, offset in prefixes.items()
        }
        with _unavailable(f"group {self._kafka.group_id}"):
            answers = self._admin.alter_group_offsets(self._kafka.group_id, offsets)
        refused = {str(error.__name__) for error in answers.values() if error is not NoError}
        if refused:
            raise Unavailable(f"group {self._kafka.group_id} refused its offsets: {', '.join(sorted(refused))}")

    def projected(self) -> dict[int, int]:
        """The group's offsets, as any lag tool sees them."""
        with _unavailable(f"group {self._kafka.group_id}"):
            groups = self._admin.list_group_offsets({self._kafka.group_id: None})
        found = groups[self._kafka.group_id]
        return {tp.partition: at.offset for tp, at in found.items() if tp.topic == self._kafka.topic}

    def create(self) -> bool:
        """Make the topic as the settings say, and that of the dead letters; False where it was there already.

        The broker stamps every record (``LogAppendTime``): validation measures a tick's age against that clock.
        """
        made = self._create(self._kafka.topic, self._kafka.partitions, largest=2**20)
        self._create(self._kafka.dead_letter_topic, 1, largest=2 * 2**20)  # the largest reject, with its headers
        return made

    def _create(self, name: str, partitions: int, *, largest: int) -> bool:
        topic = {
            "num_partitions": partitions,
            "replication_factor": self._kafka.replication_factor,
            "configs": {
                "message.timestamp.type": "LogAppendTime",
                "retention.ms": str(int(self._kafka.retention_hours * 3_600_000)),
                "max.message.bytes": str(largest),
            },
        }
        try:
            with _unavailable(f"topic {name}"):
                self._admin.create_topics({name: topic}, wait_for_metadata=True)
        except _AlreadyThere:
            return False
        return True

    def describe(self) -> dict[str, Any]:
        """What ``orderbook topics describe`` shows: partitions with leader, replicas and offsets."""
        identity = self.identity()
        bounds = self.bounds(identity.partitions)
        return {
            "topic": self._kafka.topic,
            "topic_id": identity.topic_id,
            "cluster_id": identity.cluster_id,
            "partitions": [
                {"partition": n, "start": b.start, "end": b.end, "leader_epoch": b.leader_epoch}
                for n, b in sorted(bounds.items())
            ],
        }


class _AlreadyThere(Exception):
    pass


@contextmanager
def _unavailable(what: str) -> Iterator[None]:
    try:
        yield
    except TopicAlreadyExistsError:
        raise _AlreadyThere from None
    except GroupAuthorizationFailedError as error:
        raise ConfigError(f"{what}: {error}") from error
    except (KafkaError, OSError) as error:
        told = error if isinstance(error, KafkaError) else f"{type(error).__name__}: {error}"  # theirs begin with it
        raise Unavailable(f"{what}: {told}") from error
