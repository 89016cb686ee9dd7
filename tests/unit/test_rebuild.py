"""What a rebuild would change, by what is stored and what is judged now."""

import pytest

from orderbook.store.ledger.recount import Stored
from orderbook.store.ledger.rejects import Reject
from orderbook.store.rebuild.rebuild import Changes, compare
from orderbook.tick import FIELDS, OrderBookTick
from tests.pipeline import tick

TICK = tick(7)
ROW = tuple(getattr(TICK, name) for name in FIELDS)
OTHER = (*ROW[:-1], 8)
REJECT = Reject(3, "crossed", None, "", None, None, b"k", b"{}")


def _row(reason: str, resolution: str) -> tuple[str, bytes, bytes, str]:
    return (reason, b"k", b"{}", resolution)


def _compare(tick: object, rejected: object, verdict: OrderBookTick | Reject) -> Changes:
    ticks = {} if tick is None else {3: tick}
    rejects = {} if rejected is None else {3: rejected}
    return compare(Stored(ticks, rejects), {3: verdict})  # type: ignore[arg-type] # rows as they come


@pytest.mark.parametrize(
    ("tick", "rejected", "verdict", "changes"),
    [
        (ROW, None, TICK, Changes()),
        (OTHER, None, TICK, Changes(withdrawn=[3], stored=[3])),
        (ROW, None, REJECT, Changes(withdrawn=[3], quarantined=[3])),
        (ROW, _row("late", "landed"), TICK, Changes()),
        (ROW, _row("late", "landed"), REJECT, Changes(withdrawn=[3], reopened=[3])),
        (None, _row("late", "open"), TICK, Changes(stored=[3], landed=[3])),
        (None, _row("late", "open"), REJECT, Changes()),
        (None, _row("late", "dropped"), TICK, Changes()),
        (None, _row("refused", "open"), TICK, Changes()),
        (None, _row("late", "landed"), TICK, Changes(elsewhere=[3])),
        (None, None, TICK, Changes(elsewhere=[3])),
        (None, None, REJECT, Changes(elsewhere=[3])),
    ],
)
def test_a_difference_is_named_by_what_is_stored_and_what_is_judged_now(
    tick: object, rejected: object, verdict: OrderBookTick | Reject, changes: Changes
) -> None:
    assert _compare(tick, rejected, verdict) == changes


def test_rows_that_are_archived_are_no_reason_to_write() -> None:
    assert not Changes(elsewhere=[3])
