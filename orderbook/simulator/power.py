"""A power market: contracts are listed and expire while it runs, near ones are quoted most, prices may be negative.

Pure: what is open depends on the clock that is given, and the quotes of a contract on the seed and its symbol alone.
"""

from collections.abc import Callable, Mapping
from datetime import datetime
from decimal import Decimal
from random import Random
from typing import Final

from orderbook.contracts import Area, next_change, open_contracts
from orderbook.simulator.market import Market, Opening, Quote

LOWEST, HIGHEST = -50_000, 400_000  # in cents: -500 and 4,000 EUR/MWh
WIDEST: Final = 400
BY_HOUR: Final = (  # EUR/MWh of a sunny spring day: below zero at noon, dear in the evening
    62, 58, 55, 54, 57, 68, 84, 92, 71, 38, 9, -14, -31, -36, -22, 4, 37, 79, 118, 132, 117, 97, 81, 70,
)  # fmt: skip
NEAR: Final = 0.04  # of the turns go to the contract that closes next, the rest by this share of what is left


class PowerWalk:
    """The quotes of one contract: cents, megawatts in tenths."""

    __slots__ = ("_bid", "_random", "_spread")

    def __init__(self, symbol: str, seed: int, bid_price: Decimal | None = None) -> None:
        self._random = Random(f"{seed}/{symbol}")
        level = BY_HOUR[int(symbol[-5:-3])] * 100 + self._random.randint(-500, 500)
        self._bid = level if bid_price is None else int(bid_price * 100)
        self._spread = 50

    def step(self) -> Quote:
        """The next quote."""
        draw = self._random.random
        self._bid = min(max(self._bid + int(draw() * 41) - 20, LOWEST), HIGHEST)
        self._spread = min(max(self._spread + int(draw() * 21) - 10, 1), WIDEST)
        return Quote(
            bid_price=Decimal(self._bid).scaleb(-2),
            ask_price=Decimal(self._bid + self._spread).scaleb(-2),
            bid_volume=Decimal(1 + int(draw() * 500)).scaleb(-1),
            ask_volume=Decimal(1 + int(draw() * 500)).scaleb(-1),
        )


class PowerMarket(Market):
    """The contracts of some areas, as long as they are traded."""

    def __init__(
        self, areas: tuple[Area, ...], seed: int, openings: Mapping[str, Opening], clock: Callable[[], datetime]
    ) -> None:
        self._areas = areas
        self._clock = clock
        self._chance = Random(f"{seed}/turns")
        now = clock()
        self._open = [contract.symbol for contract in open_contracts(areas, now)]
        self._changes_at = next_change(areas, now)
        super().__init__(self._open, seed, openings, PowerWalk)
        self._current = self._drawn()

    @property
    def symbols(self) -> tuple[str, ...]:
        """What is traded now, next delivery first."""
        self._keep_up()
        return tuple(self._open)

    @property
    def turn(self) -> str:
        """The contract that is quoted next."""
        self._keep_up()
        return self._current

    def pass_turn(self) -> None:
        """On to another contract."""
        self._current = self._drawn()

    def _keep_up(self) -> None:
        now = self._clock()
        if now < self._changes_at:
            return
        self._open = [contract.symbol for contract in open_contracts(self._areas, now)]
        self._changes_at = next_change(self._areas, now)
        self.list_anew(self._open)
        if self._current not in self._next:
            self._current = self._drawn()

    def _drawn(self) -> str:
        number = int(self._chance.expovariate(NEAR))
        return self._open[number % len(self._open)]
