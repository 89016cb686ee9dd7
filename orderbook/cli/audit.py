"""``orderbook audit``: the proof that every offset is in exactly one place."""

import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.errors import Unavailable

if TYPE_CHECKING:
    from orderbook.audit import Report
    from orderbook.store.ledger.recount import Snapshot

MOST_FINDINGS = 50  # shown; --json has them all


def audit(
    *,
    deep: Annotated[bool, typer.Option("--deep", help="Read the log again and compare every value.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the report as JSON.")] = False,
) -> None:
    """Prove the promise: every offset accounted for, by range, the rows counted anew. Exit code 1 if not."""
    from orderbook.archive.recount import whole_snapshot
    from orderbook.archive.root import Root
    from orderbook.audit import audit as recount
    from orderbook.config import settings
    from orderbook.store.database import engine_for

    projected = _projected()  # before the snapshot: what is read later may have moved on, rightly
    engine = engine_for(settings().database, "reader", name="orderbook-audit")
    try:
        with whole_snapshot(engine, Root(settings().archive)) as store:
            report = recount(store, projected, _progress)
            if deep:
                _compare_with_log(store, report)
    finally:
        engine.dispose()
    _progress("")
    _print(report, as_json=json)
    if not report.balances:
        raise typer.Exit(CHECK_FAILED)


def _projected() -> dict[int, int]:
    from orderbook.cli.services import topic_client

    try:
        with topic_client() as client:
            return client.projected()
    except Unavailable as error:
        typer.echo(f"the group offsets are not checked: {error}", err=True)
        return {}


def _compare_with_log(store: "Snapshot", report: "Report") -> None:
    from orderbook.audit import DEEP_STEP, DeepAudit
    from orderbook.cli.services import topic_client
    from orderbook.config import settings
    from orderbook.ingest.validator import Validator
    from orderbook.profiles import load_profiles
    from orderbook.stream.batch import FetchLimits
    from orderbook.stream.fetcher import make_fetcher

    options = settings().ingest
    validator = Validator(load_profiles(options.profiles_file), options.unknown_fields)
    limits = FetchLimits(options.fetch_bytes, options.fetch_seconds, options.lease_seconds / 3)
    fetcher = make_fetcher(settings().kafka, DEEP_STEP)
    try:
        with topic_client() as client:
            identity = client.identity()
            bounds = client.bounds(identity.partitions)
        DeepAudit(fetcher, validator, limits).run(store, identity, bounds, report, _progress)
    finally:
        fetcher.close()


def _progress(label: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\033[K{label}")
        sys.stderr.flush()


def _print(report: "Report", *, as_json: bool) -> None:
    import json

    if as_json:
        typer.echo(json.dumps({"balances": report.balances, **asdict(report)}))
        return
    for finding in report.findings[:MOST_FINDINGS]:
        typer.echo(f"{finding.label}: {finding.problem}")
    if len(report.findings) > MOST_FINDINGS:
        typer.echo(f"and {len(report.findings) - MOST_FINDINGS} more")
    typer.echo(
        f"{report.partitions} partitions, {report.ranges} ranges: {report.ok:,} ticks, {report.bad:,} quarantined, "
        f"{report.gaps:,} empty, {report.lost:,} lost, {report.open:,} open"
    )
    if report.compared:
        typer.echo(f"{report.compared:,} offsets compared with the log; {report.not_in_log:,} no longer in it")
    typer.echo("It balances." if report.balances else "It does NOT balance.")
