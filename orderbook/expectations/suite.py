"""What is expected of the stored ticks, built from the profiles. Pure: rules in, expectations out.

Each expectation passes over what a more basic one already condemns, so that what fails names the cause.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, Final, Literal

from orderbook.profiles import Profile
from orderbook.store.expectation_runs import Severity

Batch = Literal["ticks", "numbers", "ledger", "symbols", "schema"]

_MICRO = 10**6
_SYMBOL = r"^[!-~](?:[ -~]{0,62}[!-~])?\Z"  # `$` would let a line break pass at the end


@dataclass(frozen=True, slots=True)
class Expected:
    """One expectation: ``kind`` is a class of Great Expectations, ``arguments`` are its.

    ``batch`` says what it is held against; ``told`` what is true where it passes.
    """

    name: str
    batch: Batch
    kind: str
    told: str
    severity: Severity = "critical"
    arguments: dict[str, Any] = field(default_factory=dict)
    profile: str | None = None


SCHEMA: Final = Expected(
    "columns_as_declared",
    "schema",
    "ExpectColumnPairValuesToBeEqual",
    "ticks has the columns, types and null rules that this version declares",
    arguments={"column_A": "found", "column_B": "declared"},
)
FINITE: Final = Expected(
    "numbers_finite",
    "numbers",
    "ExpectColumnValuesToBeInSet",
    "no number is NaN, no time infinite",
    arguments={"column": "finite", "value_set": [True]},
)
LEDGER: Final = Expected(
    "rows_match_ledger",
    "ledger",
    "ExpectColumnPairValuesToBeEqual",
    "each symbol and hour has as many rows as the ledger counted",
    arguments={"column_A": "stored", "column_B": "counted"},
)
SYMBOLS: Final = (
    Expected(
        "symbol_well_formed",
        "symbols",
        "ExpectColumnValuesToMatchRegex",
        "symbols are 1 to 64 printable ASCII characters without outer spaces",
        arguments={"column": "symbol", "regex": _SYMBOL},
    ),
    Expected(
        "fresh_within_sessions",
        "symbols",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        "no symbol is silent, within its sessions, for longer than its profile's patience",
        severity="warning",
        arguments={
            "column_A": "patience_seconds",
            "column_B": "silent_seconds",
            "or_equal": True,
            "ignore_row_if": "either_value_is_missing",
        },
    ),
)


def tick_suite(profile: Profile) -> list[Expected]:
    """What is expected of each tick of a profile; the columns are those of ``columns.derive``."""
    return [*_present(profile), *_ranges(profile), _order(profile), *_sequence(profile), *_spread(profile)]


def whole_suite(profiles: list[Profile]) -> list[Expected]:
    """All expectations over symbols of these profiles, in the order of the report."""
    ticks = [expected for profile in profiles for expected in tick_suite(profile)]
    return [SCHEMA, LEDGER, FINITE, *SYMBOLS, *ticks]


def _present(profile: Profile) -> Iterator[Expected]:
    if profile.allow_one_sided:
        yield _ticks(
            profile,
            "sides_whole",
            "ExpectColumnValuesToBeInSet",
            "a side has both a price and a volume, or neither",
            column="sides_whole",
            value_set=[True],
        )
        return
    for column in ("bid_price", "ask_price", "bid_volume", "ask_volume"):
        kind = "ExpectColumnValuesToNotBeNull"
        yield _ticks(profile, f"{column}_present", kind, f"{column} is there", column=f"{column}_nano")


def _ranges(profile: Profile) -> Iterator[Expected]:
    if not profile.allow_nonpositive_price:
        for column in ("bid_price", "ask_price"):
            told = f"{column} is above zero"
            yield _between(profile, f"{column}_nano", told, name=f"{column}_in_range", min_value=0, strict_min=True)
    least = "not below zero" if profile.allow_zero_volume else "above zero"
    for column in ("bid_volume", "ask_volume"):
        name, strict = f"{column}_in_range", not profile.allow_zero_volume
        yield _between(profile, f"{column}_nano", f"{column} is {least}", name=name, min_value=0, strict_min=strict)
    told = "sequence_id is not below zero"
    yield _between(profile, "sequence_id", told, name="sequence_id_in_range", min_value=0)
    yield from _delay(profile)


def _delay(profile: Profile) -> Iterator[Expected]:
    ahead, age = profile.max_ahead_seconds, profile.max_age_seconds
    if ahead is None and age is None:
        return
    bounds = {} if ahead is None else {"min_value": -round(ahead * _MICRO)}
    bounds |= {} if age is None else {"max_value": round(age * _MICRO)}
    told = "received_time is as near to event_time as the profile's ages allow"
    yield _ticks(
        profile,
        "received_time_in_range",
        "ExpectColumnValuesToBeBetween",
        told,
        "warning",
        column="delay_microseconds",
        **bounds,
    )


def _order(profile: Profile) -> Expected:
    return _ticks(
        profile,
        "bid_below_ask",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        "the bid is not above the ask" if profile.allow_locked else "the bid is below the ask",
        column_A="sound_ask",
        column_B="sound_bid",
        or_equal=profile.allow_locked,
        ignore_row_if="either_value_is_missing",
    )


def _sequence(profile: Profile) -> Iterator[Expected]:
    if profile.sequence != "none":
        told = "sequence ids do not go back as event time goes on, but where a reset is recorded"
        yield _between(profile, "sequence_step", told, name="sequence_monotonic", min_value=0)


def _spread(profile: Profile) -> Iterator[Expected]:
    if profile.max_spread is None and profile.max_spread_ratio is None:
        return
    yield _ticks(
        profile,
        "spread_in_band",
        "ExpectColumnPairValuesAToBeGreaterThanB",
        f"the spread is at most {_band(profile)}",
        "warning",
        column_A="spread_band",
        column_B="spread",
        or_equal=True,
        ignore_row_if="either_value_is_missing",
    )


def _band(profile: Profile) -> str:
    bounds = [] if profile.max_spread is None else [f"{profile.max_spread:g}"]
    bounds += [] if profile.max_spread_ratio is None else [f"{profile.max_spread_ratio:.4g} of the mid"]
    return " or ".join(bounds)


def _between(profile: Profile, column: str, told: str, *, name: str, **bounds: Any) -> Expected:
    return _ticks(profile, name, "ExpectColumnValuesToBeBetween", told, column=column, **bounds)


def _ticks(
    profile: Profile, name: str, kind: str, told: str, severity: Severity = "critical", **arguments: Any
) -> Expected:
    return Expected(name, "ticks", kind, told, severity, arguments, profile.name)
