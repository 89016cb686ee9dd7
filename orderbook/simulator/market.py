"""The market: a random walk per symbol. Pure: the same seed gives the same quotes, whatever the clock says."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Final, Protocol
from zlib import crc32

from orderbook.simulator.schedule import Pace, Schedule
from orderbook.tick import OrderBookTick

GRID: Final = Decimal("0.005")  # the tick size of gas contracts at ICE Endex
LOWEST, HIGHEST = 20, 2_000_000  # in steps of the grid: 0.100 and 10,000.000
WIDEST: Final = 8  # steps between bid and ask
HUBS: Final = {"TTF": 6_000, "NBP": 15_000, "THE": 6_100, "PEG": 5_950, "ZTP": 5_980, "PSV": 6_400}  # EUR/MWh, p/therm


@dataclass(frozen=True, slots=True)
class Quote:
    """Best bid and ask: positive, on the grid, bid below ask."""

    bid_price: Decimal
    ask_price: Decimal
    bid_volume: Decimal
    ask_volume: Decimal


@dataclass(frozen=True, slots=True)
class Opening:
    """Where a symbol goes on: the next sequence id, and the last bid where one is known."""

    sequence_id: int = 1
    bid_price: Decimal | None = None


def starting_bid(symbol: str) -> int:
    """A plausible first bid in steps: the hub's where the symbol names one, else the same number for the same name."""
    hub = symbol.partition("-")[0].upper()
    return HUBS.get(hub, 4_000 + crc32(symbol.encode()) % 12_000)


class Walk:
    """The prices of one symbol. They stay between ``LOWEST`` and ``HIGHEST`` steps."""

    __slots__ = ("_bid", "_random", "_spread")

    def __init__(self, symbol: str, seed: int, bid_price: Decimal | None = None) -> None:
        self._random = Random(f"{seed}/{symbol}")  # of its own: other symbols in the run change nothing here
        bid = starting_bid(symbol) if bid_price is None else int(bid_price / GRID)
        self._bid = min(max(bid, LOWEST), HIGHEST)
        self._spread = 3

    def step(self) -> Quote:
        """The next quote."""
        draw = self._random.random
        self._bid = min(max(self._bid + int(draw() * 5) - 2, LOWEST), HIGHEST)
        self._spread = min(max(self._spread + int(draw() * 3) - 1, 1), WIDEST)
        return Quote(
            bid_price=_price(self._bid),
            ask_price=_price(self._bid + self._spread),
            bid_volume=_volume(draw()),
            ask_volume=_volume(draw()),
        )


class Quotes(Protocol):
    """The quotes of one symbol, one after the other."""

    def step(self) -> Quote:
        """The next quote."""
        ...


class Market:
    """All symbols, in turn. ``quotes`` makes the quotes of a symbol from its name, the seed and its last bid."""

    def __init__(
        self,
        symbols: Sequence[str],
        seed: int,
        openings: Mapping[str, Opening],
        quotes: Callable[[str, int, Decimal | None], Quotes] = Walk,
    ) -> None:
        self._quotes, self._seed = quotes, seed
        self._walks = {s: quotes(s, seed, openings.get(s, Opening()).bid_price) for s in symbols}
        self._next = {s: openings.get(s, Opening()).sequence_id for s in symbols}
        self._symbols = tuple(symbols)
        self._turn = 0

    @property
    def symbols(self) -> tuple[str, ...]:
        """All of them, in the order of their turns."""
        return self._symbols

    @property
    def turn(self) -> str:
        """The symbol whose turn it is."""
        return self._symbols[self._turn]

    def pass_turn(self) -> None:
        """The next symbol's turn."""
        self._turn = (self._turn + 1) % len(self._symbols)

    def pace(self, start: float, period: float) -> Pace:
        """When the turns from here on are due: one every ``period`` seconds."""
        return Schedule(period, start)

    def tick(self, clock: Callable[[], datetime]) -> OrderBookTick:
        """The next tick, of the symbol whose turn it is, stamped by ``clock``; takes one sequence id of its symbol."""
        symbol = self.turn
        self.pass_turn()
        return self.tick_of(symbol, clock)

    def tick_of(self, symbol: str, clock: Callable[[], datetime]) -> OrderBookTick:
        """The next tick of ``symbol``, whosever turn it is."""
        sequence_id = self._next[symbol]
        self._next[symbol] = sequence_id + 1
        event_time = clock()
        quote = self._walks[symbol].step()
        return OrderBookTick(
            symbol=symbol,
            event_time=event_time,
            received_time=max(event_time, clock()),  # a clock that is set back must not show
            bid_price=quote.bid_price,
            ask_price=quote.ask_price,
            bid_volume=quote.bid_volume,
            ask_volume=quote.ask_volume,
            sequence_id=sequence_id,
        )

    def next_id(self, symbol: str) -> int:
        """The sequence id of the symbol's next tick."""
        return self._next[symbol]

    def list_anew(self, symbols: Sequence[str]) -> None:
        """Quote these from here on: the ids and prices of those that stay go on, new ones begin."""
        self._walks = {s: self._walks.get(s) or self._quotes(s, self._seed, None) for s in symbols}
        self._next = {s: self._next.get(s, Opening().sequence_id) for s in symbols}
        self._symbols = tuple(symbols)
        self._turn = 0

    def go_on_from(self, next_ids: Mapping[str, int]) -> None:
        """Take other sequence ids from here on; the prices walk on as they were."""
        self._next.update(next_ids)


def _price(steps: int) -> Decimal:
    return Decimal(steps * 5).scaleb(-3)


def _volume(draw: float) -> Decimal:
    return Decimal(10 + int(draw * 490)).scaleb(-1)
