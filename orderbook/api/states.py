"""How a symbol stands: live, stale or closed, by the rules of its profile."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from orderbook.api.service import Service
from orderbook.live.quotes import Quote, instant_of
from orderbook.profiles import Profile, Profiles
from orderbook.sessions import open_seconds

_INSTANT = timedelta(microseconds=1)

State = Literal["live", "stale", "closed"]


@dataclass(frozen=True, slots=True)
class Standing:
    """One symbol at one instant."""

    profile: Profile
    state: State
    is_open: bool
    age_seconds: float


def standing(quote: Quote, profiles: Profiles, now: datetime) -> Standing:
    """How the symbol of its newest quote stands; as ``completeness.freshness`` judges stored rows."""
    profile, at = profiles.of(quote.symbol), instant_of(quote)
    age = (now - at).total_seconds()
    is_open = profile.sessions is None or open_seconds(profile.sessions, now, now + _INSTANT) > 0
    patience = profile.stale_after_seconds
    is_stale = patience is not None and age > patience and open_seconds(profile.sessions, at, now) > patience
    return Standing(profile, "closed" if not is_open else "stale" if is_stale else "live", is_open, age)


def quotes_of(service: Service, symbols: list[str] | None) -> list[Quote]:
    """The newest quote of each of these symbols, by symbol; None: of all. What is not known is left out."""
    entries = service.hub.board.entries
    names = sorted(entries) if symbols is None else [symbol for symbol in symbols if symbol in entries]
    return [entries[name].quote for name in names]
