"""``orderbook rebuild``: ticks made anew from the log by the rules of now."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import PartitionOption, WhyOption

if TYPE_CHECKING:
    from orderbook.rebuild import Step


def rebuild(
    date: Annotated[str | None, typer.Option(help="The offsets of this UTC day; without it, all of them.")] = None,
    partition: PartitionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    why: WhyOption = "",
) -> None:
    """Judge the log again by the rules of now, and make the stored ticks and rejects what a clean ingest had made.

    Shows each step that differs. Ticks that go are kept in `withdrawn_tick`. Exit code 1 where something could not be
    compared: the log no longer has it, or its day is archived (`orderbook archive restore` brings it back).
    """
    from datetime import date as calendar_day

    from orderbook.cli.services import operator, range_fetcher, topic_client
    from orderbook.config import settings
    from orderbook.ingest.validator import Validator
    from orderbook.profiles import load_profiles
    from orderbook.rebuild import STEP, Rebuilder
    from orderbook.store.operator import operator_engine
    from orderbook.stream.batch import FetchLimits

    try:
        day = None if date is None else calendar_day.fromisoformat(date)
    except ValueError as error:
        raise typer.BadParameter(f"{date!r} is no date") from error
    options = settings().ingest
    validator = Validator(load_profiles(options.profiles_file), options.unknown_fields)
    limits = FetchLimits(options.fetch_bytes, options.fetch_seconds, options.lease_seconds / 3)
    with operator_engine(settings().database) as engine, range_fetcher(STEP) as fetcher, topic_client() as client:
        rebuilder = Rebuilder(engine, fetcher, validator, limits, client.identity)
        identity = client.identity()
        starts = {number: bounds.start for number, bounds in client.bounds(identity.partitions).items()}
        stretches, missing = rebuilder.stretches(identity, starts, day=day, partition=partition)
        elsewhere = 0
        for cursor, start, end in stretches:
            for step in rebuilder.run(cursor, start, end, operator(why), dry_run=dry_run):
                elsewhere += len(step.changes.elsewhere)
                _show(step)
    _end(missing, elsewhere)


def _show(step: "Step") -> None:
    if step.changes:
        sys.stdout.write(f"{step.partition}/{step.start}-{step.end - 1}  {step.changes}\n")


def _end(missing: int, elsewhere: int) -> None:
    if missing or elsewhere:
        sys.stderr.write(f"not compared: {missing} that the log no longer has, {elsewhere} that are archived\n")
        raise typer.Exit(CHECK_FAILED)
