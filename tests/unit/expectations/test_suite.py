"""The suite follows the profile: each flag adds, drops or loosens an expectation."""

from dataclasses import replace

import pytest

from orderbook.expectations.suite import Expected, tick_suite, whole_suite
from orderbook.profiles import Profile, load_profiles

STRICT = Profile("strict", max_age_seconds=60, max_ahead_seconds=1.5, max_spread=2.0, max_spread_ratio=0.5)


def suite(**changes: object) -> dict[str, Expected]:
    return {expected.name: expected for expected in tick_suite(replace(STRICT, **changes))}  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("changes", "gone", "new"),
    [
        (
            {"allow_one_sided": True},
            {"bid_price_present", "ask_price_present", "bid_volume_present", "ask_volume_present"},
            {"sides_whole"},
        ),
        ({"allow_nonpositive_price": True}, {"bid_price_in_range", "ask_price_in_range"}, set()),
        ({"sequence": "none"}, {"sequence_monotonic"}, set()),
        ({"sequence": "increasing"}, set(), set()),
        ({"max_spread": None}, set(), set()),
        ({"max_spread": None, "max_spread_ratio": None}, {"spread_in_band"}, set()),
        ({"max_age_seconds": None}, set(), set()),
        ({"max_age_seconds": None, "max_ahead_seconds": None}, {"received_time_in_range"}, set()),
    ],
)
def test_a_flag_of_the_profile_changes_the_suite(changes: dict[str, object], gone: set[str], new: set[str]) -> None:
    before, after = set(suite()), set(suite(**changes))
    assert (before - after, after - before) == (gone, new)


def test_bounds_come_from_the_profile() -> None:
    assert suite()["received_time_in_range"].arguments == {
        "column": "delay_microseconds",
        "min_value": -1_500_000,
        "max_value": 60_000_000,
    }
    assert suite()["bid_below_ask"].arguments["or_equal"] is False
    assert suite(allow_locked=True)["bid_below_ask"].arguments["or_equal"] is True
    assert suite()["bid_volume_in_range"].arguments["strict_min"] is True
    assert suite(allow_zero_volume=True)["bid_volume_in_range"].arguments["strict_min"] is False
    assert suite()["spread_in_band"].told == "the spread is at most 2 or 0.5 of the mid"


def test_a_name_stands_once_in_a_profile_and_each_profile_has_its_own() -> None:
    profiles = [load_profiles(None).of("TTF-GAS"), load_profiles(None).of("X")]
    found = [(expected.name, expected.profile) for expected in whole_suite(profiles)]
    assert len(found) == len(set(found))
    assert {profile for _, profile in found} == {None, "energy", "default"}
