"""Profiles: each flag is a row of a table."""

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.errors import ConfigError
from orderbook.profiles import FIRST_TIME, LAST_TIME, Profile, Profiles, load_profiles
from orderbook.tick import OrderBookTick

BROKER = datetime(2026, 1, 5, 8, 30, tzinfo=UTC)
PRESETS = ("default", "energy", "lenient", "historical")


def book(bid: str | None, ask: str | None, bid_volume: str | None = "1", ask_volume: str | None = "1") -> OrderBookTick:
    """A book; a side without a price has no volume either."""

    def number(text: str | None) -> Decimal | None:
        return None if text is None else Decimal(text)

    return OrderBookTick(
        symbol="X",
        event_time=BROKER,
        received_time=BROKER,
        bid_price=number(bid),
        ask_price=number(ask),
        bid_volume=number(bid_volume) if bid is not None else None,
        ask_volume=number(ask_volume) if ask is not None else None,
        sequence_id=1,
    )


LOCKED = book("5", "5")
EMPTY = book(None, None)
BID_ONLY = book("5", None)
ASK_ONLY = book(None, "5")
NO_BID_VOLUME = book("4", "5", bid_volume="0")
NEGATIVE_VOLUME = book("4", "5", ask_volume="-1")
ZERO_BID = book("0", "5")
NEGATIVE = book("-5", "-4")
CROSSED = book("5", "4")
CROSSED_BELOW_ZERO = book("-4", "-5")
FINE = book("4", "5")

#                          default         energy        lenient       historical
BOOKS = {
    "two sides": (FINE, None, None, None, None),
    "locked": (LOCKED, "locked", "locked", None, None),
    "empty": (EMPTY, "one_sided", "one_sided", None, None),
    "bid only": (BID_ONLY, "one_sided", "one_sided", None, None),
    "ask only": (ASK_ONLY, "one_sided", "one_sided", None, None),
    "a volume of zero": (NO_BID_VOLUME, "volume", "volume", None, None),
    "a negative volume": (NEGATIVE_VOLUME, "volume", "volume", "volume", "volume"),
    "a price of zero": (ZERO_BID, "nonpositive", None, None, None),
    "negative prices": (NEGATIVE, "nonpositive", None, None, None),
    "crossed": (CROSSED, "crossed", "crossed", "crossed", "crossed"),
    "crossed below zero": (CROSSED_BELOW_ZERO, "nonpositive", "crossed", "crossed", "crossed"),
}
CASES = [
    pytest.param(name, row[0], reason, id=f"{title} in {name}")
    for title, row in BOOKS.items()
    for name, reason in zip(PRESETS, row[1:], strict=True)
]


@pytest.fixture
def of_file(tmp_path: Path):
    """The profiles of a file with this text."""

    def load(text: str) -> Profiles:
        path = tmp_path / "profiles.toml"
        path.write_text(text, encoding="utf-8")
        return load_profiles(path)

    return load


@pytest.mark.parametrize(("name", "tick", "reason"), CASES)
def test_each_preset_takes_its_books(of_file, name: str, tick: OrderBookTick, reason: str | None) -> None:
    fault = of_file(f'[[symbols]]\npattern = "*"\nprofile = "{name}"').of("X").fault(tick, BROKER)
    assert (fault.reason if fault else None) == reason


@pytest.mark.parametrize(
    ("flag", "tick", "reason"),
    [
        ("allow_locked", LOCKED, "locked"),
        ("allow_one_sided", EMPTY, "one_sided"),
        ("allow_one_sided", BID_ONLY, "one_sided"),
        ("allow_zero_volume", NO_BID_VOLUME, "volume"),
        ("allow_nonpositive_price", NEGATIVE, "nonpositive"),
        ("allow_nonpositive_price", ZERO_BID, "nonpositive"),
    ],
)
def test_one_flag_allows_one_thing(flag: str, tick: OrderBookTick, reason: str) -> None:
    without, allowed = Profile("x"), Profile("x", **{flag: True})
    fault = without.fault(tick, None)
    assert fault is not None
    assert fault.reason == reason
    assert allowed.fault(tick, None) is None


@pytest.mark.parametrize(
    ("seconds", "reason"),
    [(-60, None), (-60.000001, "late"), (0, None), (5, None), (5.000001, "future"), (-1e9, "late"), (1e9, "future")],
)
def test_ages_are_bounded_on_both_sides_of_the_broker_s_time(seconds: float, reason: str | None) -> None:
    profile = Profile("x", max_age_seconds=60, max_ahead_seconds=5)
    tick = FINE.model_copy(update={"event_time": BROKER + timedelta(seconds=seconds)})
    fault = profile.fault(tick, BROKER)
    assert (fault.reason if fault else None) == reason
    assert profile.fault(tick, None) is None  # the broker gave no time
    assert Profile("x").fault(tick, BROKER) is None  # no bound


