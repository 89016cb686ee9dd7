"""The best bid and ask of one symbol, from quote to quote, as two public captures show them.

Sizes move at most quotes and prices at few; the spread is one tick, with short wide openings; a move goes on in its
direction more often than it turns back. Pure: the same seed gives the same quotes.
"""

from bisect import bisect_right
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Final

from orderbook.simulator.market import GRID, Quote, starting_bid

TICK: Final = Decimal("0.0001")  # as fine against the price as the captured ones: their moves are counted in ticks
LOT: Final = Decimal("0.001")
TICKS_PER_STEP: Final = int(GRID / TICK)
FARTHEST: Final = 0.1  # of the price at the open: a market that strays farther turns back


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution by its quantiles, straight lines between them: ``probabilities`` rise from 0 to 1."""

    probabilities: tuple[float, ...]
    values: tuple[float, ...]

    def at(self, probability: float) -> float:
        """The value that ``probability`` of the draws stay below; 0 <= ``probability`` < 1."""
        after = bisect_right(self.probabilities, probability)
        low, high = self.probabilities[after - 1], self.probabilities[after]
        share = (probability - low) / (high - low)
        return self.values[after - 1] + share * (self.values[after] - self.values[after - 1])


@dataclass(frozen=True, slots=True)
class Habits:
    """How one instrument quotes. Shares are of all quotes in the state they are named for."""

    jumps: float  # narrow: both prices move, the spread stays
    opens: float  # narrow: one price moves away
    closes: float  # wide: back to one tick
    shifts: float  # wide: one price moves, and it stays wide
    both_sizes: float  # of quotes that move no price
    bid_sizes: float  # of those that move one size
    persists: float  # the next move goes on in the direction of the last
    jump: Quantiles  # ticks
    width: Quantiles  # ticks, of an opening
    bid_size: Quantiles  # lots of the instrument
    ask_size: Quantiles
    size_step: Quantiles  # how far a size moves, in quantiles of its own distribution


class Side:
    """The size of one side: a reflected walk through the quantiles of its distribution, so that it keeps it."""

    __slots__ = ("_at", "_random", "_sizes", "_steps", "lots")

    def __init__(self, random: Random, sizes: Quantiles, steps: Quantiles) -> None:
        self._random, self._sizes, self._steps = random, sizes, steps
        self.lots = 0
        self.redraw()

    def redraw(self) -> None:
        """The size at a new price."""
        self._at = self._random.random()
        self._take()

    def move(self) -> None:
        """Another size, as a rule a near one."""
        before = self.lots
        step = self._steps.at(self._random.random())
        at = abs(self._at + (step if self._random.random() < 0.5 else -step))
        self._at = 2 - at if at > 1 else at
        self._take()
        if self.lots == before:
            self.lots += 1 if self.lots == 1 or self._random.random() < 0.5 else -1

    def _take(self) -> None:
        self._at = min(self._at, 1 - 2**-53)
        self.lots = max(1, round(self._sizes.at(self._at) * 1000))


class Book:
    """The quotes of one symbol."""

    def __init__(self, symbol: str, seed: int, habits: Habits, bid_price: Decimal | None = None) -> None:
        self._random = Random(f"{seed}/{symbol}/book")
        self._habits = habits
        self._anchor = max(starting_bid(symbol) * TICKS_PER_STEP, 1_000)
        self._bid = self._anchor if bid_price is None else max(int(bid_price / TICK), 1)
        self._ask = self._bid + 1
        self._up = True
        self._bid_side = Side(self._random, habits.bid_size, habits.size_step)
        self._ask_side = Side(self._random, habits.ask_size, habits.size_step)

    def step(self) -> Quote:
        """The next quote. It differs from the one before."""
        habits, draw = self._habits, self._random.random()
        if self._ask - self._bid == 1:
            self._narrow(draw, habits)
        elif draw < habits.closes:
            self._close()
        elif draw < habits.closes + habits.shifts:
            self._shift()
        else:
            self._resize()
        return Quote(
            bid_price=self._bid * TICK,
            ask_price=self._ask * TICK,
            bid_volume=self._bid_side.lots * LOT,
            ask_volume=self._ask_side.lots * LOT,
        )

    def _narrow(self, draw: float, habits: Habits) -> None:
        if draw < habits.jumps:
            self._turn()
            far = self._drawn(habits.jump)
            self._set(*((self._bid + far, self._ask + far) if self._up else (self._bid - far, self._ask - far)))
        elif draw < habits.jumps + habits.opens:
            self._turn()
            self._widen(self._drawn(habits.width))
        else:
            self._resize()

    def _turn(self) -> None:
        if self._random.random() >= self._habits.persists:
            self._up = not self._up
        if abs(self._bid - self._anchor) > FARTHEST * self._anchor:
            self._up = self._bid < self._anchor

    def _widen(self, width: int) -> None:
        self._set(*((self._bid, self._bid + width) if self._up else (self._ask - width, self._ask)))

    def _close(self) -> None:
        if self._random.random() >= self._habits.persists:
            self._up = not self._up
        self._set(*((self._ask - 1, self._ask) if self._up else (self._bid, self._bid + 1)))

    def _shift(self) -> None:
        width = self._drawn(self._habits.width)
        self._widen(width + 1 if width == self._ask - self._bid else width)

    def _resize(self) -> None:
        if self._random.random() < self._habits.both_sizes:
            self._bid_side.move()
            self._ask_side.move()
        elif self._random.random() < self._habits.bid_sizes:
            self._bid_side.move()
        else:
            self._ask_side.move()

    def _set(self, bid: int, ask: int) -> None:
        if bid < 1:
            bid, ask = 1, 1 + ask - bid
        if bid != self._bid:
            self._bid_side.redraw()
        if ask != self._ask:
            self._ask_side.redraw()
        self._bid, self._ask = bid, ask

    def _drawn(self, of: Quantiles) -> int:
        return int(of.at(self._random.random()))
