"""Single fetch requests, over kafka-python's connections and metadata: no consumer, no thread."""

from collections.abc import Callable
from typing import Any, NamedTuple

from kafka import TopicPartition
from kafka.errors import LeaderNotAvailableError, NoError, for_code
from kafka.net.compat import KafkaNetClient
from kafka.protocol.consumer import FetchRequest, IsolationLevel

from orderbook.sections import KafkaSettings
from orderbook.stream.connection import connected
from orderbook.stream.record_batches import Aborted

_NEWEST_VERSION = 12  # later ones name topics by their ids
_NO_SESSION, _NO_EPOCH = 0, -1
_LONGEST_WAIT_MS = 120_000  # for an answer: one that was asked for ahead lies there while the range before it lands
_WAIT_MS = 100  # that a broker waits where there are no records
_NOBODY = (None, -1)  # leads a partition
_LONGEST_ANSWER = 2**30  # bytes: one batch is sent whole, however large it is


Wait = Callable[[Callable[..., None], Any], None]  # polls until the future is done


class Answer(NamedTuple):
    """What the leader says of a partition."""

    records: bytes  # batches, as ``record_batches`` reads them
    aborted: list[Aborted]
    stable_end: int  # the last stable offset


class PartitionReader:
    """Asks the leaders of one topic's partitions for records. Not fork-safe. Raises ``KafkaError``, ``OSError``."""

    def __init__(self, kafka: KafkaSettings) -> None:
        self._topic = kafka.topic
        timeout_ms = int(kafka.request_timeout_seconds * 1000)

        def bare(kafka_client: Callable[..., KafkaNetClient], **configs: Any) -> KafkaNetClient:
            made = kafka_client(**configs)
            made.cluster.config["allow_auto_create_topics"] = False
            made._manager.bootstrap_async(timeout_ms)  # noqa: SLF001 - else what follows begins it, without a limit
            made.cluster.add_topic(self._topic)  # so it is known from the first answer on
            made.get_broker_version(timeout_ms)  # which is to reach some broker
            return made

        self._client = connected(bare, kafka, request_timeout_ms=timeout_ms, receive_message_max_bytes=_LONGEST_ANSWER)
        self._manager = self._client._manager  # noqa: SLF001 - their client has no time limit of a request

    def send(self, partition: int, offset: int, most_bytes: int, wait: Wait) -> Any:
        """Ask for the records from the offset on: about so many bytes, but one batch at least. Returns a future.

        Raises ``LeaderNotAvailableError``, and why no request can be sent.
        """
        leader = self._leader(TopicPartition(self._topic, partition), wait)
        request = self._request(partition, offset, most_bytes)
        return self._manager.send(request, node_id=leader, request_timeout_ms=_LONGEST_WAIT_MS)

    def answer(self, future: Any) -> Answer:
        """What came of a request that is done.

        Raises what the leader answers, or what kept it from answering. An error that is ``retriable`` may be gone soon.
        """
        if future.exception is not None:
            raise future.exception
        ((found,),) = [topic.partitions for topic in future.value.responses]
        error = for_code(found.error_code)
        if error is not NoError:
            raise error(f"{self._topic} {found.partition_index}")
        aborted = [Aborted(each.producer_id, each.first_offset) for each in found.aborted_transactions or ()]
        return Answer(found.records or b"", aborted, found.last_stable_offset)

    def look_again(self) -> None:
        """Have the metadata asked anew: a leader may have moved."""
        self._manager.cluster.request_update()

    def poll(self, seconds: float, future: Any = None) -> None:
        """Do what the connections have to do, for so long, or until the future is done."""
        self._client.poll(timeout_ms=seconds * 1000, future=future)

    def _leader(self, place: TopicPartition, wait: Wait) -> Any:
        cluster = self._manager.cluster
        if cluster.leader_for_partition(place) in _NOBODY:
            wait(self.poll, cluster.request_update())
            if cluster.leader_for_partition(place) in _NOBODY:
                raise LeaderNotAvailableError(f"{self._topic} {place.partition}")
        return cluster.leader_for_partition(place)

    def _request(self, partition: int, offset: int, most_bytes: int) -> FetchRequest:
        wanted = FetchRequest.FetchTopic.FetchPartition(
            partition=partition,
            current_leader_epoch=_NO_EPOCH,
            fetch_offset=offset,
            last_fetched_epoch=_NO_EPOCH,
            partition_max_bytes=most_bytes,
        )
        return FetchRequest(
            max_wait_ms=_WAIT_MS,
            min_bytes=1,
            max_bytes=most_bytes,
            isolation_level=IsolationLevel.READ_COMMITTED,
            session_id=_NO_SESSION,
            session_epoch=_NO_EPOCH,
            topics=[FetchRequest.FetchTopic(topic=self._topic, partitions=[wanted])],
            forgotten_topics_data=[],
            rack_id="",
            min_version=FetchRequest.min_version_for_isolation_level(IsolationLevel.READ_COMMITTED),
            max_version=_NEWEST_VERSION,
        )

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
