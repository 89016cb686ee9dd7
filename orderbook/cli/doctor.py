"""``orderbook doctor``: what is wrong, and what mends it."""

import sys

import typer

from orderbook.cli.failures import CHECK_FAILED, UNREACHABLE
from orderbook.cli.options import JsonOption


def doctor(as_json: JsonOption = False) -> None:
    """Check Python, settings, Kafka, Redis, Postgres, clock, schema, storage, drainer, alarms, exporter and disk.

    Each line that is not ok names its fix. Exit code 1 where a check failed, 3 where a service is unreachable;
    warnings are no failure.
    """
    from rich.console import Console
    from rich.text import Text

    from orderbook.cli.checks import Finding, Outcome, findings
    from orderbook.cli.output import Output, write_records
    from orderbook.config import settings

    colors = {Outcome.OK: "green", Outcome.WARN: "yellow", Outcome.FAIL: "bold red", Outcome.AWAY: "bold red"}
    console = Console(soft_wrap=True, highlight=False)
    found: list[Finding] = []
    for finding in findings(settings()):
        found.append(finding)
        if not as_json:
            fix = f"\n                 fix: {finding.fix}" if finding.fix else ""
            line = Text.assemble((f"{finding.outcome:<5}", colors[finding.outcome]), f" {finding.check:<10} ")
            console.print(line.append(finding.text + fix))
    if as_json:
        write_records(Finding, found, Output.JSON)
    sys.stdout.flush()
    outcomes = {finding.outcome for finding in found}
    if Outcome.AWAY in outcomes:
        raise typer.Exit(UNREACHABLE)
    if Outcome.FAIL in outcomes:
        raise typer.Exit(CHECK_FAILED)
