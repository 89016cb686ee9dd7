"""``orderbook quarantine``: the rejects, with their bytes."""

import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

from orderbook.cli.options import JsonOption, LimitOption, OutputOption, PartitionOption, WhyOption
from orderbook.cli.output import Output, write_fields, write_json, write_records
from orderbook.errors import Refused

if TYPE_CHECKING:
    from orderbook.store.ledger.requeue import OpenReject

SHOWN_BYTES = 2_048

PlacesArgument = Annotated[
    list[str] | None, typer.Argument(metavar="[[GENERATION/]PARTITION/OFFSET]...", help="Which rejects.")
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Show what would be done, and do nothing.")]

app = typer.Typer(
    help="The rejects, with their bytes.", epilog="Example: orderbook quarantine stats", no_args_is_help=True
)


@app.command("ls", epilog="Example: orderbook quarantine ls --reason crossed --limit 20")
def list_them(
    reason: Annotated[str | None, typer.Option(help="Only these.")] = None,
    partition: PartitionOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List rejects without their bytes, newest first."""
    from orderbook.store.reader import Reader
    from orderbook.store.readers.quarantine import RejectRow, list_rejects

    with Reader() as reader, reader.snapshot() as connection:
        found = list_rejects(connection, reason=reason, partition=partition, limit=limit)
    write_records(RejectRow, found, output, as_json=as_json)


@app.command(epilog="Example: orderbook quarantine show 3/1207")
def show(
    place: Annotated[
        str, typer.Argument(metavar="[GENERATION/]PARTITION/OFFSET", help="Without a generation: the newest.")
    ],
    all_bytes: Annotated[bool, typer.Option("--all", help="All bytes, however many.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Show one reject: why, and its key and value as text and as hex."""
    from orderbook.store.reader import Reader
    from orderbook.store.readers.quarantine import show_reject

    generation, partition, offset = _place(place)
    with Reader() as reader, reader.snapshot() as connection:
        found = show_reject(connection, generation, partition, offset)
    if found is None:
        raise Refused(f"{place} is not in quarantine")
    if as_json:
        write_json(found)
    else:
        _write(found, all_bytes=all_bytes)


@app.command(epilog="Example: orderbook quarantine stats --json")
def stats(output: OutputOption = Output.TABLE, as_json: JsonOption = False) -> None:
    """Count the rejects by the day they landed (UTC) and by reason."""
    from orderbook.store.reader import Reader
    from orderbook.store.readers.quarantine import RejectCount, rejects_by_day

    with Reader() as reader, reader.snapshot() as connection:
        found = rejects_by_day(connection)
    write_records(RejectCount, found, output, as_json=as_json)


@app.command(epilog="Example: orderbook quarantine requeue --reason late --dry-run")
def requeue(
    places: PlacesArgument = None,
    reason: Annotated[str | None, typer.Option(help="All open ones of this reason.")] = None,
    dry_run: DryRunOption = False,
    why: WhyOption = "",
) -> None:
    """Judge rejects again by the rules of now, and store those that are valid, each under its own offset.

    Shows each verdict, before and now. What is stored stays here too, with its bytes, resolved as `landed`.
    """
    from orderbook.cli.services import operator
    from orderbook.config import settings
    from orderbook.ingest.validator import Validator
    from orderbook.profiles import load_profiles
    from orderbook.requeue import judge_again
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.store.ledger.requeue import land_reject

    options = settings().ingest
    validator = Validator(load_profiles(options.profiles_file), options.unknown_fields)
    stored = 0
    with operator_engine(settings().database) as engine:
        for verdict in judge_again(_chosen(engine, places, reason), validator):
            sys.stdout.write(f"{verdict}\n")
            if verdict.tick is not None:
                stored += 1
                if not dry_run:
                    land_reject(engine, verdict.reject.place, verdict.tick, operator(why))
    sys.stderr.write(f"{stored} {'would be ' if dry_run else ''}stored\n")


@app.command(epilog='Example: orderbook quarantine drop 3/1207 --why "a test of theirs"')
def drop(places: PlacesArgument = None, dry_run: DryRunOption = False, why: WhyOption = "") -> None:
    """Give rejects up: they stay, with their bytes, and stay counted, but need nobody any more."""
    from orderbook.cli.services import operator
    from orderbook.config import settings
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.store.ledger.requeue import drop_reject

    with operator_engine(settings().database) as engine:
        for reject in _chosen(engine, places, None):
            sys.stdout.write(f"{reject.place}  {reject.reason}\n")
            if not dry_run:
                drop_reject(engine, reject.place, operator(why))


def _chosen(engine: Any, places: list[str] | None, reason: str | None) -> "list[OpenReject]":
    from orderbook.store.ledger.requeue import Place, find_open

    if bool(places) == (reason is not None):
        raise typer.BadParameter("name places, or a --reason")
    wanted = [Place(*_place(place)) for place in places or ()]
    return find_open(engine, reason=reason, places=wanted or None)


def _place(text: str) -> tuple[int | None, int, int]:
    parts = text.split("/")
    if len(parts) not in {2, 3} or not all(part.isascii() and part.isdigit() for part in parts):
        raise typer.BadParameter(f"{text!r} is not PARTITION/OFFSET or GENERATION/PARTITION/OFFSET")
    numbers = [int(part) for part in parts]
    generation = numbers[0] if len(numbers) == 3 else None
    if (generation or 0) >= 2**15 or numbers[-2] >= 2**31 or numbers[-1] >= 2**63:
        raise typer.BadParameter(f"{text!r} has a number that is too large")
    return generation, numbers[-2], numbers[-1]


def _write(found: dict[str, Any], *, all_bytes: bool) -> None:
    key, value = found.pop("key"), found.pop("value")
    digest = found.pop("sha256")
    write_fields({**found, "sha256": digest.hex() if digest else None})
    for name, content in (("key", key), ("value", value)):
        _write_bytes(name, content, None if all_bytes else SHOWN_BYTES)


def _write_bytes(name: str, content: bytes | None, most: int | None) -> None:
    from orderbook.cli.log_view import shown

    if content is None:
        sys.stdout.write(f"\n{name}: null\n")
        return
    part = content[:most]
    sys.stdout.write(f"\n{name}: {len(content)} bytes\n{shown(part)}\n\n")
    for at in range(0, len(part), 16):
        row = part[at : at + 16]
        text = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in row)
        sys.stdout.write(f"{at:08x}  {row.hex(' ', 1):<47}  {text}\n")
    if len(part) < len(content):
        sys.stdout.write(f"… {len(content) - len(part)} bytes more: --all\n")
