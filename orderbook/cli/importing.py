"""``orderbook import``: real captures into the log."""

import sys
from dataclasses import asdict
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption
from orderbook.cli.output import Output, write_json, write_rows
from orderbook.errors import ConfigError

if TYPE_CHECKING:
    from orderbook.feeds.importer import Importer, Outcome
    from orderbook.feeds.rows import BadLine, Format

MOST_BAD_LINES = 100  # are told one by one; the rest is counted


class FormatName(StrEnum):
    """What a file may be."""

    DATABENTO = "databento"
    BINANCE = "binance"
    CSV = "csv"
    NDJSON = "ndjson"


class Times(StrEnum):
    """How times are written."""

    ISO = "iso"
    S = "s"
    MS = "ms"
    US = "us"
    NS = "ns"


def import_files(
    *,
    format_name: Annotated[FormatName, typer.Argument(metavar="FORMAT", help="databento, binance, csv or ndjson.")],
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", exists=True, dir_okay=False, readable=True)],
    columns: Annotated[
        list[str] | None,
        typer.Option("--map", metavar="FIELD=COLUMN", help="csv, ndjson: where a field comes from; in ndjson a path."),
    ] = None,
    constants: Annotated[
        list[str] | None, typer.Option("--set", metavar="FIELD=TEXT", help="csv, ndjson: a field of every line.")
    ] = None,
    times: Annotated[Times, typer.Option(help="csv, ndjson: ISO-8601, or a number since 1970.")] = Times.ISO,
    delimiter: Annotated[str, typer.Option(help="csv: between two cells.")] = ",",
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Read and judge the files, send nothing.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Also what was imported before, once more.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Also where the profiles would reject the rows.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Append the quotes of captures to the log: prices exact, both clocks kept. Files may be packed (gzip, zstd).

    An import that was broken off goes on where it stopped; one that is complete is not repeated. A line that should
    be a quote and is not is told with file and line, and the exit code is 1. Old captures need a profile that takes
    their age (`historical`). Without an event time the receive time stands in: a header of the record says so, and
    `orderbook trace` of the tick, whose two times are equal.
    """
    source = _source(format_name, columns or [], constants or [], times, delimiter)
    reading = f"{format_name}/{columns}/{constants}/{times}/{delimiter}"
    telling = _Telling()
    importer = _importer(telling, again=again, force=force)
    outcomes = []
    for file in files:
        telling.file = file
        outcomes.append(importer.check(file, source) if dry_run else importer.run(file, source, reading))
        telling.end()
    _write(outcomes, as_json=as_json)
    if any(outcome.bad for outcome in outcomes):
        raise typer.Exit(CHECK_FAILED)


class _Telling:
    """Bad lines and progress, on standard error."""

    def __init__(self) -> None:
        self.file = Path()
        self._bad = 0
        self._line_open = False

    def bad(self, line: "BadLine") -> None:
        self._bad += 1
        if self._bad <= MOST_BAD_LINES:
            self.end()
            sys.stderr.write(f"{self.file}:{line.line}: {line.why}\n")
        elif self._bad == MOST_BAD_LINES + 1:
            sys.stderr.write("more bad lines are only counted\n")

    def progress(self, outcome: "Outcome") -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{self.file}: {outcome.rows} rows read, {outcome.sent} sent")
            self._line_open = True

    def end(self) -> None:
        if self._line_open:
            sys.stderr.write("\n")
            self._line_open = False


def _importer(telling: _Telling, *, again: bool, force: bool) -> "Importer":
    from orderbook.cli.services import silence_kafka
    from orderbook.config import cache_dir, settings
    from orderbook.feeds.importer import Importer
    from orderbook.profiles import load_profiles

    silence_kafka()
    found = settings()
    return Importer(
        found.kafka,
        load_profiles(found.ingest.profiles_file),
        cache_dir() / "imports",
        telling.bad,
        telling.progress,
        again=again,
        force=force,
    )


def _source(name: FormatName, columns: list[str], constants: list[str], times: Times, delimiter: str) -> "Format":
    from orderbook.feeds.binance import BinanceCapture
    from orderbook.feeds.databento import DatabentoFile
    from orderbook.feeds.mapped import CsvFile, FieldMapping, NdjsonFile

    if name in {FormatName.DATABENTO, FormatName.BINANCE}:
        if columns or constants:
            raise ConfigError(f"--map and --set are for csv and ndjson: {name} says itself what is what")
        return DatabentoFile() if name is FormatName.DATABENTO else BinanceCapture()
    mapping = FieldMapping(_pairs("--map", columns), _pairs("--set", constants), times.value)
    if name is FormatName.NDJSON:
        return NdjsonFile(mapping)
    if len(delimiter) != 1:
        raise ConfigError(f"--delimiter {delimiter!r}: one character")
    return CsvFile(mapping, delimiter)


def _pairs(option: str, texts: list[str]) -> dict[str, str]:
    pairs = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals or not value:
            raise ConfigError(f"{option} {text!r}: write {option} symbol=VALUE")
        pairs[name.strip()] = value
    return pairs


def _write(outcomes: list["Outcome"], *, as_json: bool) -> None:
    found = [asdict(outcome) for outcome in outcomes]
    if as_json:
        write_json(found)
        return
    for one in found:
        for name in ("others", "refusable"):
            one[name] = ", ".join(f"{kind} {count}" for kind, count in sorted(one[name].items()))
    write_rows(list(found[0]), [list(one.values()) for one in found], Output.TABLE)
