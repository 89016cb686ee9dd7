"""Symbols that stand still are missed in a market of any size, and named where they may be labels."""

from datetime import UTC, datetime
from typing import Literal

import pytest

from orderbook.completeness.freshness import Freshness
from orderbook.exporter.quality import EXPIRED_SECONDS, stale_samples
from orderbook.metrics import MOST_SYMBOLS

State = Literal["live", "stale", "closed"]


def symbol(number: int, state: State, open_age: float = 60) -> Freshness:
    return Freshness(f"S{number}", datetime(2026, 1, 5, tzinfo=UTC), open_age, open_age, state)


def figures(found: list[Freshness]) -> dict[tuple[str, ...], float]:
    return {(metric.suffix, *labels): value for metric, labels, value in stale_samples(found)}


def test_each_symbol_says_whether_it_stands_still_and_a_closed_one_does_not() -> None:
    found = figures([symbol(1, "live"), symbol(2, "stale"), symbol(3, "closed")])
    assert found == {
        ("symbols_stale",): 1,
        ("symbol_stale", "S1"): 0,
        ("symbol_stale", "S2"): 1,
        ("symbol_stale", "S3"): 0,
    }


@pytest.mark.parametrize(("symbols", "named"), [(MOST_SYMBOLS, MOST_SYMBOLS), (MOST_SYMBOLS + 1, 0)])
def test_a_market_too_large_for_labels_is_still_watched(symbols: int, named: int) -> None:
    found = figures([symbol(number, "stale") for number in range(symbols)])
    assert found.pop(("symbols_stale",)) == symbols
    assert len(found) == named


def test_a_contract_that_has_expired_is_not_missed() -> None:
    assert figures([symbol(1, "stale", EXPIRED_SECONDS + 1)]) == {("symbols_stale",): 0}
