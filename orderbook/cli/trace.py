"""``orderbook trace``: one tick through every hop, with its latencies."""

import sys
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, OutputOption
from orderbook.cli.output import Output, write_json, write_records

if TYPE_CHECKING:
    from orderbook.store.readers.trace import TracedTick

STANDS_IN = "as received: the source tells no other time"


@dataclass(frozen=True, slots=True)
class Hop:
    """One step of a tick's life; None where its instant is not known (any more)."""

    hop: str
    at: datetime | None
    seconds: float | None  # since the hop before it whose instant is known
    total_seconds: float | None  # since the tick was made
    where: str


def trace(
    symbol: Annotated[str, typer.Argument(help="As stored.")],
    sequence: Annotated[int, typer.Argument(min=0, max=2**63 - 1, metavar="SEQUENCE", help="Its sequence id.")],
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Follow one tick: made, received, appended, planned, hinted, fetched, landed, committed, visible.

    Of several with this id, the one that landed last. Clocks differ by host: made and received are the source's,
    appended is the broker's, the others are Postgres'. Exit code 1 where no tick has this id; then what is known of it.
    """
    from orderbook.archive.find import find_anywhere
    from orderbook.archive.root import Root
    from orderbook.config import settings
    from orderbook.store.reader import Reader
    from orderbook.store.readers.trace import why_missing

    root = Root(settings().archive)
    with Reader() as reader, reader.snapshot(holds_days=True) as connection:
        found = find_anywhere(connection, root, symbol, sequence)
        known = [] if found else why_missing(connection, symbol, sequence)
    if not found:
        _tell_missing(symbol, sequence, known, as_json=as_json or output is not Output.TABLE)
        raise typer.Exit(CHECK_FAILED)
    if len(found) > 1:
        others = ", ".join(f"{t.generation}/{t.partition}/{t.offset}" for t in found[1:6])
        sys.stderr.write(f"{len(found)} ticks of that day have this id; the others are at {others}\n")
    write_records(Hop, _hops(found[0], _appended(found[0])), output, as_json=as_json)


def _hops(tick: "TracedTick", appended: datetime | None) -> list[Hop]:
    place = f"{tick.topic}/{tick.partition}/{tick.offset}"
    in_range = f"range {tick.range_id}: {tick.start}-{(tick.end or 0) - 1}"
    merged = "the range is merged: not known any more" if tick.planned_at is None else in_range
    visible = "in ticks" + (", below the prefix" if tick.below_prefix else ", above the prefix")
    steps = [
        ("made", tick.event_time, STANDS_IN if tick.event_time == tick.received_time else "by the source"),
        ("received", tick.received_time, "by the source's receiver"),
        ("appended", appended, place if appended else f"{place}, which the log no longer has"),
        ("planned", tick.planned_at, merged),
        ("hinted", tick.hinted_at if tick.planned_at else None, "the last hint to a worker"),
        ("fetched", tick.fetched_at, "by the worker that landed it"),
        ("landed", tick.landed_at, "requeued from quarantine" if tick.requeued else "the landing began"),
        ("committed", None if tick.requeued else tick.done_at, "just before the COMMIT"),
        ("visible", None, f"{visible}; from the COMMIT on"),
    ]
    hops: list[Hop] = []
    before = tick.event_time
    for hop, at, where in steps:
        if at is None:
            hops.append(Hop(hop, None, None, None, where))
            continue
        hops.append(Hop(hop, at, (at - before).total_seconds(), (at - tick.event_time).total_seconds(), where))
        before = at
    return hops


def _appended(tick: "TracedTick") -> datetime | None:
    """The broker's time of the record, where the log still has it; None too where Kafka is away."""
    from orderbook.cli.services import range_fetcher, topic_client
    from orderbook.errors import OffsetOutOfRange, Unavailable
    from orderbook.stream.lag import ONE_RECORD

    try:
        with topic_client() as topic, range_fetcher(1) as fetcher:
            if topic.identity().topic_id != tick.topic_id:
                return None
            batch = fetcher.fetch(tick.partition, tick.offset, tick.offset + 1, ONE_RECORD, lambda: None)
    except OffsetOutOfRange:
        return None
    except Unavailable as error:
        sys.stderr.write(f"Kafka cannot be asked: {error}\n")
        return None
    return batch.records[0].broker_time if batch.records else None


def _tell_missing(symbol: str, sequence: int, known: list[dict[str, Any]], *, as_json: bool) -> None:
    if as_json:
        write_json({"symbol": symbol, "sequence_id": sequence, "stored": False, "known": known})
        return
    sys.stdout.write(f"no stored tick of {symbol} has the id {sequence}\n")
    for fact in known:
        if "kind" in fact:
            cause = f", {fact['cause']}" if fact["cause"] else ""
            sys.stdout.write(
                f"missing from the gap {fact['first_sequence']}-{fact['last_sequence']} ({fact['state']}{cause}), "
                f"which shows at {fact['place']}\n"
            )
        else:
            sys.stdout.write(
                f"rejected at {fact['place']}: {fact['reason']}, {fact['detail']} ({fact['resolution']})\n"
            )
