"""One tree of errors, by what the caller must do."""

import pytest

from orderbook import errors
from orderbook.errors import Halt, OrderbookError, Recreated, TripWire, Unavailable
from orderbook.store.ledger.partition_ledger import HALT_REASONS

EVERY = [found for found in vars(errors).values() if isinstance(found, type) and issubclass(found, Exception)]


@pytest.mark.parametrize("error", EVERY)
def test_every_error_is_of_the_tree_and_says_what_it_means(error: type[Exception]) -> None:
    assert issubclass(error, OrderbookError)
    assert error.__doc__


@pytest.mark.parametrize("halt", [Recreated("why"), TripWire("why")])
def test_a_halt_has_a_reason_of_the_closed_list(halt: Halt) -> None:
    assert halt.reason in HALT_REASONS
    assert str(halt) == f"{halt.reason}: why"


def test_what_is_retried_never_halts_and_what_halts_is_never_retried() -> None:
    assert not [found for found in EVERY if issubclass(found, Halt) and issubclass(found, Unavailable)]


@pytest.mark.parametrize("name", ["EarlyEnd", "OffsetOutOfRange", "OutOfTime"])
def test_what_the_log_s_client_says_never_counts_against_a_range(name: str) -> None:
    assert issubclass(getattr(errors, name), Unavailable)
