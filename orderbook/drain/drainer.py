"""One pass of the drainer: ask Kafka how far the log is, cut it into ranges, hint them to workers, project the prefix.

Any number of drainers may run at once. What a pass decides is durable when its partition's transaction commits; the
hints and the group offset that follow may be lost without harm.
"""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from itertools import zip_longest

import structlog

from orderbook.clock import monotonic
from orderbook.crashpoints import crashpoint
from orderbook.drain.policy import CutPolicy, assess, cut, prefix
from orderbook.errors import Unavailable
from orderbook.logs import Outage, range_label
from orderbook.store.ledger.ledger import Generation, Ledger
from orderbook.store.ledger.partition_ledger import PartitionLedger
from orderbook.stream.topics import LogBounds, TopicClient, TopicIdentity

log = structlog.get_logger(__name__)

IDLE_SECONDS = 0.25  # drained more recently than this: nothing to do
PROJECT_AGAIN_SECONDS = 10.0  # a group offset may be deleted or moved by others


@dataclass(frozen=True, slots=True)
class Timing:
    """The drainer's clock settings, in seconds."""

    lease_seconds: float = 10
    hint_again_seconds: float = 5


@dataclass(slots=True)
class Pass:
    """What one pass saw and did."""

    asked: datetime
    generation: Generation
    bounds: dict[int, LogBounds]
    room: int  # hints that may still be sent
    hints: int = 0
    later: list[list[int]] = field(default_factory=list)  # due ranges by partition, their first one apart
    prefixes: dict[int, int] = field(default_factory=dict)


