"""``orderbook replay``: the past again, paced or as fast as it goes."""

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated
from uuid import uuid4

import typer

from orderbook.cli.options import SymbolsOption
from orderbook.errors import ConfigError

if TYPE_CHECKING:
    from orderbook.replay.player import Played, Sink

DESTINATIONS = ("stdout", "topic")
REPLAY_TOPIC = "orderbook.replay"
READ_AT_ONCE = 2  # Postgres writes one stretch while the text of another is made


class By(StrEnum):
    """Which clock orders the ticks."""

    EVENT = "event"
    RECEIVED = "received"


def replay(
    *,
    start: Annotated[
        str, typer.Option("--from", help="Not before: a time, a date (UTC), or how long ago, such as 2h.")
    ],
    to: Annotated[
        list[str] | None,
        typer.Option("--to", help="Before this time; and where it goes, stdout or topic. May be given twice."),
    ] = None,
    symbols: SymbolsOption = None,
    speed: Annotated[str, typer.Option(help="0.1 to 1000 times as fast as it was, or max.")] = "1",
    by: Annotated[By, typer.Option(help="Order and pace by this clock.")] = By.EVENT,
    topic: Annotated[str, typer.Option(help="With --to topic: which one.")] = REPLAY_TOPIC,
    gaps: Annotated[
        bool, typer.Option("--gaps/--no-gaps", help="Send notices of gaps, which no pipeline takes for ticks.")
    ] = True,
    into_raw: Annotated[bool, typer.Option("--into-raw", help="Allow the topic that the pipeline reads.")] = False,
) -> None:
    """Send stored ticks again, hot and cold, merged over symbols, with notices of gaps.

    Every record carries the id of the run. At the end standard error has the sha256 of what was sent: equal ranges give
    equal ones, at any speed. A paced replay begins with the first tick and keeps the distances of the clock it goes by.
    """
    from orderbook.cli.instants import instant
    from orderbook.clock import monotonic
    from orderbook.config import settings
    from orderbook.replay.player import parse_speed, play
    from orderbook.replay.source import Wish, stretches

    ends, destination = _sorted_out(to or [])
    until = instant(ends) if ends else datetime.now(UTC)
    wish = Wish(instant(start), until, symbols.split(",") if symbols else None, by.value, gaps)
    pace, run = parse_speed(speed), uuid4().hex[:12]
    with _sink(destination, run, topic, into_raw=into_raw) as sink:
        try:
            played = play(stretches(settings(), wish, READ_AT_ONCE), sink, pace, clock=monotonic, wait=_wait)
        except BrokenPipeError:  # who read our lines has left: so do we, quietly
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(1) from None
    _tell(played, run, pace)


def _sorted_out(to: list[str]) -> tuple[str | None, str]:
    destinations = [text for text in to if text in DESTINATIONS]
    ends = [text for text in to if text not in DESTINATIONS]
    if len(destinations) > 1 or len(ends) > 1:
        raise ConfigError("--to takes one time and one of stdout, topic")
    return (ends[0] if ends else None), (destinations[0] if destinations else "stdout")


@contextmanager
def _sink(destination: str, run: str, topic: str, *, into_raw: bool) -> Iterator["Sink"]:
    from orderbook.cli.services import silence_kafka
    from orderbook.config import settings
    from orderbook.replay.sinks import Lines, Topic

    if destination == "stdout":
        yield Lines(sys.stdout.buffer, run)
        return
    silence_kafka()
    kafka = settings().kafka
    sink = Topic(kafka, kafka.topic if into_raw else topic, run, into_raw=into_raw)
    try:
        yield sink
    finally:
        sink.close()


def _wait(seconds: float) -> bool:
    from time import sleep

    if seconds > 0:
        sleep(seconds)
    return True


def _tell(played: "Played", run: str, pace: float | None) -> None:
    rate = played.ticks / played.seconds if played.seconds else 0.0
    paced = ""
    if pace is not None and played.errors:
        p50, p99, worst = (1000 * played.late(share) for share in (0.5, 0.99, 1.0))
        paced = f"; behind by p50 {p50:.2f} ms, p99 {p99:.2f} ms, at worst {worst:.2f} ms"
    sys.stderr.write(
        f"run {run}: {played.ticks} ticks and {played.gaps} gaps in {played.seconds:.1f} s, "
        f"{rate:,.0f} a second{paced}\n"
        f"sha256 {played.sha256}\n"
    )
