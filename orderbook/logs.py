"""Logs: structlog over the standard library, text on a terminal and JSON elsewhere, always on standard error."""

import logging
import sys
from collections import Counter
from collections.abc import Mapping
from typing import Literal

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from orderbook.clock import monotonic

LONGEST_TEXT = 2_000  # characters of one value: what a payload says must not flood the log

QUIET = {
    "kafka": logging.CRITICAL,  # kafka-python and librdkafka: in an outage many lines a second; we say it once
    "amqp": logging.WARNING,
    "kombu": logging.WARNING,
    "alembic": logging.INFO,
    "alembic.runtime.plugins": logging.WARNING,  # nine lines whenever it is imported
    "celery.worker.strategy": logging.WARNING,  # a line per task received
    "celery.app.trace": logging.WARNING,  # and one per task done
    "celery.beat": logging.WARNING,  # and one per task sent
}

REPETITIVE = ("celery.beat",)  # while Redis is away: an error with its stack for each task that was due
SAME_OUTAGE_SECONDS = 30.0


class _OnceAnOutage(logging.Filter):
    """Lets a message pass if it was not said a moment ago."""

    def __init__(self) -> None:
        super().__init__()
        self._said: dict[object, float] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        now, before = monotonic(), self._said.get(record.msg, float("-inf"))
        self._said[record.msg] = now
        return now - before > SAME_OUTAGE_SECONDS


def _bounded(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
    """Escape control characters and cut what is long: a payload can neither forge a line nor fill the disk."""
    for name, value in event.items():
        if isinstance(value, str):
            event[name] = "\n".join(map(_clean, value.split("\n"))) if name == "exception" else _clean(value)
    return event


def _clean(text: str) -> str:
    printable = text if text.isprintable() else text.encode("unicode_escape").decode("ascii")
    return printable if len(printable) <= LONGEST_TEXT else f"{printable[:LONGEST_TEXT]}…"


def configure(level: str, log_format: Literal["auto", "json", "text"]) -> None:
    """Send every logger of this process to standard error in one form. Call it once, at the start."""
    text = log_format == "text" or (log_format == "auto" and sys.stderr.isatty())
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_logger_name,
        structlog.stdlib.add_log_level,
        structlog.stdlib.PositionalArgumentsFormatter(),
        structlog.processors.TimeStamper(fmt="iso", utc=True),
        structlog.processors.format_exc_info,
        _bounded,
    ]
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        wrapper_class=structlog.stdlib.BoundLogger,
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )
    renderer = structlog.dev.ConsoleRenderer() if text else structlog.processors.JSONRenderer()
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, renderer],
        )
    )
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name, least in QUIET.items():
        logging.getLogger(name).setLevel(max(least, logging.getLevelName(level)))
    for name in REPETITIVE:
        logging.getLogger(name).filters[:] = [_OnceAnOutage()]


def range_label(topic: str, partition: int, start: int, end: int) -> str:
    """How every line about ``[start, end)`` names it: topic, partition, first and last offset."""
    return f"{topic}/{partition}/{start}-{end - 1}"


class Tally:
    """Tells counts at once, and then at most once in a while, together with what has come since.

    One per process and thing. Call ``add`` often, also with nothing: it says what is still untold.
    """

    def __init__(self, log: structlog.stdlib.BoundLogger, what: str, pause_seconds: float = 30.0) -> None:
        self._log = log
        self._what = what
        self._pause_seconds = pause_seconds
        self._told_at = float("-inf")
        self._untold: Counter[str] = Counter()

    def add(self, counts: Mapping[str, int]) -> None:
        """Count these; zeros are not told."""
        self._untold += Counter(counts)
        now = monotonic()
        if self._untold and now - self._told_at >= self._pause_seconds:
            self._log.warning(self._what, **self._untold)
            self._told_at = now
            self._untold = Counter()


class Outage:
    """Tells once that something is away and once that it is back, however often it is tried meanwhile.

    One per process and thing. ``what`` is the line's event.
    """

    def __init__(self, log: structlog.stdlib.BoundLogger, what: str) -> None:
        self._log = log
        self._what = what
        self._began: float | None = None
        self._tries = 0

    def goes_on(self, error: Exception, **where: object) -> None:
        """Tried in vain, for the first time or again."""
        self._tries += 1
        if self._began is None:
            self._began = monotonic()
            self._log.warning(self._what, error=str(error), **where)

    def is_over(self) -> None:
        """It worked."""
        if self._began is not None:
            seconds = round(monotonic() - self._began, 1)
            self._log.info("it works again", after=self._what, seconds=seconds, tries=self._tries)
            self._began, self._tries = None, 0
