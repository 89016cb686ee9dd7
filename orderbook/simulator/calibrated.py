"""A market that behaves like one: symbols of very different rates that burst together.

The first symbol is the busiest and quotes as a captured future does; each later one is slower, by its place, and quotes
as a captured spot market does. Pure: the same seed gives the same quotes at the same distances in time.
"""

from collections import deque
from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Final

import numpy as np

from orderbook.simulator.book import Book
from orderbook.simulator.captured import FUTURE, SPOT, Character
from orderbook.simulator.cascade import BLOCK_SECONDS, Arrivals, Weather
from orderbook.simulator.market import Market, Opening

RANK_EXPONENT: Final = 1.46  # of the rate: the second symbol quotes 2.75 times less often than the first, as captured


def shares(symbols: int) -> list[float]:
    """Which share of all quotes each symbol has, the busiest first."""
    weights = [float(rank**-RANK_EXPONENT) for rank in range(1, symbols + 1)]
    return [weight / sum(weights) for weight in weights]


def _character(rank: int) -> Character:
    return SPOT if rank else FUTURE


class CalibratedMarket(Market):
    """All symbols, each when its next quote comes. ``rate`` is how many all of them send a second, on average."""

    def __init__(self, symbols: Sequence[str], seed: int, openings: Mapping[str, Opening], rate: float) -> None:
        habits = {symbol: _character(rank).habits for rank, symbol in enumerate(symbols)}

        def book(symbol: str, seed: int, bid_price: Decimal | None) -> Book:
            return Book(symbol, seed, habits[symbol], bid_price)

        super().__init__(symbols, seed, openings, book)
        self._weather = Weather(seed)
        self._arrivals = [
            Arrivals(symbol, seed, rate * share, _character(rank).bursts)
            for rank, (symbol, share) in enumerate(zip(symbols, shares(len(symbols)), strict=True))
        ]
        self._block = 0
        self._coming: deque[tuple[float, int]] = deque()
        self._look_ahead()

    @property
    def turn(self) -> str:
        """The symbol that quotes next."""
        return self.symbols[self._coming[0][1]]

    @property
    def next_at(self) -> float:
        """When it does: seconds since the market opened."""
        return self._coming[0][0]

    def pass_turn(self) -> None:
        """On to the next quote's symbol."""
        self._coming.popleft()
        self._look_ahead()

    def pace(self, start: float, period: float) -> "CalibratedPace":
        """When the quotes from here on are due; the market has its own mean rate, so ``period`` changes nothing."""
        del period
        return CalibratedPace(self, start)

    def coming(self, until: float, most: int) -> int:
        """How many quotes, up to ``most``, come until this many seconds after the open; the first block's suffice."""
        for count, (at, _) in enumerate(self._coming):
            if count == most or at > until:
                return count
        return min(len(self._coming), most)

    def _look_ahead(self) -> None:
        while not self._coming:
            weather = self._weather.next_block()
            times = [arrivals.next_block(weather) for arrivals in self._arrivals]
            ranks = np.repeat(np.arange(len(times)), [len(t) for t in times])
            merged = np.concatenate(times)
            order = np.argsort(merged, kind="stable")
            begins = self._block * BLOCK_SECONDS
            self._coming.extend(zip((merged[order] + begins).tolist(), ranks[order].tolist(), strict=True))
            self._block += 1


class CalibratedPace:
    """When the quotes of a market are due that opens, or goes on, at ``start``."""

    def __init__(self, market: CalibratedMarket, start: float) -> None:
        self._market = market
        self._opened = start - market.next_at

    def behind(self, turns: int, now: float, most: int) -> int:
        """How many quotes are due until ``now``, up to ``most``; those that were sent are no longer in the market."""
        del turns
        return self._market.coming(now - self._opened, most)

    def at(self, turns: int) -> float:
        """When the next quote is due."""
        del turns
        return self._opened + self._market.next_at

    def shift(self, seconds: float) -> None:
        """Forget a pause: what was due in it comes later, instead of all at once."""
        self._opened += seconds
