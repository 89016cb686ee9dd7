"""Two instruments as they were captured on 2024-08-08, 344 s each: a future (BTCUSDT, Binance USD-M, 192 quotes a
second) and a spot market (ETHUSDT, Binance, 70 a second), 90,166 quotes together.

Weights of the cascades were fitted by random search to the captures' counts in windows of 1 ms to 1 s: peak, Fano
factor, correlation with the next window, share of empty windows. The rest is measured: shares of the kinds of quotes,
quantiles.
"""

from dataclasses import dataclass
from typing import Final

from orderbook.simulator.book import Habits, Quantiles
from orderbook.simulator.cascade import Bursts


@dataclass(frozen=True, slots=True)
class Character:
    """How often an instrument quotes, and what."""

    bursts: Bursts
    habits: Habits


# finest to coarsest: the captures are correlated from 10 ms up (0.19 there, 0.44 at 100 ms, 0.58 at 1 s)
_SHARED: Final = (0.0,) * 4 + (0.5,) * 3 + (0.95,) * 8
_COARSE: Final = (0.58, 0.41, 0.223, 0.27, 0.165, 0.349)  # of both, from 512 ms up: they move as one market


def _by_group(fine: float, middle: float, coarse: float) -> tuple[float, ...]:
    return (fine,) * 4 + (middle,) * 5 + (coarse,) * 6  # to 8 ms, to 256 ms, above


FUTURE: Final = Character(
    Bursts(
        depth=(*(0.898, 0.831, 0.821, 0.537, 0.883, 0.97, 0.296, 0.952, 0.741), *_COARSE),
        busy=_by_group(0.475, 0.705, 0.646),
        shared=_SHARED,
        floor=0.061,
        train=0.75,
    ),
    Habits(
        jumps=0.0096,
        opens=0.0079,
        closes=0.128,
        shifts=0.122,
        both_sizes=0.013,
        bid_sizes=0.475,
        persists=0.8,
        jump=Quantiles((0, 0.5, 0.75, 0.9, 0.99, 0.999, 1), (1, 4, 10, 21, 99, 520, 650)),
        width=Quantiles((0, 0.155, 0.29, 0.36, 0.83, 0.983, 1), (2, 3, 4, 5, 29, 136, 243)),
        bid_size=Quantiles(
            (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1),
            (0.001, 0.002, 0.019, 0.081, 0.67, 2.68, 5.08, 8.45, 11.3, 18.5, 23.4, 26.9),
        ),
        ask_size=Quantiles(
            (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1),
            (0.001, 0.002, 0.012, 0.077, 0.73, 2.68, 4.81, 8.48, 11.1, 87.9, 146, 473),
        ),
        size_step=Quantiles((0, 0.25, 0.5, 0.75, 0.95, 0.99, 1), (0, 0.001, 0.011, 0.036, 0.085, 0.18, 0.5)),
    ),
)  # fmt: skip
SPOT: Final = Character(
    Bursts(
        depth=(*(0.97, 0.838, 0.773, 0.6, 0.8, 0.94, 0.97, 0.93, 0.5), *_COARSE),
        busy=_by_group(0.596, 0.624, 0.646),
        shared=_SHARED,
        floor=0.063,
        train=0.85,
    ),
    Habits(
        jumps=0.0056,
        opens=0.032,
        closes=0.25,
        shifts=0.31,
        both_sizes=0.0,
        bid_sizes=0.475,
        persists=0.85,
        jump=Quantiles((0, 0.5, 0.75, 0.9, 0.99, 0.999, 1), (1, 2, 4.5, 7.5, 21, 60, 140)),
        width=Quantiles((0, 0.16, 0.26, 0.35, 0.56, 0.91, 0.991, 1), (2, 3, 4, 5, 8, 22, 66, 282)),
        bid_size=Quantiles(
            (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1),
            (0.001, 0.002, 0.0023, 0.098, 2.01, 6.19, 15.2, 24.6, 29.9, 40.7, 49.0, 64.3),
        ),
        ask_size=Quantiles(
            (0, 0.01, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.99, 0.999, 1),
            (0.001, 0.002, 0.004, 0.18, 2.23, 7.63, 16.0, 24.0, 29.1, 39.9, 56.9, 64.8),
        ),
        size_step=Quantiles((0, 0.25, 0.5, 0.75, 0.95, 0.99, 1), (0, 0.025, 0.045, 0.085, 0.2, 0.35, 0.6)),
    ),
)  # fmt: skip
