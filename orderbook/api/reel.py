"""A replay as the live stream writes it: which items are due, what each looks like, and where a run is. No I/O."""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import groupby
from typing import Final, NamedTuple, Self

import orjson

from orderbook.live.quotes import instant_text
from orderbook.replay.source import Stretch
from orderbook.tick import from_microseconds

FRAME_ITEMS: Final = 1_000  # in one frame: 4 ms of the event loop
ENDED: Final = "end"  # in the place of the id's numbers: nothing comes after it

_TICK: Final = '"tick":'
_NUMBER: Final = re.compile(r'("(?:bid|ask)_(?:price|volume)":)(-?[\d.]+)')  # a symbol's quotes are escaped: no match
_ID: Final = re.compile(r"([0-9a-f]{12})-(?:(end)|(\d{1,18})-(\d{1,9}))", re.ASCII)


class Place(NamedTuple):
    """Up to where a run was sent: the instant of its last item, µs since 1970, and how many of that instant's items."""

    run: str
    at: int
    sent: int

    @classmethod
    def read(cls, text: str) -> Self | None:
        """The place that an event's id names; None for the id of an end. Raises ``ValueError`` for anything else."""
        found = _ID.fullmatch(text)
        if found is None:
            raise ValueError("not the id of a replay's event")
        return None if found[2] else cls(found[1], int(found[3]), int(found[4]))

    def __str__(self) -> str:
        return f"{self.run}-{self.at}-{self.sent}"


@dataclass
class Reel:
    """Turns stretches into frames of events, and counts and hashes them. ``speed`` None: all is due at once."""

    run: str
    speed: float | None
    resumed: Place | None = None
    ticks: int = 0
    gaps: int = 0

    def __post_init__(self) -> None:
        self._digest = sha256()
        self._stretch = Stretch([], [])
        self._next = 0
        self._first: int | None = None
        self.place = self.resumed

    @property
    def sha256(self) -> str:
        """Over the items of this answer, a line each, as ``orderbook replay`` hashes them."""
        return self._digest.hexdigest()

    def load(self, stretch: Stretch) -> None:
        """Go on with a stretch, once the one before is through. What a resumed run has sent already is passed over."""
        self._stretch, self._next = stretch, 0
        if self.resumed is not None:
            begin = bisect_left(stretch.times, self.resumed.at)
            end = bisect_right(stretch.times, self.resumed.at)
            self._next = min(end, begin + self.resumed.sent)
        if self._first is None and self._next < len(stretch.times):
            self._first = stretch.times[self._next]

    @property
    def is_through(self) -> bool:
        """Whether all of the loaded stretch was sent."""
        return self._next == len(self._stretch.times)

    def wait_seconds(self, elapsed: float) -> float:
        """How long until the next item is due, ``elapsed`` seconds after the first one was; below 0: it is late."""
        if self.speed is None or self._first is None:
            return 0.0
        return (self._stretch.times[self._next] - self._first) / 1e6 / self.speed - elapsed

    def instant(self, elapsed: float) -> int | None:
        """The instant up to which everything was sent, in µs since 1970; None before the first item."""
        if self._first is None or self.place is None:
            return None
        if self.speed is None or self.is_through:
            return self.place.at
        due = self._first + int(elapsed * self.speed * 1e6)
        return max(self.place.at, min(due, self._stretch.times[self._next]))

    def frame(self, elapsed: float) -> bytes:
        """The events of what is due by now, a thousand items at most; empty where nothing is."""
        times, start = self._stretch.times, self._next
        due = len(times)
        if self.speed is not None and self._first is not None:
            due = bisect_right(times, self._first + elapsed * self.speed * 1e6, start)
        end = min(due, start + FRAME_ITEMS)
        if end == start:
            return b""
        items = self._stretch.items[start:end]
        self._digest.update("".join(f"{item}\n" for item in items).encode())
        self._next = end
        return b"".join(self._events(items, start))

    def _events(self, items: Sequence[str], start: int) -> Iterator[bytes]:
        for are_ticks, group in groupby(items, lambda item: item.startswith(_TICK)):
            found = list(group)
            if are_ticks:
                yield self._event(
                    "ticks", f'{{"run":"{self.run}","ticks":[{self._quotes(found)}],"skipped":0}}', start, len(found)
                )
                self.ticks += len(found)
            else:
                for number, item in enumerate(found):
                    yield self._event("gap", notice(item, self.run), start + number, 1)
                self.gaps += len(found)
            start += len(found)

    def _quotes(self, items: list[str]) -> str:
        tail = f',"ticks":1,"run":"{self.run}"}}'
        text = ",".join(f"{item[len(_TICK) : -1]}{tail}" for item in items)
        return _NUMBER.sub(r'\1"\2"', text)

    def _event(self, kind: str, text: str, start: int, count: int) -> bytes:
        times, last = self._stretch.times, start + count - 1
        self.place = Place(self.run, times[last], last + 1 - bisect_left(times, times[last]))
        return event(kind, str(self.place), text)


def notice(item: str, run: str) -> str:
    """A gap as the live stream tells it, of what is known of it without its life."""
    found = orjson.loads(item[item.index(":") + 1 :])
    first, last, after = found.pop("first"), found.pop("last"), found["after_time"] or None
    seconds = None
    if after is not None:
        seconds = (datetime.fromisoformat(found["event_time"]) - datetime.fromisoformat(after)).total_seconds()
    more = {"first_sequence": first, "last_sequence": last, "after_time": after, "seconds": seconds, "run": run}
    return orjson.dumps(found | more).decode()


def event(kind: str, identity: str, text: str) -> bytes:
    """A server-sent event."""
    return f"id: {identity}\nevent: {kind}\ndata: {text}\n\n".encode()


def instant_at(microseconds: int | None) -> str | None:
    """An instant as answers write it."""
    return None if microseconds is None else instant_text(from_microseconds(microseconds))
