"""Every Celery task: a thin shell over a stage. Clients are made per process, after the fork, on first use."""

import os
from collections.abc import Callable
from contextlib import suppress
from functools import cache
from typing import Any

import structlog

from orderbook import metrics
from orderbook.aside import Aside
from orderbook.broker import BROKER_ERRORS
from orderbook.celery import app
from orderbook.clock import monotonic
from orderbook.completeness.stitcher import Stitcher
from orderbook.completeness.summary import Summariser
from orderbook.config import settings
from orderbook.drain.drainer import Drainer, Timing
from orderbook.drain.policy import CutPolicy
from orderbook.errors import ConfigError, Unavailable
from orderbook.expectations.judge import require_library
from orderbook.expectations.launch import CHILD, LEAN
from orderbook.ingest.fast_lane import FastLane
from orderbook.ingest.ingestor import AttemptPolicy, Ingestor
from orderbook.ingest.isolation import Isolation
from orderbook.ingest.validator import Validator
from orderbook.ingest.witness import Witness
from orderbook.live.channel import Publisher
from orderbook.logs import Tally
from orderbook.store.completeness.sequences import Sequences
from orderbook.store.database import engine_for
from orderbook.store.days import make_days_ahead
from orderbook.store.ledger.claims import Claims
from orderbook.store.ledger.landing import Landing
from orderbook.store.ledger.ledger import Ledger
from orderbook.store.ledger.merge import merge_finished
from orderbook.store.ledger.outbox import relay_turn
from orderbook.stream.dead_letters import DeadLetters
from orderbook.stream.fetcher import make_fetcher
from orderbook.stream.topics import TopicClient
from orderbook.turns import TRANSACTION_SECONDS, maintenance_engine, patience, profiles

log = structlog.get_logger(__name__)

LETTERS_AT_ONCE = 500
FEWEST_AT_ONCE = 32  # records that are worth a column each


@app.task(name="drain")
def drain() -> None:
    """One pass of the drainer: cut new ranges, hint what is due, project the prefix. It serves all that asked for one.

    Passes come before ranges. Those that were asked for during a slow one would keep the ranges waiting long after it.
    """
    with patience("drain put off"):
        began = monotonic()
        try:
            if _drainer(os.getpid()).run() is not None:
                metrics.DRAIN_DURATION.observe(monotonic() - began)
        finally:
            with suppress(Unavailable):  # of the broker, which the pass itself has told
                _broker(_forget_waiting_passes)()


@app.task(name="ingest")
def ingest(range_id: int) -> None:
    """One attempt at a range. The id is a hint: anything else than a range that is due is a no-op."""
    if type(range_id) is not int or not 0 < range_id < 2**63:
        log.warning("hint ignored", hint=repr(range_id)[:80])
        return
    with patience("ingest put off"):
        _ingestor(os.getpid()).run(range_id)


@app.task(name="make_days")
def make_days() -> None:
    """Make the daily partitions of the days ahead."""
    with patience("days not made"):
        made = make_days_ahead(maintenance_engine(), settings().database.days_ahead)
        if made:
            log.info("days made", days=[day.isoformat() for day in made])


@app.task(name="merge_ranges")
def merge_ranges() -> None:
    """Merge finished ranges with their neighbours, so that the ledger stays small."""
    with patience("ranges not merged"):
        merged = merge_finished(maintenance_engine(), settings().database.merge_after_seconds)
        if merged:
            log.info("ranges merged", ranges=merged)


@app.task(name="stitch")
def stitch() -> None:
    """Stitch the sequence ids of what was finished since: gaps, repeats, resets, and ticks by the hour."""
    with patience("ids not stitched"):
        done = _stitcher(os.getpid()).run()
        _sequence_events(os.getpid()).add({**done.events, "confirmed": done.confirmed})


