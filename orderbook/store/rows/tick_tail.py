"""Following stored ticks as they land, none missed and none twice.

``landed_at`` cannot be followed: it is the start of a transaction, and one that commits late would land behind what was
already shown. So the ledger is followed: a range and its rows become visible in one commit, and ranges tile the log. A
partition's floor is the offset below which all was shown; above it stand the few intervals that finished out of order.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from sqlalchemy import Connection, text

from orderbook.store.reader import StoredTick

NEWEST_PLACES = text("""
    SELECT generation_id, partition, origin, greatest(origin, committed - :back) FROM partition_cursor
    WHERE generation_id = (SELECT max(id) FROM topic_generation)
""")
SETTLED_ABOVE = text("""
    SELECT start_offset, end_offset, state = 'done' FROM offset_range
    WHERE generation_id = :generation AND partition = :partition AND end_offset > :floor AND state <> 'planned'
    ORDER BY start_offset
""")
TICKS_OF = text("""
    SELECT symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at,
           generation_id, kafka_partition, kafka_offset
    FROM ticks
    WHERE generation_id = :generation AND kafka_partition = :partition
      AND kafka_offset >= :start AND kafka_offset < :end
      AND (CAST(:symbol AS text) IS NULL OR symbol = :symbol)
    ORDER BY kafka_offset
""")


@dataclass(slots=True)
class Shown:
    """What was shown of one partition: all below ``floor``, and ``above`` it what finished out of order."""

    floor: int
    above: list[tuple[int, int]] = field(default_factory=list)  # disjoint, ascending

    def add(self, start: int, end: int) -> list[tuple[int, int]]:
        """Note that ``[start, end)`` is shown now; returns those parts of it that were not before."""
        new, at = [], max(start, self.floor)
        for known_start, known_end in self.above:
            if known_end <= at or known_start >= end:
                continue
            if at < known_start:
                new.append((at, known_start))
            at = max(at, known_end)
        if at < end:
            new.append((at, end))
        self.above = sorted([*self.above, *new])
        while self.above and self.above[0][0] <= self.floor:
            self.floor = max(self.floor, self.above.pop(0)[1])
        return new


class TickTail:
    """The stored ticks of the newest generation, from ``back`` offsets before each prefix; ``symbol`` None: of all."""

    def __init__(self, symbol: str | None = None, back: int = 0) -> None:
        self._symbol = symbol
        self._back = back
        self._shown: dict[tuple[int, int], Shown] | None = None

    def new(self, connection: Connection) -> Iterator[StoredTick]:
        """Yield the ticks that are visible in this snapshot and were not before, by partition and offset.

        The first call may yield the ``back`` offsets. Partitions and generations that appear later are shown whole.
        """
        first = self._shown is None
        shown = self._shown = self._shown or {}
        for generation, partition, origin, near_end in connection.execute(NEWEST_PLACES, {"back": self._back}):
            if (generation, partition) not in shown:
                shown[generation, partition] = Shown(near_end if first else origin)
        for (generation, partition), known in shown.items():
            place = {"generation": generation, "partition": partition}
            for start, end, done in connection.execute(SETTLED_ABOVE, {**place, "floor": known.floor}).all():
                for interval in known.add(start, end):
                    if done:
                        yield from self._ticks(connection, place, *interval)

    def _ticks(self, connection: Connection, place: dict[str, int], start: int, end: int) -> Iterator[StoredTick]:
        arguments = {**place, "start": start, "end": end, "symbol": self._symbol}
        for row in connection.execute(TICKS_OF, arguments):
            yield StoredTick(*row)
