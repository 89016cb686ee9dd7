"""``orderbook rebuild``: ticks made anew from the log, or from what is stored, by the rules of now."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date as calendar_day
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import PartitionOption, WhyOption

if TYPE_CHECKING:
    from orderbook.rebuild import Rebuilder, Step
    from orderbook.store.journal import Operator
    from orderbook.stream.topics import TopicClient


def rebuild(
    *,
    date: Annotated[str | None, typer.Option(help="The offsets of this UTC day; without it, all of them.")] = None,
    partition: PartitionOption = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would change, and change nothing.")] = False,
    stored: Annotated[
        bool, typer.Option("--stored", help="Judge what the log no longer has by its stored values.")
    ] = False,
    restore: Annotated[
        bool, typer.Option("--restore", help="With --date, archived: bring it back first, and freeze it again after.")
    ] = False,
    why: WhyOption = "",
) -> None:
    """Judge the log again by the rules of now, and make the stored ticks and rejects what a clean ingest had made.

    Shows each step that differs. Ticks that go are kept in `withdrawn_tick`, and their ids open gaps. Exit code 1 where
    something could not be compared: the log no longer has it (see --stored), or its day is archived (see --restore).
    """
    from orderbook.cli.services import operator, topic_client

    day = _day(date)
    if restore and (day is None or dry_run):
        raise typer.BadParameter("--restore takes a --date, and no --dry-run")
    by = operator(why)
    with _restored(day if restore else None, by), topic_client() as client, _rebuilder(client) as rebuilder:
        identity = client.identity()
        starts = {number: bounds.start for number, bounds in client.bounds(identity.partitions).items()}
        missing = elsewhere = 0
        for part in rebuilder.parts(identity, starts, day=day, partition=partition):
            if not part.in_log and not stored:
                missing += part.end - part.start
                continue
            for step in rebuilder.run(part, by, dry_run=dry_run):
                elsewhere += len(step.changes.elsewhere)
                _show(step)
    _end(missing, elsewhere)


def _day(text: str | None) -> calendar_day | None:
    try:
        return None if text is None else calendar_day.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no date") from error


@contextmanager
def _rebuilder(client: "TopicClient") -> "Iterator[Rebuilder]":
    from orderbook.cli.services import range_fetcher
    from orderbook.config import settings
    from orderbook.ingest.validator import Validator
    from orderbook.profiles import load_profiles
    from orderbook.rebuild import STEP, Rebuilder
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.stream.batch import FetchLimits

    options = settings().ingest
    profiles = load_profiles(options.profiles_file)
    validator = Validator(profiles, options.unknown_fields)
    limits = FetchLimits(options.fetch_bytes, options.fetch_seconds, options.lease_seconds / 3)
    with operator_engine(settings().database) as engine, range_fetcher(STEP) as fetcher:
        yield Rebuilder(engine, fetcher, validator, limits, profiles=profiles, identity=client.identity)


@contextmanager
def _restored(day: calendar_day | None, by: "Operator") -> Iterator[None]:
    """The day hot meanwhile, and no archiver at work; then frozen again, where it was."""
    if day is None:
        yield
        return
    from orderbook.archive.restore import restore
    from orderbook.archive.run import archive_engine, freeze_one
    from orderbook.config import settings
    from orderbook.store import manifest

    with archive_engine(settings(), lambda _: None) as (engine, root, archiver), archiver.alone():
        with engine.begin() as connection:
            is_cold = bool(manifest.files(connection, day))
        if is_cold:
            restore(engine, root, day, by, lambda _: None)
        yield
        if is_cold and (problem := freeze_one(archiver, day).problem) is not None:
            sys.stderr.write(f"{day} stays in Postgres until the archive's next run: {problem}\n")


def _show(step: "Step") -> None:
    if step.changes:
        sys.stdout.write(f"{step.partition}/{step.start}-{step.end - 1}  {step.changes}\n")


def _end(missing: int, elsewhere: int) -> None:
    if missing or elsewhere:
        sys.stderr.write(f"not compared: {missing} that the log no longer has, {elsewhere} that are archived\n")
        raise typer.Exit(CHECK_FAILED)
