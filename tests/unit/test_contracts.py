"""Power contracts: 92, 96 and 100 quarters a day, in an order that no change of the clock disturbs."""

from datetime import UTC, date, datetime, timedelta
from itertools import pairwise

import pytest

from orderbook.contracts import AREAS, LENGTH, contracts_ahead, contracts_of, next_change, open_contracts, parse_areas
from orderbook.errors import ConfigError
from orderbook.profiles import load_profiles
from orderbook.sections import EnergySettings

DE = AREAS["DE"]


@pytest.mark.parametrize("area", AREAS.values(), ids=AREAS)
@pytest.mark.parametrize(
    ("day", "quarters"), [(date(2026, 3, 29), 92), (date(2026, 10, 25), 100), (date(2026, 7, 1), 96)]
)
def test_a_day_has_as_many_quarters_as_its_clock_shows(area: object, day: date, quarters: int) -> None:
    found = contracts_of(area, day, "quarter")  # type: ignore[arg-type]
    assert len(found) == quarters
    assert len(contracts_of(area, day, "hour")) == quarters // 4  # type: ignore[arg-type]
    assert len({contract.symbol for contract in found}) == quarters
    assert all(one.delivery_end == other.delivery_start for one, other in pairwise(found))


def test_days_follow_each_other_without_a_gap_all_year() -> None:
    days = [date(2026, 1, 1) + timedelta(days=n) for n in range(366)]
    for kind in LENGTH:
        found = [contract for day in days for contract in contracts_of(DE, day, kind)]
        assert all(one.delivery_end == other.delivery_start for one, other in pairwise(found))


def test_a_contract_knows_its_area_delivery_listing_and_gate_closure() -> None:
    first = contracts_of(DE, date(2026, 3, 29), "quarter")[0]
    assert first.symbol == "DE-QH-20260328T2300Z"
    assert (first.area, first.delivery_start) == ("DE", datetime(2026, 3, 28, 23, tzinfo=UTC))
    assert first.delivery_end - first.delivery_start == timedelta(minutes=15)
    assert first.listed_at == datetime(2026, 3, 28, 15, tzinfo=UTC)  # 16:00 in Berlin
    assert first.gate_closure == first.delivery_start - timedelta(minutes=5)


def test_a_contract_is_open_from_its_listing_until_just_before_its_gate_closes() -> None:
    contract = contracts_of(DE, date(2026, 3, 29), "hour")[5]
    moment = timedelta(microseconds=1)
    assert not contract.open_at(contract.listed_at - moment)
    assert contract.open_at(contract.listed_at)
    assert contract.open_at(contract.gate_closure - moment)
    assert not contract.open_at(contract.gate_closure)


@pytest.mark.parametrize("month", [3, 7, 10])
def test_what_is_open_changes_at_the_next_change_and_not_before(month: int) -> None:
    at = datetime(2026, month, 28, 0, 1, tzinfo=UTC)
    for _ in range(60):
        change = next_change((DE,), at)
        before, after = open_contracts((DE,), change - timedelta(microseconds=1)), open_contracts((DE,), change)
        assert open_contracts((DE,), at) == before != after
        at = change


def test_unknown_and_repeated_areas_are_refused() -> None:
    assert parse_areas("DE, NL") == (AREAS["DE"], AREAS["NL"])
    with pytest.raises(ConfigError, match="'XX' is no delivery area"):
        parse_areas("DE,XX")
    with pytest.raises(ConfigError, match="twice"):
        parse_areas("DE,DE")


def test_every_contract_has_the_profile_of_power() -> None:
    profiles = load_profiles(None)
    symbols = [c.symbol for c in contracts_ahead(EnergySettings(areas="DE,NL", days_ahead=1), date(2026, 3, 28))]
    assert len(symbols) == 2 * (96 + 24 + 92 + 23)
    assert {profiles.of(symbol).name for symbol in symbols} == {"power"}