class Drainer:
    """Cuts one topic into ranges. Make one per process; ``run`` is one pass.

    ``send`` hints a range to the workers, ``queued`` counts the hints that wait: both may raise ``Unavailable``.
    """

    def __init__(
        self,
        ledger: Ledger,
        connect: Callable[[], TopicClient],
        send: Callable[[int], None],
        queued: Callable[[], int],
        *,
        topic: str,
        policy: CutPolicy,
        timing: Timing,
    ) -> None:
        self._ledger = ledger
        self._connect = connect
        self._send = send
        self._queued = queued
        self._topic = topic
        self._policy = policy
        self._timing = timing
        self._client: TopicClient | None = None
        self._partitions: tuple[int, ...] = ()  # of the topic, as the client last told
        self._broker_away = Outage(log, "hints wait for the broker")
        self._projection_refused = Outage(log, "group offset not stored")
        self._projected: dict[int, int] = {}
        self._projected_at = float("-inf")

    def run(self) -> Pass | None:
        """One pass over all partitions; None where another was here a moment ago. Raises ``Unavailable``."""
        before = self._ledger.standing(IDLE_SECONDS)
        if before.drained_just_now:
            return None
        try:
            bounds, identity = self._ask_kafka()
        except Unavailable:
            self.close()
            raise
        generation = self._generation(identity, bounds, before.generation)
        if not _is_of(generation, identity):
            self._halt_all(generation, identity)
            return None
        if not before.partitions >= bounds.keys():
            added = self._ledger.add_partitions(generation.id, identity.partitions)
            if added:
                log.info("partitions added", partitions=added)
        done = Pass(before.asked, generation, bounds, self._room(len(identity.partitions)))
        done.prefixes |= self._pass_idle(done)
        busy = bounds.keys() - done.prefixes.keys()
        for partition in random.sample(sorted(busy), len(busy)):
            self._drain_partition(done, partition)
        self._hint_later(done)
        self._project(done.prefixes)
        return done

    def _ask_kafka(self) -> tuple[dict[int, LogBounds], TopicIdentity]:
        if self._client is None:
            self._client = self._connect()
        if not self._partitions:
            self._partitions = self._client.identity().partitions
        bounds = self._client.bounds(self._partitions)
        identity = self._client.identity()  # asked last: it vouches for the bounds
        if identity.partitions != self._partitions:
            self._partitions = identity.partitions
            return self._ask_kafka()
        return bounds, identity

    def close(self) -> None:
        """Close the connection to Kafka; the next pass makes a new one."""
        if self._client is not None:
            self._client.close()
        self._client, self._partitions = None, ()

    def _generation(
        self, identity: TopicIdentity, bounds: dict[int, LogBounds], known: Generation | None
    ) -> Generation:
        if known is not None and _is_of(known, identity):
            return known
        found = self._ledger.newest_generation()  # asked again: an operator may have adopted one meanwhile
        if found is None:
            origins = {partition: at.start for partition, at in bounds.items()}
            self._ledger.begin_first_generation(identity.cluster_id, self._topic, identity.topic_id, origins)
            log.info("reading begins", topic=self._topic, topic_id=identity.topic_id, origins=origins)
            found = self._ledger.newest_generation()
            assert found is not None
        return found

    def _pass_idle(self, done: Pass) -> dict[int, int]:
        log_ends = {number: (at.start, at.end, at.leader_epoch) for number, at in done.bounds.items()}
        return self._ledger.pass_idle(done.generation.id, log_ends, done.asked, self._timing.lease_seconds)

    def _halt_all(self, generation: Generation, identity: TopicIdentity) -> None:
        detail = f"topic id {identity.topic_id} in cluster {identity.cluster_id}, was {generation.topic_id}"
        for partition in self._ledger.partitions(generation.id):
            with self._ledger.partition(generation.id, partition) as ledger:
                if ledger.halt("recreated", detail):
                    log.error("partition halted", topic=self._topic, partition=partition, reason="recreated")

    def _room(self, partitions: int) -> int:
        try:
            queued = self._queued()
        except Unavailable as error:
            self._broker_away.goes_on(error)
            return 0
        self._broker_away.is_over()
        return max(0, self._policy.max_open * partitions - queued)

    def _drain_partition(self, done: Pass, partition: int) -> None:
        with self._ledger.partition(done.generation.id, partition) as ledger:
            due = self._plan(done, partition, ledger)
            crashpoint("drain_before_commit")
        crashpoint("drain_after_commit")
        if due and self._hint(due[0]):
            done.later.append(due[1:])
        done.room -= len(due)
        done.hints += len(due)

    def _plan(self, done: Pass, partition: int, ledger: PartitionLedger) -> list[int]:
        cursor = ledger.lock_cursor(done.asked, self._timing.lease_seconds)
        if cursor is None or cursor.halted_reason or cursor.answers_too_old:
            return []
        bounds = done.bounds[partition]
        ranges = ledger.open_ranges()
        verdict = assess(cursor, bounds)
        if verdict.halt:
            ledger.halt(verdict.halt, verdict.detail)
            log.error("partition halted", topic=self._topic, partition=partition, reason=verdict.halt)
            return []
        if verdict.low:
            ledger.count_low_pass()
            return []
        planned = cursor.planned
        if bounds.start > prefix(cursor, ranges):
            planned = self._lose(partition, ledger, planned, bounds.start)
        for start, end in cut(planned, verdict.end, len(ranges), self._policy):
            ledger.add(start, end, epoch=bounds.leader_epoch)
            log.debug("range planned", range=range_label(self._topic, partition, start, end))
            planned = end
        done.prefixes[partition] = ledger.move_cursor(planned, prefix(cursor, ranges))
        for held in ledger.end_overdue_holders() if any(r.overdue for r in ranges) else ():
            label = range_label(self._topic, partition, *held)
            log.warning("a worker outlived its lease: its connection was ended", range=label)
        return ledger.take_due(done.room, self._timing.hint_again_seconds) if ranges or planned > cursor.planned else []

    def _lose(self, partition: int, ledger: PartitionLedger, planned: int, log_start: int) -> int:
        """Mark what the log no longer has, with an alarm; returns how far the partition is planned then."""
        lost = [ledger.lose(free, log_start) for free in ledger.free_ranges_below(log_start)]
        if planned < log_start:
            ledger.add(planned, log_start, state="lost")
            lost.append((planned, log_start))
        for start, end in lost:
            ledger.alarm("lost", f"the log begins at {log_start}", start, end)
            log.error("offsets lost", range=range_label(self._topic, partition, start, end))
        return max(planned, log_start)

    def _hint_later(self, done: Pass) -> None:
        # the partitions in turn: whoever takes a range goes on with those that follow, and two that take turns in one
        # partition read ahead for each other in vain
        for ranges in zip_longest(*done.later):
            for range_id in ranges:
                if range_id is not None and not self._hint(range_id):
                    return

    def _hint(self, range_id: int) -> bool:
        try:
            self._send(range_id)
        except Unavailable as error:
            self._broker_away.goes_on(error)
            return False
        return True

    def _project(self, prefixes: dict[int, int]) -> None:
        if not prefixes or self._client is None:
            return
        now = monotonic()
        if now - self._projected_at < PROJECT_AGAIN_SECONDS and prefixes.items() <= self._projected.items():
            return
        try:
            self._client.project(prefixes)
        except Unavailable as error:
            self._projection_refused.goes_on(error)
            return
        self._projection_refused.is_over()
        crashpoint("drain_after_projection")
        self._projected = {**self._projected, **prefixes}
        self._projected_at = now


def _is_of(generation: Generation, identity: TopicIdentity) -> bool:
    return (identity.cluster_id, identity.topic_id) == (generation.cluster_id, generation.topic_id)
