"""The judgement of sequence ids, tick by tick, with every id remembered: slow, plain, written apart from the code."""

from dataclasses import dataclass, field
from typing import NamedTuple


class Tick(NamedTuple):
    """What the judgement sees of a tick."""

    offset: int
    id: int
    time: int


@dataclass
class Found:
    """An event, as far as the oracle knows it."""

    first: int
    last: int
    count: int
    missing: set[int] = field(default_factory=set)


Events = dict[tuple[str, int], Found]  # by kind and offset


class Oracle:
    """One symbol in one partition."""

    def __init__(self, rule: str, patience: int | None) -> None:
        self.rule = rule
        self.patience = patience
        self.events: Events = {}
        self.seen: set[int] = set()
        self.holes: dict[int, int] = {}  # missing id -> offset of its gap
        self.previous: Tick | None = None
        self.newest = 0
        self.run = self.run_first = 0

    def take(self, tick: Tick) -> None:
        previous, newest = self.previous, self.newest
        self.previous, self.newest = tick, max(tick.time, newest)
        if previous is None:
            self._begin(tick)
            return
        if self.patience is not None and tick.time - newest > self.patience:
            self.events["stall", tick.offset] = Found(previous.id, tick.id, 1)
        if self.rule == "none":
            return
        if tick.id != previous.id + 1 if self.rule == "+1" else tick.id <= previous.id:
            if tick.id < max(self.seen) and tick.id not in self.holes and tick.time > newest:
                self._begin(tick)
                self.events["reset", tick.offset] = Found(previous.id, tick.id, 1)
                return
            self.run, self.run_first = tick.offset, tick.id
        (self._plus_one if self.rule == "+1" else self._increasing)(tick.id)

    def _begin(self, tick: Tick) -> None:
        self.seen, self.holes = {tick.id}, {}
        self.lowest = tick.id
        self.run, self.run_first = tick.offset, tick.id

    def _plus_one(self, number: int) -> None:
        highest = max(self.seen)
        if number > highest + 1:
            missing = set(range(highest + 1, number))
            self.events["gap", self.run] = Found(highest + 1, number - 1, len(missing), missing)
            self.holes.update(dict.fromkeys(missing, self.run))
        if number in self.holes:
            self.events["gap", self.holes.pop(number)].missing.remove(number)
        elif number < self.lowest:
            self._more("reorder", number)
            return
        elif number in self.seen:
            self._more("repeat", number)
        self.seen.add(number)

    def _increasing(self, number: int) -> None:
        highest = max(self.seen)
        if number <= highest and self.run == self.previous.offset:  # type: ignore[union-attr]
            self.events["repeat" if number == highest else "reorder", self.run] = Found(number, number, 1)
        self.seen.add(number)

    def _more(self, kind: str, number: int) -> None:
        known = self.events.get((kind, self.run))
        if known is None:
            self.events[kind, self.run] = Found(number, number, 1)
        else:
            known.last, known.count = number, known.count + 1
