"""Playing the past: when each item is due, what was sent, and its hash. Clock, wait and sink are arguments."""

from array import array
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from typing import Protocol

from orderbook.errors import ConfigError
from orderbook.replay.items import gaps, lines
from orderbook.replay.source import Stretch

SLOWEST, FASTEST = 0.1, 1000.0


class Sink(Protocol):
    """Where a replay goes."""

    def send(self, items: Sequence[str]) -> None:
        """Send items, in order; blocks while the receiver is slow."""
        ...

    def finish(self) -> None:
        """Wait until all is sent for good."""
        ...


@dataclass(frozen=True, slots=True)
class Due:
    """Items of one instant, or without a pace of a whole stretch. ``seconds``: due so long after the first one.

    ``at``: the instant of the last of them, in µs since 1970.
    """

    seconds: float
    at: int
    items: Sequence[str]


def schedule(stretches: Iterable[Stretch], speed: float | None) -> Iterator[Due]:
    """Yield everything in order, with the time at which it is due; ``speed`` None: all of it at once.

    Pure: who sends it waits, in whatever way, and may leave at any time.
    """
    first: int | None = None
    for stretch in stretches:
        times = stretch.times
        first = times[0] if first is None else first
        if speed is None:
            yield Due(0.0, times[-1], stretch.items)
            continue
        items, start = list(stretch.items), 0
        for end in range(1, len(times) + 1):
            if end == len(times) or times[end] != times[start]:
                yield Due((times[start] - first) / 1e6 / speed, times[start], items[start:end])
                start = end


@dataclass(slots=True)
class Played:
    """What was sent. ``sha256``: over the items, a line each; equal for equal input, whatever the run and the speed."""

    ticks: int = 0
    gaps: int = 0
    last: int | None = None  # the instant of the last one, in µs since 1970
    seconds: float = 0.0  # with what reading took before the first one
    sha256: str = ""
    errors: "array[float]" = field(default_factory=lambda: array("f"))  # seconds after each item was due; paced only

    def late(self, share: float) -> float:
        """The pacing error that this share of the items stay below, in seconds."""
        ordered = sorted(self.errors)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else 0.0


def play(
    stretches: Iterable[Stretch],
    sink: Sink,
    speed: float | None,
    *,
    clock: Callable[[], float],
    wait: Callable[[float], bool],
) -> Played:
    """Send everything, each item when it is due, and return what was sent.

    ``wait`` sleeps for some seconds and says whether to go on. What fell behind is sent at once, nothing is left out.
    Durable, as far as the sink is, when this returns.
    """
    played, digest, called, began = Played(), sha256(), clock(), 0.0
    for due in schedule(stretches, speed):
        if not played.ticks + played.gaps:
            began = clock()
        if speed is not None and not wait(max(0.0, began + due.seconds - clock())):
            break
        sink.send(due.items)
        if speed is not None:
            played.errors.extend([clock() - began - due.seconds] * len(due.items))
        for piece in lines(due.items, "", "\n"):
            digest.update(piece)
        told = gaps(due.items)
        played.gaps, played.ticks = played.gaps + told, played.ticks + len(due.items) - told
        played.last = due.at
    sink.finish()
    played.seconds, played.sha256 = clock() - called, digest.hexdigest()
    return played


def parse_speed(text: str) -> float | None:
    """``0.1`` to ``1000``, ``x10``, or ``max`` for None. Raises ``ConfigError``."""
    if text == "max":
        return None
    try:
        speed = float(text.removeprefix("x"))
    except ValueError:
        speed = 0.0
    if not SLOWEST <= speed <= FASTEST:
        raise ConfigError(f"--speed {text!r}: write {SLOWEST:g} to {FASTEST:g}, or max")
    return speed
