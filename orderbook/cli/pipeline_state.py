"""What ``orderbook status`` shows: one look at Postgres and Kafka, and the screen made of it."""

import io
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from types import TracebackType
from typing import Self

from orderbook.cli.output import table_lines
from orderbook.cli.services import silence_kafka
from orderbook.clock import monotonic, utc_now
from orderbook.config import settings
from orderbook.errors import Unavailable
from orderbook.store.reader import Reader, newest_ticks
from orderbook.store.readers.ledger import Alarm, CursorState, Landed, landed, newest_cursors, open_alarms
from orderbook.store.readers.quarantine import open_rejects_by_reason
from orderbook.stream.topics import TopicClient

REST = 50  # counting a large quarantine takes at most a fiftieth of Postgres' time
FRESH = timedelta(days=1)  # a newest tick older than this is not looked for: each day more costs a probe per symbol


@dataclass(frozen=True, slots=True)
class PartitionState:
    """One partition as the ledger and Kafka know it; ``end`` and lag are unknown while Kafka is away."""

    partition: int
    planned: int
    committed: int
    end: int | None
    lag_messages: int | None
    open_ranges: int
    held_ranges: int
    most_deaths: int
    drained_seconds_ago: float | None
    halted_reason: str | None


@dataclass(frozen=True, slots=True)
class PipelineState:
    """One look."""

    topic: str
    partitions: list[PartitionState]
    landed: Landed
    newest_tick_seconds_ago: float | None
    rejects: dict[str, int]
    alarms: int
    newest_alarms: list[Alarm]
    kafka_error: str | None


@dataclass(slots=True)
class Rested:
    """Counts that cost much: made again only after ``REST`` times as long as it took."""

    clock: Callable[[], float] = monotonic
    _known: dict[str, int] = field(default_factory=dict)
    _due: float = float("-inf")

    def value(self, count: Callable[[], dict[str, int]]) -> dict[str, int]:
        """The counts, made anew where they are due."""
        began = self.clock()
        if began >= self._due:
            self._known = count()
            ended = self.clock()
            self._due = ended + REST * (ended - began)
        return self._known


class Source:
    """Looks at the services; reconnects by itself."""

    def __init__(self) -> None:
        self._reader = Reader()
        self._topic: TopicClient | None = None
        self._rejects = Rested()

    def read(self) -> PipelineState:
        """One look. Raises ``Unavailable`` where Postgres is away; of Kafka it only says so."""
        ends, kafka_error = self._ends()
        with self._reader.snapshot() as connection:
            cursors = newest_cursors(connection)
            counts = landed(connection)
            rejects = self._rejects.value(lambda: open_rejects_by_reason(connection))
            alarms, newest_alarms = open_alarms(connection)
            newest = newest_ticks(connection, utc_now() - FRESH)
        ages = [(utc_now() - tick.event_time).total_seconds() for tick in newest]
        return PipelineState(
            topic=settings().kafka.topic,
            partitions=[_partition(cursor, ends.get(cursor.partition)) for cursor in cursors],
            landed=counts,
            newest_tick_seconds_ago=min(ages, default=None),
            rejects=rejects,
            alarms=alarms,
            newest_alarms=newest_alarms,
            kafka_error=kafka_error,
        )

    def _ends(self) -> tuple[dict[int, int], str | None]:
        try:
            if self._topic is None:
                silence_kafka()
                self._topic = TopicClient(settings().kafka)
            bounds = self._topic.bounds(self._topic.identity().partitions)
        except Unavailable as error:
            self._disconnect()
            return {}, str(error)
        return {number: at.end for number, at in bounds.items()}, None

    def _disconnect(self) -> None:
        if self._topic is not None:
            self._topic.close()
            self._topic = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._disconnect()
        self._reader.close()


def _partition(cursor: CursorState, end: int | None) -> PartitionState:
    return PartitionState(
        partition=cursor.partition,
        planned=cursor.planned,
        committed=cursor.committed,
        end=end,
        lag_messages=None if end is None else max(0, end - cursor.committed),
        open_ranges=cursor.open_ranges,
        held_ranges=cursor.held_ranges,
        most_deaths=cursor.most_deaths,
        drained_seconds_ago=cursor.drained_seconds_ago,
        halted_reason=cursor.halted_reason,
    )


COLUMNS = ("partition", "end", "planned", "committed", "lag", "open", "held", "drained", "")


def screen(state: PipelineState) -> str:
    """The state as text of one screen."""
    out = io.StringIO()
    out.write(f"{state.topic}: {_lag(state)}\n\n")
    rows = [
        [p.partition, p.end, p.planned, p.committed, p.lag_messages, p.open_ranges, p.held_ranges,
         _ago(p.drained_seconds_ago), f"halted: {p.halted_reason}" if p.halted_reason else ""]
        for p in state.partitions
    ]  # fmt: skip
    if rows:
        out.writelines(f"{line}\n" for line in table_lines(COLUMNS, rows))
    else:
        out.write("No drainer has run yet: start a worker and a beat.\n")
    out.write(f"\n{_counts(state)}\n")
    for alarm in state.newest_alarms:
        out.write(
            f"ALARM {alarm.id}  {alarm.raised_at:%Y-%m-%d %H:%M:%S}  {alarm.kind}{_place(alarm)}  {alarm.detail}\n"
        )
    if state.alarms > len(state.newest_alarms):
        out.write(f"and {state.alarms - len(state.newest_alarms)} alarms more\n")
    if state.kafka_error:
        out.write("Kafka is away: ends and lag are not known\n")
    return out.getvalue()


def _lag(state: PipelineState) -> str:
    known = [p.lag_messages for p in state.partitions if p.lag_messages is not None]
    lag = f"{sum(known):,} messages behind" if known or not state.partitions else "lag not known"
    return f"{lag}, {state.landed.ok_per_second:,.1f} ticks a second over the last 10 s"


def _counts(state: PipelineState) -> str:
    counts = state.landed
    rejects = ", ".join(f"{reason} {count:,}" for reason, count in state.rejects.items())
    lines = [
        f"ticks        {counts.ok:,}   newest {_ago(state.newest_tick_seconds_ago)}, "
        f"landed {_ago(counts.last_landed_seconds_ago)}",
        f"quarantine   {counts.bad:,}" + (f"   open: {rejects}" if rejects else ""),
        f"lost         {counts.lost:,}   empty offsets {counts.gaps:,}",
    ]
    if counts.open_in_older_generations:
        lines.append(
            f"open ranges of an earlier topic: {counts.open_in_older_generations} "
            "(orderbook ranges resume --new-generation gives them up)"
        )
    return "\n".join(lines)


def _place(alarm: Alarm) -> str:
    if alarm.partition is None:
        return ""
    offsets = "" if alarm.start_offset is None else f"/{alarm.start_offset}-{(alarm.end_offset or 0) - 1}"
    return f"  partition {alarm.partition}{offsets}"


def _ago(seconds: float | None) -> str:
    if seconds is None:
        return "never"
    if seconds < 60:
        return f"{seconds:.1f} s ago"
    return f"{seconds / 60:.0f} min ago" if seconds < 7_200 else f"{seconds / 3_600:.0f} h ago"
