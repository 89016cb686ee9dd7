"""Power contracts: what is delivered where and when, and until when it is traded. Pure; summer time included.

A contract is one quarter of an hour, or one hour, of a delivery day of an area. A delivery day is a day of the area's
own clock, so it has 92, 96 or 100 quarters. Contracts of the intraday markets are listed on the afternoon before (EPEX
SPOT, "Trading procedures": 15:00 hours, 16:00 quarters) and close shortly before delivery.
"""

from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from typing import Final, Literal
from zoneinfo import ZoneInfo

from orderbook.errors import ConfigError
from orderbook.sections import EnergySettings

Kind = Literal["quarter", "hour"]
LENGTH: Final[dict[Kind, timedelta]] = {"quarter": timedelta(minutes=15), "hour": timedelta(hours=1)}
CODE: Final[dict[Kind, str]] = {"quarter": "QH", "hour": "H"}
LISTED: Final[dict[Kind, time]] = {"quarter": time(16), "hour": time(15)}  # of the day before, by the area's clock


@dataclass(frozen=True, slots=True)
class Area:
    """A delivery area. Trading ends ``lead`` before delivery begins."""

    name: str
    time_zone: str
    lead: timedelta = timedelta(minutes=5)


AREAS: Final = {
    area.name: area
    for area in (
        Area("AT", "Europe/Vienna"),
        Area("BE", "Europe/Brussels"),
        Area("CH", "Europe/Zurich", timedelta(minutes=30)),
        Area("DE", "Europe/Berlin"),
        Area("FR", "Europe/Paris"),
        Area("NL", "Europe/Amsterdam"),
    )
}


@dataclass(frozen=True, slots=True)
class Contract:
    """One delivery period of one area; instants are aware, in UTC. The symbol tells the period by its begin in UTC."""

    symbol: str
    area: str
    kind: Kind
    delivery_start: datetime
    delivery_end: datetime
    listed_at: datetime
    gate_closure: datetime

    def open_at(self, at: datetime) -> bool:
        """Whether it is traded at an instant."""
        return self.listed_at <= at < self.gate_closure


def parse_areas(text: str) -> tuple[Area, ...]:
    """The areas of ``DE,FR``; none for no text. Raises ``ConfigError``."""
    names = [name.strip() for name in text.split(",") if name.strip()]
    for name in names:
        if name not in AREAS:
            raise ConfigError(f"{name!r} is no delivery area: choose from {', '.join(AREAS)}")
    if len(set(names)) < len(names):
        raise ConfigError(f"{text!r} names an area twice")
    return tuple(AREAS[name] for name in names)


def contracts_of(area: Area, day: date, kind: Kind) -> list[Contract]:
    """All contracts of one delivery day, in order of delivery: 92, 96 or 100 quarters, 23 to 25 hours."""
    zone = ZoneInfo(area.time_zone)
    at, end = (datetime.combine(d, time(0), zone).astimezone(UTC) for d in (day, day + timedelta(days=1)))
    listed = datetime.combine(day - timedelta(days=1), LISTED[kind], zone).astimezone(UTC)
    found = []
    while at < end:
        symbol = f"{area.name}-{CODE[kind]}-{at:%Y%m%dT%H%MZ}"
        found.append(Contract(symbol, area.name, kind, at, at + LENGTH[kind], listed, at - area.lead))
        at += LENGTH[kind]
    return found


def open_contracts(areas: tuple[Area, ...], at: datetime) -> list[Contract]:
    """Everything that is traded at an instant, next delivery first."""
    found = [
        contract
        for area in areas
        for days in range(-1, 3)  # the area's day and UTC's differ by one at most
        for kind in LENGTH
        for contract in contracts_of(area, at.date() + timedelta(days=days), kind)
        if contract.open_at(at)
    ]
    return sorted(found, key=lambda contract: (contract.delivery_start, contract.symbol))


def next_change(areas: tuple[Area, ...], at: datetime) -> datetime:
    """When the next contract is listed or closes, after ``at``."""
    return min(
        moment
        for area in areas
        for days in range(-1, 3)
        for kind in LENGTH
        for contract in contracts_of(area, at.date() + timedelta(days=days), kind)
        for moment in (contract.listed_at, contract.gate_closure)
        if moment > at
    )


def contracts_ahead(energy: EnergySettings, today: date) -> list[Contract]:
    """Of the areas in the settings: today's and the next days' contracts."""
    return [
        contract
        for area in parse_areas(energy.areas)
        for days in range(energy.days_ahead + 1)
        for kind in LENGTH
        for contract in contracts_of(area, today + timedelta(days=days), kind)
    ]
