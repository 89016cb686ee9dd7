"""How the pipeline stands, from what the watchers last heard: no request for it waits for a service."""

from collections.abc import Iterable
from dataclasses import asdict
from typing import Any

from pydantic import BaseModel, Field

from orderbook.api.service import Service
from orderbook.api.sources import DayState, LedgerState, LogState
from orderbook.clock import utc_now
from orderbook.live.quotes import instant_text


class SourceState(BaseModel):
    """Whether a service answers."""

    up: bool
    error: str | None = Field(description="why not")


class AlarmState(BaseModel):
    """An alarm that nobody has acknowledged."""

    id: int
    kind: str
    partition: int | None
    start_offset: int | None
    end_offset: int | None
    detail: str
    raised_at: str


class PartitionState(BaseModel):
    """One partition. What Kafka alone knows is null while it is away."""

    partition: int
    log_start: int | None
    log_end: int | None
    planned: int
    committed: int
    lag_messages: int | None
    lag_seconds: float | None
    open_ranges: int
    held_ranges: int
    most_deaths: int
    drained_seconds_ago: float | None
    halted_reason: str | None


class ArchiveState(BaseModel):
    """The cold files."""

    files: int
    rows: int
    last: str | None = Field(description="when the newest file became part of the data")


class Links(BaseModel):
    """What else runs beside this API, where it knows."""

    flower: str | None = Field(description="Celery's tasks and workers")


class Status(BaseModel):
    """The pipeline at one instant; null is what is not known now."""

    server_time: str
    complete_through: str | None = Field(description="what the log held then is stored, in quarantine, or told as lost")
    coverage: float | None = Field(description="of the least covered symbol in the last 24 hours, 0 to 1")
    gaps_today: int | None = Field(description="in the last 24 hours")
    gaps_open: int | None
    quarantine: int | None = Field(description="rejects, resolved ones too")
    quarantine_open: int | None
    lost: int | None = Field(description="offsets that the log had no more")
    stored: int | None = Field(description="ticks landed since the first")
    rate_in: float | None = Field(description="ticks a second that come into the log")
    rate_out: float | None = Field(description="ticks a second that land, over the last ten seconds")
    lag_messages: int | None
    lag_seconds: float | None
    last_landed_seconds_ago: float | None
    queues: dict[str, int] | None = Field(description="messages that wait in Celery's queues")
    live_clients: int
    archive: ArchiveState | None
    links: Links
    sources: dict[str, SourceState]
    partitions: list[PartitionState]
    alarms_open: int | None
    alarms: list[AlarmState] = Field(description="the newest")


def sources_of(service: Service) -> dict[str, SourceState]:
    """Whether each service answers."""
    troubles = {name: watcher.trouble for name, watcher in service.watchers.items()}
    return {name: SourceState(up=trouble is None, error=trouble) for name, trouble in troubles.items()}


def status_of(service: Service) -> Status:
    """How everything stands."""
    ledger, day, log = service.ledger.latest(), service.day.latest(), service.log.latest()
    landed = None if ledger is None else ledger.landed
    partitions = partitions_of(ledger, log)
    return Status(
        server_time=instant_text(utc_now()),
        complete_through=_instant(ledger),
        coverage=None if day is None else day.coverage,
        gaps_today=None if day is None else day.gaps,
        gaps_open=None if ledger is None else ledger.open_gaps,
        quarantine=None if landed is None else landed.bad,
        quarantine_open=None if day is None else sum(day.quarantine_open.values()),
        lost=None if landed is None else landed.lost,
        stored=None if landed is None else landed.ok,
        rate_in=service.rate_in(),
        rate_out=None if landed is None else landed.ok_per_second,
        lag_messages=_most(sum, [p.lag_messages for p in partitions]),
        lag_seconds=_most(max, [p.lag_seconds for p in partitions]),
        last_landed_seconds_ago=None if landed is None else landed.last_landed_seconds_ago,
        queues=service.broker.latest(),
        live_clients=service.hub.clients,
        archive=None if day is None else _archive(day),
        links=Links(flower=service.settings.api.flower_url),
        sources=sources_of(service),
        partitions=partitions,
        alarms_open=None if ledger is None else ledger.alarms,
        alarms=[] if ledger is None else [
            AlarmState(**asdict(alarm) | {"raised_at": instant_text(alarm.raised_at)}) for alarm in ledger.newest_alarms
        ],
    )  # fmt: skip


def _archive(day: DayState) -> ArchiveState:
    last = day.archive.last
    return ArchiveState(
        files=day.archive.files, rows=day.archive.rows, last=None if last is None else instant_text(last)
    )


def _most(of: Any, values: Iterable[float | None]) -> Any:
    known = list(values)
    return None if not known or None in known else of(known)


def _instant(ledger: LedgerState | None) -> str | None:
    return None if ledger is None or ledger.complete_through is None else instant_text(ledger.complete_through)


def partitions_of(ledger: LedgerState | None, log: LogState | None) -> list[PartitionState]:
    """Each partition that a drainer has seen."""
    if ledger is None:
        return []
    found = []
    for cursor in ledger.cursors:
        bounds = None if log is None else log.bounds.get(cursor.partition)
        found.append(
            PartitionState(
                partition=cursor.partition,
                log_start=None if bounds is None else bounds.start,
                log_end=None if bounds is None else bounds.end,
                planned=cursor.planned,
                committed=cursor.committed,
                lag_messages=None if bounds is None else max(0, bounds.end - cursor.committed),
                lag_seconds=None if log is None else log.lag_seconds.get(cursor.partition),
                open_ranges=cursor.open_ranges,
                held_ranges=cursor.held_ranges,
                most_deaths=cursor.most_deaths,
                drained_seconds_ago=cursor.drained_seconds_ago,
                halted_reason=cursor.halted_reason,
            )
        )
    return found


def beat(service: Service) -> dict[str, Any]:
    """The part of the status that every heartbeat carries."""
    ledger, day = service.ledger.latest(), service.day.latest()
    return {
        "server_time": instant_text(utc_now()),
        "complete_through": _instant(ledger),
        "rate": None if ledger is None else ledger.landed.ok_per_second,
        "gaps_open": None if ledger is None else ledger.open_gaps,
        "coverage": None if day is None else day.coverage,
        "gaps_today": None if day is None else day.gaps,
        "quarantine_open": None if day is None else sum(day.quarantine_open.values()),
        "sources": {name: watcher.trouble is None for name, watcher in service.watchers.items()},
    }