@pytest.mark.parametrize(
    ("at", "reason"),
    [
        (FIRST_TIME - timedelta(microseconds=1), "late"),
        (FIRST_TIME, None),
        (LAST_TIME - timedelta(microseconds=1), None),
        (LAST_TIME, "future"),
    ],
)
def test_no_profile_takes_a_time_that_ticks_has_no_day_for(at: datetime, reason: str | None) -> None:
    fault = Profile("x").fault(FINE.model_copy(update={"event_time": at}), None)
    assert (fault.reason if fault else None) == reason


def test_a_receive_time_is_never_judged() -> None:
    tick = FINE.model_copy(update={"received_time": datetime(1, 1, 1, tzinfo=UTC)})
    assert Profile("x", max_age_seconds=1).fault(tick, BROKER) is None


def test_the_presets_bound_ages_at_a_week_and_five_minutes(of_file) -> None:
    profiles = of_file("".join(f'[[symbols]]\npattern = "{name}"\nprofile = "{name}"\n' for name in PRESETS))
    bounds = {name: (profiles.of(name).max_age_seconds, profiles.of(name).max_ahead_seconds) for name in PRESETS}
    week = (7 * 86400, 300)
    assert bounds == {"default": week, "energy": week, "lenient": week, "historical": (None, None)}


def test_gas_has_the_energy_profile_and_what_no_pattern_names_the_default() -> None:
    profiles = load_profiles(None)
    assert profiles.of("TTF-GAS").name == "energy"
    assert profiles.of("ANYTHING").name == "default"


def test_the_first_pattern_that_fits_wins_and_case_counts(of_file) -> None:
    profiles = of_file("""
        [[symbols]]
        pattern = "EU*"
        profile = "lenient"
        [[symbols]]
        pattern = "EUR*"
        profile = "historical"
    """)
    assert [profiles.of(symbol).name for symbol in ("EURUSD", "eurusd")] == ["lenient", "default"]


def test_a_pattern_may_name_the_feed_of_its_symbols_and_others_are_feeds_by_themselves(of_file) -> None:  # type: ignore[no-untyped-def]
    profiles = of_file("""
        [[symbols]]
        pattern = "BRN-1"
        profile = "energy"
        [[symbols]]
        pattern = "BRN-*"
        profile = "energy"
        feed = "ice"
    """)
    assert [profiles.feed(symbol) for symbol in ("BRN-1", "BRN-2", "TTF")] == ["BRN-1", "ice", "TTF"]


def test_a_file_may_redefine_a_preset_and_add_a_profile(of_file) -> None:
    profiles = of_file("""
        [[symbols]]
        pattern = "BTC-*"
        profile = "crypto"
        [profiles.crypto]
        allow_locked = true
        max_age_seconds = 60
        [profiles.default]
        allow_zero_volume = true
    """)
    assert profiles.of("BTC-EUR") == Profile("crypto", allow_locked=True, max_age_seconds=60)
    assert profiles.of("TTF-GAS") == Profile("default", allow_zero_volume=True)  # whose patterns are not ours


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("a = ", "Invalid value"),
        ("[profiles.mine]\nallow_lock = true", "profiles.mine.allow_lock"),
        ('[profiles.mine]\nallow_locked = "no"', "profiles.mine.allow_locked"),
        ('[profiles.mine]\nmax_age_seconds = "1"', "profiles.mine.max_age_seconds"),
        ("[profiles.mine]\nmax_age_seconds = -1", "profiles.mine.max_age_seconds"),
        ("[profiles.mine]\nmax_ahead_seconds = inf", "profiles.mine.max_ahead_seconds"),
        ("[profiles.mine]\nmax_ahead_seconds = 1e300", "profiles.mine.max_ahead_seconds"),
        ("[profiles]\nmine = 5", "profiles.mine"),
        ("profiles = 5", "profiles"),
        ('[[symbols]]\npattern = "A"', "symbols.0.profile"),
        ('[[symbols]]\npattern = "A"\nprofile = "none"', "no profile none"),
        ('[[symbols]]\npattern = 5\nprofile = "default"', "symbols.0.pattern"),
        ("[symbol]", "symbol"),
    ],
)
def test_what_is_wrong_in_a_file_is_named_in_one_line(of_file, text: str, named: str) -> None:
    with pytest.raises(ConfigError) as raised:
        of_file(text)
    assert "profiles.toml" in str(raised.value)
    assert named in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_file_that_is_not_there_or_no_text_is_a_wrong_setting(tmp_path: Path) -> None:
    path = tmp_path / "p.toml"
    with pytest.raises(ConfigError):
        load_profiles(path)
    path.write_bytes(b"\xff")
    with pytest.raises(ConfigError):
        load_profiles(path)
