"""Profiles: what makes a well-formed tick acceptable, by symbol. A profile can be printed, compared, tested."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from fnmatch import fnmatchcase
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Final, NamedTuple

from pydantic import BaseModel, ConfigDict, Field, StrictBool, ValidationError, field_validator

from orderbook.errors import ConfigError
from orderbook.sequence import Rule
from orderbook.sessions import Sessions
from orderbook.tick import OrderBookTick

REASONS: Final = (
    "json", "schema", "symbol", "time", "late", "future", "number", "crossed", "locked", "one_sided", "nonpositive",
    "volume", "sequence", "unknown_field", "version", "tombstone", "refused", "poison", "poison_unread",
)  # fmt: skip

FIRST_TIME: Final = datetime(
    1900, 1, 1, tzinfo=UTC
)  # no profile takes a time outside: the days of `ticks` are bounded too
LAST_TIME: Final = datetime(2200, 1, 1, tzinfo=UTC)


class Fault(NamedTuple):
    """Why a record is not acceptable."""

    reason: str
    field: str | None
    detail: str


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Seconds = Annotated[float, Field(strict=True, gt=0, le=1e10)]  # three centuries: timedelta and datetime hold it


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules for the ticks of some symbols. Ages are measured against the broker's clock, never a host's."""

    __pydantic_config__ = ConfigDict(extra="forbid")  # when read from a file

    name: str
    allow_locked: StrictBool = False
    allow_one_sided: StrictBool = False
    allow_zero_volume: StrictBool = False
    allow_nonpositive_price: StrictBool = False
    max_age_seconds: Seconds | None = None
    max_ahead_seconds: Seconds | None = None
    sequence: Rule = "+1"  # how sequence ids go on: nothing else is a gap, a repeat, a reorder or a reset
    stale_after_seconds: Seconds | None = None  # of open time without a tick: the symbol stands still
    sessions: Sessions | None = None  # None: always open
    max_spread: Positive | None = None  # in units of the price; a wider one is stored, and fails its expectation
    max_spread_ratio: Positive | None = None  # as a share of the mid; of both bounds the wider counts

    def fault(self, tick: OrderBookTick, broker_time: datetime | None) -> Fault | None:
        """What is wrong with ``tick``, or None. No age is judged where the broker gave no time."""
        return self._age_fault(tick, broker_time) or self._book_fault(tick)

    def _age_fault(self, tick: OrderBookTick, broker_time: datetime | None) -> Fault | None:
        at = tick.event_time
        if at < FIRST_TIME:
            return Fault("late", "event_time", f"before {FIRST_TIME:%Y}")
        if at >= LAST_TIME:
            return Fault("future", "event_time", f"not before {LAST_TIME:%Y}")
        if broker_time is None:
            return None
        if self.max_age_seconds is not None and at < broker_time - timedelta(seconds=self.max_age_seconds):
            return Fault("late", "event_time", f"{broker_time - at} before the broker's time")
        if self.max_ahead_seconds is not None and at > broker_time + timedelta(seconds=self.max_ahead_seconds):
            return Fault("future", "event_time", f"{at - broker_time} after the broker's time")
        return None

    def _book_fault(self, tick: OrderBookTick) -> Fault | None:
        return self._side_fault(tick) or self._spread_fault(tick)

    def _side_fault(self, tick: OrderBookTick) -> Fault | None:
        for side, price, volume in (
            ("bid", tick.bid_price, tick.bid_volume),
            ("ask", tick.ask_price, tick.ask_volume),
        ):
            if (price is None) != (volume is None):
                return Fault("schema", f"{side}_volume", "a side has both a price and a volume, or neither")
            if price is None or volume is None:
                if not self.allow_one_sided:
                    return Fault("one_sided", f"{side}_price", "this profile wants two sides")
                continue
            if price <= 0 and not self.allow_nonpositive_price:
                return Fault("nonpositive", f"{side}_price", "not above zero")
            if volume < 0 or (volume == 0 and not self.allow_zero_volume):
                return Fault("volume", f"{side}_volume", "not above zero")
        return None

    def _spread_fault(self, tick: OrderBookTick) -> Fault | None:
        if tick.bid_price is None or tick.ask_price is None or tick.bid_price < tick.ask_price:
            return None
        if tick.bid_price > tick.ask_price:
            return Fault("crossed", "bid_price", "bid above ask")
        return None if self.allow_locked else Fault("locked", "bid_price", "bid equal to ask")


class Profiles:
    """Which profile a symbol has."""

    def __init__(
        self, patterns: list[tuple[str, Profile]], default: Profile, feeds: Sequence[tuple[str, str | None]] = ()
    ) -> None:
        self._patterns = patterns
        self._default = default
        self._feeds = feeds
        self.of = cache(self._find)  # symbols are few; the judge asks for each record

    def feed(self, symbol: str) -> str:
        """The feed whose clocks stamp the symbol: the one that its pattern names; else the symbol is one by itself."""
        return next((feed for pattern, feed in self._feeds if fnmatchcase(symbol, pattern)), None) or symbol

    def _find(self, symbol: str) -> Profile:
        return next((p for pattern, p in self._patterns if fnmatchcase(symbol, pattern)), self._default)


def load_profiles(path: Path | None) -> Profiles:
    """The profiles of a TOML file, over our presets; ``None``: the presets alone. Raises ``ConfigError``."""
    preset = tomllib.loads(files("orderbook").joinpath("profiles.toml").read_text())
    if path is None:
        return _build(preset, preset)
    try:
        return _build(tomllib.loads(path.read_text(encoding="utf-8")), preset)
    except ValidationError as error:
        raise ConfigError(f"{path}: {'; '.join(_lines(error))}") from None
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: {error}") from error


class _Pattern(BaseModel):
    model_config = ConfigDict(extra="forbid")

    pattern: str
    profile: str
    feed: str | None = None


class _Document(BaseModel):
    model_config = ConfigDict(extra="forbid")

    symbols: list[_Pattern] = []
    profiles: dict[str, Profile] = {}

    @field_validator("profiles", mode="before")
    @classmethod
    def _named(cls, found: Any) -> Any:
        if not isinstance(found, dict):
            return found
        return {name: {**flags, "name": name} if isinstance(flags, dict) else flags for name, flags in found.items()}


def _build(found: dict[str, Any], preset: dict[str, Any]) -> Profiles:
    document, presets = _Document.model_validate(found), _Document.model_validate(preset)
    profiles = {**presets.profiles, **document.profiles}
    for entry in document.symbols:
        if entry.profile not in profiles:
            raise ValueError(f"symbols {entry.pattern}: there is no profile {entry.profile}")
    patterns = [(entry.pattern, profiles[entry.profile]) for entry in document.symbols]
    feeds = [(entry.pattern, entry.feed) for entry in document.symbols]
    return Profiles(patterns, profiles["default"], feeds)


def _lines(error: ValidationError) -> list[str]:
    return [
        f"{'.'.join(str(part) for part in problem['loc'])}: {problem['msg']}"
        for problem in error.errors(include_url=False, include_input=False)
    ]
