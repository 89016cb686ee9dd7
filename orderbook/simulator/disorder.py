"""What goes wrong between ticks: ids passed over, sent again, out of order or counted anew; a symbol that falls silent.

Each leaves exactly one sequence event, which the ledger names: a fault strikes only where the symbol's record before it
was sent as the market made it, and the record behind which it shows is valid. Pure: clock and chance are arguments.
"""

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Final

from orderbook.simulator.faults import DISORDER, Fault, Faults
from orderbook.simulator.ledger import Sent
from orderbook.simulator.market import Market
from orderbook.tick import OrderBookTick, encode

WIDEST_GAP: Final = 5  # ids
FIRST_ID: Final = 1  # after a reset

Clock = Callable[[], datetime]


class Disorder:
    """The records of a market, one a turn, some of them struck by faults."""

    def __init__(self, market: Market, faults: Faults, stall_seconds: float) -> None:
        self._market = market
        self._faults = faults
        self._stall = timedelta(seconds=stall_seconds)
        self._plain: dict[str, Sent] = {}  # the symbol's newest record, where no fault has struck it
        self._owed: Sent | None = None  # the second of two that changed places
        self._silent_until: dict[str, datetime] = {}

    @property
    def owes(self) -> bool:
        """Whether a record must follow at once: what came before it stands in its place."""
        return self._owed is not None

    def next(self, clock: Clock, *, most: int) -> Sent | None:
        """The record of this turn; None where every symbol is silent. ``most`` records may be sent with it."""
        if self._owed is not None:
            owed, self._owed = self._owed, None
            return owed
        symbol = self._speaker(clock)
        if symbol is None:
            return None
        if symbol in self._silent_until:
            return self._after_stall(symbol, clock)
        kind = self._faults.draw()
        if kind in DISORDER:
            plain = self._plain.pop(symbol, None)
            strikes = plain is not None and (kind != "reorder" or most > 1) and not (kind == "reset" and _is_new(plain))
            if strikes and plain is not None:
                return self._struck(kind, plain, clock)
            kind = None
        return self._tick(symbol, kind, clock)

    def _speaker(self, clock: Clock) -> str | None:
        for _ in self._market.symbols:
            until = self._silent_until.get(self._market.turn)
            if until is None or clock() >= until:
                return self._market.turn
            self._market.pass_turn()
        return None

    def _struck(self, kind: str, plain: Sent, clock: Clock) -> Sent | None:
        symbol, before = plain.symbol, plain.sequence_id
        match kind:
            case "repeat":
                return plain._replace(fault=Fault(kind, "sent_again", None, plain.value, (before, before)))
            case "reorder":
                return self._change_places(symbol, clock)
            case "stall":
                self._silent_until[symbol] = clock() + self._stall
                self._plain[symbol] = plain  # for what comes after it
                return self.next(clock, most=1) if self._speaker(clock) else None
            case "reset":
                self._market.go_on_from({symbol: FIRST_ID})
                return self._valid(symbol, clock, kind, "from_one", (before, FIRST_ID))
            case _:
                passed = self._faults.chance.randint(1, WIDEST_GAP)
                self._market.go_on_from({symbol: before + passed + 1})
                return self._valid(symbol, clock, "gap", "passed_over", (before + 1, before + passed))

    def _change_places(self, symbol: str, clock: Clock) -> Sent:
        late, early = (self._market.tick_of(symbol, clock) for _ in range(2))
        ids = late.sequence_id, late.sequence_id
        self._owed = _sent(late, Fault("reorder", "changed_places", None, encode(late), ids))
        return _sent(early)

    def _after_stall(self, symbol: str, clock: Clock) -> Sent:
        del self._silent_until[symbol]
        before = self._plain.pop(symbol).sequence_id
        return self._valid(symbol, clock, "stall", "silence", (before, self._market.next_id(symbol)))

    def _valid(self, symbol: str, clock: Clock, kind: str, form: str, ids: tuple[int, int]) -> Sent:
        self._market.pass_turn()
        tick = self._market.tick_of(symbol, clock)
        return _sent(tick, Fault(kind, form, None, encode(tick), ids))

    def _tick(self, symbol: str, kind: str | None, clock: Clock) -> Sent:
        tick = self._market.tick(clock)
        if kind is not None:
            self._plain.pop(symbol, None)
            return _sent(tick, self._faults.spoiled(kind, tick))
        self._plain[symbol] = sent = _sent(tick)
        return sent


def _sent(tick: OrderBookTick, fault: Fault | None = None) -> Sent:
    return Sent(tick.symbol, tick.sequence_id, fault.value if fault else encode(tick), fault)


def _is_new(plain: Sent) -> bool:
    return plain.sequence_id <= FIRST_ID  # after 1, another 1 would be a repeat
