"""The store of sequence ids as a whole: what is due, one partition at a time, what came late, what is confirmed."""

from contextlib import AbstractContextManager

from sqlalchemy import Engine

from orderbook.store.completeness import sequence_events, stitching
from orderbook.store.completeness.stitching import PartitionStitching


class Sequences:
    """Sequence ids in Postgres; each method is a transaction of its own, or several. Raises ``Unavailable``."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def due(self) -> dict[tuple[int, int], int]:
        """Generation and partition of what has finished ranges to stitch, and the offset before which they end."""
        return stitching.due(self._engine)

    def partition(self, generation: int, partition: int) -> AbstractContextManager[PartitionStitching | None]:
        """One transaction over a partition; None where another process stitches it."""
        return stitching.stitching(self._engine, generation, partition)

    def apply_late_fills(self) -> int:
        """Take the ids of requeued ticks out of the gaps around them; returns how many ticks were looked at."""
        return sequence_events.apply_late_fills(self._engine)

    def confirm_gaps(self, age_seconds: float) -> int:
        """Confirm the gaps that stayed open for so long; returns how many."""
        return sequence_events.confirm_gaps(self._engine, age_seconds)
