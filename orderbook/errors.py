"""Every failure this package raises, by what the caller must do: retry it, or stop.

Bad data is not here: a record that fails its rules is a value (``ingest.validator.Reject``), never an exception.
"""


class OrderbookError(Exception):
    """The root: the text says what happened and what mends it."""


class ConfigError(OrderbookError):
    """A setting is wrong. Nothing has started."""


class AlreadyRunning(OrderbookError):
    """Another process does what only one may do. Nothing has started."""


class Unavailable(OrderbookError):
    """A service is away, slow or refusing. Retry with backoff; never counts against a range."""


class Busy(Unavailable):
    """All connections of this process to a service are in use. Try again in a moment."""


class EarlyEnd(Unavailable):
    """The log ended before the range did."""


class OffsetOutOfRange(Unavailable):
    """The broker no longer has, or does not yet have, an offset that was asked for."""


class OutOfTime(Unavailable):
    """An attempt used up its time. The next one takes half as much."""


class NotOurs(OrderbookError):
    """The range was taken over or changed while we held it. Another worker has it: give up quietly."""


class Halt(OrderbookError):
    """An invariant is broken: stop the partition and page. ``reason`` is one of ``HALT_REASONS``."""

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason}: {detail}")
        self.reason = reason
        self.detail = detail


class Recreated(Halt):
    """The topic was deleted and made again: its offsets mean other records now."""

    def __init__(self, detail: str) -> None:
        super().__init__("recreated", detail)


class TripWire(Halt):
    """One offset was about to be stored twice."""

    def __init__(self, detail: str) -> None:
        super().__init__("tripwire", detail)


class Refused(OrderbookError):
    """What was asked cannot be done as things stand. Nothing has changed."""


class BadQuery(OrderbookError):
    """A query of the user's own is wrong."""
