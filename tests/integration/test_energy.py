"""Power in the store: contracts beside the ticks, and negative prices where they belong."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.ingest.validator import Validator
from orderbook.profiles import load_profiles
from tests.commands import ok
from tests.integration.simulators import run as simulate
from tests.pipeline import Pipeline, tick

NEGATIVE = {"bid_price": Decimal(-500), "ask_price": Decimal("-499.99")}


def test_a_price_of_minus_500_is_stored_under_energy_and_power_and_quarantined_under_default(
    pipeline: Pipeline,
) -> None:
    symbols = ("TTF-GAS", "DE-QH-20260329T0015Z", "NBP-GAS")
    pipeline.produce([tick(1, symbol, **NEGATIVE) for symbol in symbols])
    pipeline.run()
    assert pipeline.rows("SELECT symbol, bid_price FROM ticks ORDER BY 1") == [
        ("DE-QH-20260329T0015Z", Decimal(-500)),
        ("TTF-GAS", Decimal(-500)),
    ]
    assert pipeline.rows("SELECT reason FROM quarantine") == [("nonpositive",)]


@pytest.mark.parametrize(("day", "quarters"), [("2026-03-29", 92), ("2026-10-25", 100)])
def test_a_day_of_summer_time_has_its_quarters_in_the_table(pipeline: Pipeline, day: str, quarters: int) -> None:
    for _ in range(2):  # a second time adds nothing
        ok("contracts", "add", "--areas", "DE,NL", "--date", day)
    counts = pipeline.rows("SELECT area, kind, count(*) FROM contract GROUP BY 1, 2 ORDER BY 1, 2")
    assert counts == [
        (area, kind, n) for area in ("DE", "NL") for kind, n in (("hour", quarters // 4), ("quarter", quarters))
    ]
    found = json.loads(ok("contracts", "ls", "--area", "DE", "--kind", "quarter", "--json"))
    assert len(found) == quarters
    assert found[0]["symbol"].startswith("DE-QH-")


def test_contracts_are_found_by_their_delivery(pipeline: Pipeline) -> None:
    ok("contracts", "add", "--areas", "FR", "--date", "2026-07-01")
    told = ok("contracts", "ls", "--from", "2026-07-01T10:00Z", "--to", "2026-07-01T11:00Z", "--json")
    assert [(row["kind"], row["delivery_start"][11:16]) for row in json.loads(told)] == [
        ("hour", "10:00"), ("quarter", "10:00"), ("quarter", "10:15"), ("quarter", "10:30"), ("quarter", "10:45"),
    ]  # fmt: skip
    assert json.loads(ok("contracts", "ls", "--open", "--json")) == []


def test_the_simulator_of_power_writes_contracts_that_are_stored(
    pipeline: Pipeline, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ORDERBOOK_SIMULATOR__MARKET", "power")
    settings.cache_clear()
    pipeline.judge = Validator(load_profiles(None))
    said = simulate(tmp_path, "--symbols", "DE,NL", "--interval", "0.02", "--count", "2000", "--seed", "1").said
    assert "power contracts of DE, NL, each every 0.02 seconds" in "\n".join(said)
    pipeline.with_policy(max_offsets=20_000).run()
    assert pipeline.one("SELECT count(*) FROM ticks") == 2_000
    assert pipeline.one("SELECT count(*) FROM quarantine") == 0
    today = datetime.now(UTC).date()
    for day in (today, "yesterday", datetime.fromordinal(today.toordinal() + 1).date()):
        ok("contracts", "add", "--areas", "DE,NL", "--date", str(day))
    unknown = pipeline.one("SELECT count(*) FROM ticks t LEFT JOIN contract c USING (symbol) WHERE c.symbol IS NULL")
    late = pipeline.one("SELECT count(*) FROM ticks t JOIN contract c USING (symbol) WHERE event_time >= gate_closure")
    assert (unknown, late) == (0, 0)