@app.task(name="archive", acks_late=False)
def archive() -> None:
    """Start a run of the archive in a process of its own, which may take hours, and return at once.

    Where one still runs, here or elsewhere, the new one finds its lock taken and ends. Without a root that was named
    nothing is frozen: a folder of this machine alone would take the days with it.
    """
    if settings().archive.root is not None:
        _archiving(os.getpid()).start()


@app.task(name="relay_rejects")
def relay_rejects() -> None:
    """Relay what was rejected to the topic of dead letters. Landing never waits: while it is behind, some at a time."""
    pid = os.getpid()
    with patience("rejects not relayed"):
        try:
            relay_turn(
                maintenance_engine(),
                lambda letters: _dead_letters(pid).send(letters),  # made when there is something to send
                LETTERS_AT_ONCE,
                _broker(_queued_hints),
            )
        except Unavailable:
            _dead_letters.cache_clear()
            raise


@app.task(name="expect")
def expect() -> None:
    """Have Great Expectations judge what is due, in a process that this one does not wait for."""
    with patience("expectations are not judged", ConfigError):  # where the extra is not installed: the rest works
        require_library()
        _judging(os.getpid()).start()


@cache
def _sequence_events(_pid: int) -> Tally:
    return Tally(log, "sequence events")


@cache
def _drainer(_pid: int) -> Drainer:
    config = settings()
    engine = engine_for(config.database, "ingest", name="orderbook-drain", transaction_seconds=TRANSACTION_SECONDS)
    return Drainer(
        Ledger(engine),
        connect=lambda: TopicClient(config.kafka),
        send=_broker(lambda range_id: ingest.apply_async((range_id,), retry=False)),
        queued=_broker(_queued_hints),
        topic=config.kafka.topic,
        policy=CutPolicy(config.drain.max_offsets, config.drain.max_open),
        timing=Timing(config.ingest.lease_seconds, config.drain.hint_again_seconds),
    )


@cache
def _ingestor(_pid: int) -> Ingestor:
    config = settings()
    options = config.ingest
    known = profiles()
    validator = Validator(known, options.unknown_fields)
    engine = engine_for(config.database, "ingest", name="orderbook-ingest", transaction_seconds=options.landing_seconds)
    return Ingestor(
        Claims(engine, options.lease_seconds),
        fetcher=lambda: make_fetcher(config.kafka, config.drain.max_offsets),
        witness=Witness(lambda: TopicClient(config.kafka)),
        judge=FastLane(validator, known, FEWEST_AT_ONCE) if options.fast_lane else validator,
        landing=Landing(expect_gaps=config.kafka.expect_gaps),
        isolate=Isolation(options.fetch_seconds, options.fetch_seconds).read,
        summarise=Summariser(known),
        announce=Publisher(config.redis, config.kafka.topic).announce,
        policy=AttemptPolicy(options.fetch_bytes, options.fetch_seconds, options.landing_seconds + 5),
        name=config.kafka.topic,
    )


@cache
def _stitcher(_pid: int) -> Stitcher:
    config = settings()
    return Stitcher(
        Sequences(maintenance_engine()),
        profiles(),
        confirm_after_seconds=config.completeness.confirm_after_seconds,
        pause_seconds=config.completeness.interval_seconds / 2,
    )


@cache
def _archiving(_pid: int) -> Aside:
    return Aside("orderbook.archive")


@cache
def _judging(_pid: int) -> Aside:
    return Aside(CHILD, "due", environment=LEAN, detached=True)


@cache
def _dead_letters(_pid: int) -> DeadLetters:
    return DeadLetters(settings().kafka)


def _queued_hints() -> int:
    with app.pool.acquire(block=True) as connection:
        return int(connection.default_channel.client.llen("ingest"))


def _forget_waiting_passes() -> None:
    with app.pool.acquire(block=True) as connection:
        connection.default_channel.client.delete("drain")


def _broker(call: Callable[..., Any]) -> Callable[..., Any]:
    def guarded(*arguments: Any) -> Any:
        try:
            return call(*arguments)
        except BROKER_ERRORS as error:
            raise Unavailable(f"Redis: {error}") from error

    return guarded
