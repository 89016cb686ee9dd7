"""``orderbook coverage``: completeness per symbol and hour."""

from datetime import datetime, timedelta
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import EndOption, JsonOption, OutputOption, StartOption, SymbolsOption
from orderbook.cli.output import Output, write_records

if TYPE_CHECKING:
    from orderbook.completeness.coverage import HourCoverage

HOUR = timedelta(hours=1)


class By(StrEnum):
    """What a row is about."""

    HOUR = "hour"
    SYMBOL = "symbol"


def coverage(
    *,
    symbols: SymbolsOption = None,
    start: StartOption = "24h",
    end: EndOption = None,
    by: Annotated[By, typer.Option(help="A row per symbol and hour, or per symbol.")] = By.HOUR,
    least: Annotated[
        float | None, typer.Option("--min", min=0, max=1, help="Exit with 1 where a row has less than this.")
    ] = None,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """Show how much of what should be there is there, by the hour (UTC) of event time.

    The lower of two shares: ids that came of those that should have, by the rule of the symbol's profile; and open time
    of its trading sessions in which it did not stand still. Empty where the market was closed. The window is widened to
    whole hours.
    """
    from orderbook.cli.instants import instant
    from orderbook.clock import utc_now
    from orderbook.completeness.coverage import HourCoverage, SymbolCoverage, by_symbol

    hours = read_hours(instant(start or "24h"), instant(end) if end else utc_now(), symbols)
    totals = by_symbol(hours)
    if by is By.HOUR:
        write_records(HourCoverage, hours, output, as_json=as_json)
    else:
        write_records(SymbolCoverage, totals, output, as_json=as_json)
    shown = hours if by is By.HOUR else totals
    if least is not None and any(row.coverage is not None and row.coverage < least for row in shown):
        raise typer.Exit(CHECK_FAILED)


def read_hours(start: datetime, end: datetime, symbols: str | None = None) -> "list[HourCoverage]":
    """The coverage of each hour that the window touches."""
    from orderbook.completeness.coverage import hourly, whole_hours
    from orderbook.config import settings
    from orderbook.profiles import load_profiles
    from orderbook.store.reader import Reader
    from orderbook.store.readers.coverage import clock, hour_counts, silences, symbol_spans

    window = whole_hours(start, end)
    only = symbols.split(",") if symbols else None
    with Reader() as reader, reader.snapshot() as connection:
        counts = hour_counts(connection, *window, only)
        stalls = silences(connection, *window, only)
        spans = symbol_spans(connection, *window, only)
        now = clock(connection)
    profiles = load_profiles(settings().ingest.profiles_file)
    return list(hourly(counts, stalls, spans, profiles, window=window, now=now))
