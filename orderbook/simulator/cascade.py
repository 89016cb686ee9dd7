"""How fast a market quotes: bursts within bursts, of milliseconds to seconds, and several symbols together.

The intensity of a symbol is a multiplicative cascade (Mandelbrot 1974; the random p-model of Meneveau and Sreenivasan
1987): time is halved again and again, and at each of 15 scales, 16.4 s down to 1 ms, every interval multiplies the
rate by one of two weights whose mean is 1. Quotes are Poisson, given the intensity. That gives the counts of real
captures their rising Fano factor, their slowly falling correlation and their peaks, by one draw an interval.

Pure: the same seed gives the same arrivals. ``RandomState`` is NumPy's generator whose stream never changes.
"""

from dataclasses import dataclass
from hashlib import sha256
from typing import Final

import numpy as np
from numpy.typing import NDArray

FINEST: Final = 1e-3  # seconds
SCALES: Final = 15
CELLS: Final = 2 ** (SCALES - 1)  # of the finest scale in the coarsest
BLOCK_SECONDS: Final = CELLS * FINEST
TRAIN_GAP: Final = 0.9e-6  # seconds between two messages of one socket read

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Bursts:
    """The weights of a cascade; tuples go from the finest scale to the coarsest.

    At each scale an interval is quiet, ``1 - depth``, or busy with probability ``busy``, and then as much above 1 as
    keeps the mean. ``floor`` is the share of the quotes that come evenly. ``train`` is the probability that a quote
    comes right behind the one before it in the same millisecond. ``shared`` is the probability that an interval is
    quiet or busy with the whole market's.
    """

    depth: tuple[float, ...]
    busy: tuple[float, ...]
    shared: tuple[float, ...]
    floor: float
    train: float


def stream(*names: object) -> np.random.RandomState:
    """Chance of its own for each name, the same on every machine."""
    digest = sha256("/".join(map(str, names)).encode()).digest()
    return np.random.RandomState(np.frombuffer(digest, dtype="<u4"))


class Weather:
    """What all symbols of a market share: one draw an interval, block after block."""

    def __init__(self, seed: int) -> None:
        self._random = stream(seed, "weather")

    def next_block(self) -> list[Floats]:
        """Uniform draws of the next ``BLOCK_SECONDS``, from the finest scale to the coarsest."""
        return [self._random.random_sample(CELLS >> scale) for scale in range(SCALES)]


class Arrivals:
    """The instants at which one symbol quotes, ``rate`` times a second on average."""

    def __init__(self, symbol: str, seed: int, rate: float, bursts: Bursts) -> None:
        self._random = stream(seed, symbol, "arrivals")
        self._rate = rate
        self._bursts = bursts

    def next_block(self, weather: list[Floats]) -> Floats:
        """When the symbol quotes in the next block: seconds since its begin, rising."""
        counts = self._random.poisson(self._rate * FINEST * self._intensity(weather))
        cells = np.repeat(np.arange(CELLS), counts)
        times: Floats = np.sort(cells + self._random.random_sample(cells.size)) * FINEST
        return self._in_trains(times, cells)

    def _intensity(self, weather: list[Floats]) -> Floats:
        bursts = self._bursts
        product = np.ones(CELLS)
        for scale, market in enumerate(weather):
            own, follows = self._random.random_sample((2, market.size))
            draws = np.where(follows < bursts.shared[scale], market, own)
            busy, depth = bursts.busy[scale], bursts.depth[scale]
            weights = np.where(draws < busy, 1 + depth * (1 - busy) / busy, 1 - depth)
            product *= np.repeat(weights, 1 << scale)
        intensity: Floats = bursts.floor + (1 - bursts.floor) * product
        return intensity

    def _in_trains(self, times: Floats, cells: NDArray[np.int64]) -> Floats:
        joins = self._random.random_sample(times.size) < self._bursts.train
        joins[1:] &= cells[1:] == cells[:-1]
        joins[:1] = False
        numbers = np.arange(times.size)
        heads = np.maximum.accumulate(np.where(joins, 0, numbers))
        trains: Floats = np.sort(times[heads] + TRAIN_GAP * (numbers - heads))
        return trains
