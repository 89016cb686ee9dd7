"""Tasks that look at the market itself: contracts, clocks. Thin shells, as in ``tasks``."""

from typing import Any

import structlog
from celery.signals import worker_ready

from orderbook.celery import app
from orderbook.clock import utc_now
from orderbook.completeness.clocks import ClockWatcher, StepPolicy, told
from orderbook.config import settings
from orderbook.contracts import contracts_ahead
from orderbook.store.completeness.clocks import ClockWatch
from orderbook.store.contracts import add_contracts
from orderbook.turns import maintenance_engine, patience, profiles

log = structlog.get_logger(__name__)


@worker_ready.connect
def _list_contracts_at_once(**_: Any) -> None:
    if settings().energy.areas:
        list_contracts.apply_async()  # beat's own first turn comes an interval after its start


@app.task(name="list_contracts")
def list_contracts() -> None:
    """List the power contracts of the days ahead."""
    energy = settings().energy
    with patience("contracts not listed"):
        added = add_contracts(maintenance_engine(), contracts_ahead(energy, utc_now().date()))
        if added:
            log.info("contracts listed", contracts=added)


@app.task(name="watch_clocks")
def watch_clocks() -> None:
    """Compare the clocks of receiver and venue on what was landed since; a step is an alarm."""
    policy = StepPolicy(int(settings().completeness.clock_step_seconds * 1_000_000))
    with patience("clocks not compared"):
        steps = ClockWatcher(ClockWatch(maintenance_engine()), profiles().feed, policy).run()
        if steps:
            log.error("a clock was set", steps=list(told(steps)))
