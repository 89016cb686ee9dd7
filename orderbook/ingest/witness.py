"""Whether what was read by a topic's name is the topic that a range was planned on: asked beside the judging."""

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor, wait

from orderbook.errors import Recreated
from orderbook.store.ledger.claims import Claim
from orderbook.stream.topics import TopicClient, TopicIdentity

Vouch = Callable[[Claim], None]  # blocks for the answer; raises ``Recreated`` or ``Unavailable``


class Witness:
    """Asks the cluster what the topic's name stands for, in a thread. Make one per process, after the fork."""

    def __init__(self, topic: Callable[[], TopicClient]) -> None:
        self._make_topic = topic
        self._topic: TopicClient | None = None  # of the thread, whenever a question is open
        self._thread = ThreadPoolExecutor(1, "witness")
        self._asked: Future[TopicIdentity] | None = None

    def ask(self) -> Vouch:
        """Ask now, after the records came by that name; returns at once, and what to call once they are judged."""
        asked = self._asked = self._thread.submit(self._identity)

        def vouch(claim: Claim) -> None:
            found = asked.result()
            if (found.cluster_id, found.topic_id) != (claim.cluster_id, claim.topic_id):
                raise Recreated(f"topic id {found.topic_id}, was {claim.topic_id}")

        return vouch

    def _identity(self) -> TopicIdentity:
        if self._topic is None:
            self._topic = self._make_topic()
        return self._topic.identity()

    def close(self) -> None:
        """Close the connections, after the answer to an open question; the next question makes new ones."""
        if self._asked is not None:
            wait([self._asked])
        if self._topic is not None:
            self._topic.close()
        self._topic = self._asked = None
