"""Two clocks: how far the receiver's is from the venue's, and whether one of them was set. Nothing is rejected for it.

The skew of a feed is receive time less event time. A delay on the way only ever adds to it, so the smallest of many
is the clocks' own difference (the minimum filter of NTP, RFC 5905 section 10). A step is a smallest skew that is far
from the one before, twice running: one slow moment of the network is none, and drift of some ppm never comes that far.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace

from orderbook.store.completeness.clocks import ClockWatch, Skew


@dataclass(frozen=True, slots=True)
class StepPolicy:
    """What counts as a step."""

    step_microseconds: int = 100_000  # a captured feed's delays scatter by 43 ms at p99.9
    passes: int = 2  # in which it must show


@dataclass(frozen=True, slots=True)
class Step:
    """A clock was set: the feed's skew before and after, in microseconds."""

    feed: str
    before: int
    after: int


def judged(known: Skew | None, feed: str, smallest: int, policy: StepPolicy) -> tuple[Skew, Step | None]:
    """What is known of a feed after a pass in which this was its smallest skew, and the step that showed, if any."""
    if known is None:
        return Skew(feed, smallest, smallest, 0), None
    if abs(smallest - known.usual) < policy.step_microseconds:
        return Skew(feed, smallest, smallest, 0), None
    if known.off_passes + 1 < policy.passes:
        return replace(known, skew=smallest, off_passes=known.off_passes + 1), None
    return Skew(feed, smallest, smallest, 0), Step(feed, known.usual, smallest)


@dataclass(frozen=True, slots=True)
class ClockWatcher:
    """Looks at what was landed since the last look. ``feed_of``: the feed of a symbol."""

    watch: ClockWatch
    feed_of: Callable[[str], str]
    policy: StepPolicy = StepPolicy()

    def run(self) -> list[Step]:
        """One pass over all feeds; the skews, and an alarm for all steps together, are durable when this returns.

        Nothing where another process looks just now. Raises ``Unavailable``.
        """
        with self.watch.looking(self.feed_of) as look:
            if look is None:
                return []
            found = [judged(look.known.get(s), s, smallest, self.policy) for s, smallest in look.smallest.items()]
            steps = [step for _, step in found if step is not None]
            look.keep([skew for skew, _ in found], {step.feed for step in steps})
            if steps:
                look.alarm("; ".join(told(steps)))
            return steps


def told(steps: Iterable[Step], at_most: int = 10) -> Iterator[str]:
    """The steps as text, the rest of many counted."""
    steps = list(steps)
    for step in steps[:at_most]:
        by = (step.after - step.before) / 1000
        yield f"{step.feed}: receive time less event time went from {step.before / 1000:+.1f} to " + (
            f"{step.after / 1000:+.1f} ms, by {by:+.1f} ms"
        )
    if len(steps) > at_most:
        yield f"and {len(steps) - at_most} more feeds"
