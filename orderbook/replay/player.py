"""Playing the past: when each item is due, what was sent, and its hash. Clock, wait and sink are arguments."""

from array import array
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import islice
from typing import Protocol, TypeVar

from orderbook.errors import ConfigError
from orderbook.replay.source import Stretch

SLOWEST, FASTEST = 0.1, 1000.0

T = TypeVar("T")


class Sink(Protocol):
    """Where a replay goes."""

    def send(self, items: list[str]) -> None:
        """Send items, in order; blocks while the receiver is slow."""
        ...

    def finish(self) -> None:
        """Wait until all is sent for good."""
        ...


@dataclass(frozen=True, slots=True)
class Timeline:
    """When an item of the past is due, in seconds after the first one; ``speed`` None: at once."""

    first: int
    speed: float | None

    def due(self, at: int) -> float:
        """Of an item at ``at``, µs since 1970."""
        return 0.0 if self.speed is None else (at - self.first) / 1e6 / self.speed


@dataclass(slots=True)
class Played:
    """What was sent. ``sha256``: over the items, a line each; equal for equal input, whatever the run and the speed."""

    ticks: int = 0
    gaps: int = 0
    first: int | None = None
    last: int | None = None
    seconds: float = 0.0
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
    played, digest = Played(), sha256()
    began, timeline = clock(), None
    for stretch in stretches:
        if timeline is None:
            timeline, began = Timeline(stretch.times[0], speed), clock()
            played.first = stretch.times[0]
        for start, end, due in _due_together(stretch, timeline):
            if timeline.speed is not None and not _until(began + due, clock, wait):
                stretch.items[start:] = []
                break
            sink.send(stretch.items[start:end])
            if timeline.speed is not None:
                late = clock() - began
                played.errors.extend(late - timeline.due(at) for at in stretch.times[start:end])
        sent = len(stretch.items)
        digest.update("".join(f"{item}\n" for item in stretch.items).encode())
        gaps = sum(item.startswith('"gap"') for item in stretch.items)
        played.gaps, played.ticks = played.gaps + gaps, played.ticks + sent - gaps
        played.last = stretch.times[sent - 1] if sent else played.last
        if sent < len(stretch.times):
            break
    sink.finish()
    played.seconds, played.sha256 = clock() - began, digest.hexdigest()
    return played


def _due_together(stretch: Stretch, timeline: Timeline) -> Iterator[tuple[int, int, float]]:
    """Yield runs of items of one instant: first, end, and when they are due; all at once where nothing is paced."""
    if timeline.speed is None:
        yield 0, len(stretch.items), 0.0
        return
    start, times = 0, stretch.times
    for end in range(1, len(times) + 1):
        if end == len(times) or times[end] != times[start]:
            yield start, end, timeline.due(times[start])
            start = end


def _until(due: float, clock: Callable[[], float], wait: Callable[[float], bool]) -> bool:
    left = due - clock()
    return wait(max(0.0, left))


def read_ahead(items: Iterable[T]) -> Iterator[T]:
    """Yield ``items``, the next one being read on a thread meanwhile. What reading raises is raised here."""
    source = iter(items)
    with ThreadPoolExecutor(1, "replay-source") as reader:
        coming = reader.submit(lambda: list(islice(source, 1)))
        while found := coming.result():
            coming = reader.submit(lambda: list(islice(source, 1)))
            yield from found


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
