"""Stitching: the summaries of finished ranges, in log order, to chains and events. Any number may run at once."""

from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass

import pyarrow as pa

from orderbook.clock import monotonic
from orderbook.completeness.chain import ChainFollower, StallRule, may_go_back
from orderbook.completeness.summary import Summariser
from orderbook.profiles import Profiles
from orderbook.sequence import Chain, Rule, Section, SequenceEvent, SymbolSummary
from orderbook.sessions import open_seconds
from orderbook.store.completeness.sequence_events import save_events, unfilled
from orderbook.store.completeness.sequences import Sequences
from orderbook.store.completeness.stitching import PartitionStitching, TickRows
from orderbook.store.ledger.landing import TICKS
from orderbook.tick import from_microseconds

SETTLE_SECONDS = 5.0


@dataclass(frozen=True, slots=True)
class Stitched:
    """What one pass did."""

    ranges: int
    events: dict[str, int]  # found, by kind
    confirmed: int


class Stitcher:
    """Stitches what lies below the prefix, for at most ``seconds``; the next pass goes on.

    A pass that follows another within ``pause_seconds`` returns at once: a day of beats with no worker costs little.
    """

    def __init__(
        self,
        store: Sequences,
        profiles: Profiles,
        *,
        confirm_after_seconds: float,
        pause_seconds: float = 0,
        seconds: float = 20,
    ) -> None:
        self._store = store
        self._profiles = profiles
        self._summariser = Summariser(profiles)
        self._confirm_after_seconds = confirm_after_seconds
        self._pause_seconds = pause_seconds
        self._seconds = seconds
        self._ended = self._settled = float("-inf")

    def run(self) -> Stitched:
        """One pass over all partitions. Raises ``Unavailable``; what was stitched before that stays."""
        if monotonic() - self._ended < self._pause_seconds:
            return Stitched(0, {}, 0)
        deadline = monotonic() + self._seconds
        ranges, events = 0, Counter[str]()
        goals = self._store.due()  # what lands meanwhile is left to the next pass, or this one would never end
        while goals and monotonic() < deadline:
            for place, goal in list(goals.items()):
                with self._store.partition(*place) as open_partition:
                    done = 0 if open_partition is None else self._stitch(open_partition, events)
                ranges += done
                if open_partition is None or not done or open_partition.stitched >= goal:
                    del goals[place]
        confirmed = self._settle()
        self._ended = monotonic()
        return Stitched(ranges, dict(events), confirmed)

    def _settle(self) -> int:
        """Fill gaps with what was requeued, and confirm old ones; returns how many. Neither is in a hurry."""
        if monotonic() - self._settled < SETTLE_SECONDS:
            return 0
        self._settled = monotonic()
        self._store.apply_late_fills()
        return self._store.confirm_gaps(self._confirm_after_seconds)

    def _stitch(self, store: PartitionStitching, events: Counter[str]) -> int:
        """The next ranges of one partition; returns how many."""
        stretches = store.stretches(self._summarise)
        if not stretches:
            return 0
        sections: dict[str, list[tuple[Rule, Section]]] = defaultdict(list)
        hours: Counter[tuple[str, int]] = Counter()
        for summary in (entry for stretch in stretches for entry in stretch.summary):
            sections[summary.symbol] += [(summary.rule, section) for section in summary.sections]
            for hour, ticks in summary.hours:
                hours[summary.symbol, hour] += ticks
        chains = store.chains(sections)
        followers = [self._follow(store, symbol, chains.get(symbol), sections[symbol]) for symbol in sorted(sections)]
        found = [event for follower in followers for event in follower.found.values()]
        save_events(store, found, (gap for follower in followers for gap in follower.changed.values()))
        store.save([f.chain for f in followers if f.chain is not None], hours, stretches[-1].end)
        events.update(event.kind for event in found)
        return len(stretches)

    def _follow(
        self, store: PartitionStitching, symbol: str, chain: Chain | None, sections: list[tuple[Rule, Section]]
    ) -> ChainFollower:
        gaps: list[SequenceEvent] = []
        if chain is not None and may_go_back(chain, (section for _, section in sections)):
            ids = min(section.first for _, section in sections), max(section.last for _, section in sections)
            gaps = unfilled(store, symbol, chain.epoch_offset, ids)
        follower = ChainFollower(symbol, chain, gaps, self._stall_rule(symbol))
        for rule, section in sections:
            follower.take(section, rule)
        return follower

    def _stall_rule(self, symbol: str) -> StallRule | None:
        profile = self._profiles.of(symbol)
        patience, sessions = profile.stale_after_seconds, profile.sessions
        if patience is None:
            return None

        def stalled(before: int, after: int) -> bool:
            if after - before <= patience * 1_000_000:
                return False
            return open_seconds(sessions, from_microseconds(before), from_microseconds(after)) > patience

        return stalled

    def _summarise(self, rows: TickRows) -> list[SymbolSummary]:
        return self._summariser.summarise(_columns(rows))


def _columns(rows: TickRows) -> pa.Table:
    names = ("symbol", "event_time", "sequence_id", "kafka_offset")
    columns: Iterable[tuple[object, ...]] = zip(*rows, strict=True)
    return pa.table({n: pa.array(c, TICKS.field(n).type) for n, c in zip(names, columns, strict=True)})
