"""Faults on purpose: each turns a good tick into bytes that validation must refuse, and knows the reason it must give.

Pure: chance is an argument. The reasons are those of validation's closed list. What goes wrong between ticks, not in
them, is in ``disorder.py``.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Final

from orderbook.errors import ConfigError
from orderbook.tick import FIELDS, Literal, OrderBookTick, decode, encode

DEFAULT_SHARE: Final = 0.01
LATE_BY: Final = timedelta(days=8)  # the default profile takes ticks up to 7 days old


@dataclass(frozen=True, slots=True)
class Fault:
    """A record that is not sent as the market made it: ``kind`` as on the command line, ``form`` which of its forms.

    ``reason`` is what validation must say; None where the record itself is valid. ``ids`` are those that the sequence
    event must name, first and last.
    """

    kind: str
    form: str
    reason: str | None
    value: bytes
    ids: tuple[int, int] | None = None


Form = Callable[[OrderBookTick, Random], bytes]


def truncated(tick: OrderBookTick, random: Random) -> bytes:
    """The JSON ends in the middle."""
    whole = encode(tick)
    return whole[: random.randrange(1, len(whole))]


def nan_price(tick: OrderBookTick, random: Random) -> bytes:
    """A price is the literal NaN, which is no JSON."""
    return _with(tick, random.choice(("bid_price", "ask_price")), "NaN")


def not_utf8(tick: OrderBookTick, random: Random) -> bytes:
    """A byte that no UTF-8 text contains."""
    whole = encode(tick)
    at = random.randrange(len(whole))
    return whole[:at] + b"\xff" + whole[at:]


def missing_field(tick: OrderBookTick, random: Random) -> bytes:
    """A field is not there."""
    literals = _literals(tick)
    del literals[random.choice(FIELDS)]
    return _document(literals)


def text_sequence(tick: OrderBookTick, random: Random) -> bytes:
    """The sequence id is text."""
    del random
    return _with(tick, "sequence_id", f'"{tick.sequence_id}"')


def true_price(tick: OrderBookTick, random: Random) -> bytes:
    """A price is the literal true."""
    return _with(tick, random.choice(("bid_price", "ask_price")), "true")


def zoneless_time(tick: OrderBookTick, random: Random) -> bytes:
    """A time says no zone."""
    name = random.choice(("event_time", "received_time"))
    return _with(tick, name, json.dumps(getattr(tick, name).replace(tzinfo=None).isoformat()))


def crossed(tick: OrderBookTick, random: Random) -> bytes:
    """The bid is above the ask."""
    del random
    return encode(tick.model_copy(update={"bid_price": tick.ask_price, "ask_price": tick.bid_price}))


def late(tick: OrderBookTick, random: Random) -> bytes:
    """The event is older than the default profile takes."""
    del random
    return encode(tick.model_copy(update={"event_time": tick.event_time - LATE_BY}))


FORMS: Final[dict[str, tuple[tuple[Form, str], ...]]] = {
    "malformed": (
        (truncated, "json"),
        (nan_price, "json"),
        (not_utf8, "json"),
        (missing_field, "schema"),
        (text_sequence, "sequence"),
        (true_price, "number"),
        (zoneless_time, "time"),
    ),
    "crossed": ((crossed, "crossed"),),
    "late": ((late, "late"),),
}
DISORDER: Final = ("gap", "repeat", "reorder", "reset", "stall")  # between ticks
KINDS: Final = (*FORMS, *DISORDER)


@dataclass(frozen=True, slots=True)
class FaultShares:
    """Which share of the ticks each kind strikes, in order; together at most 1."""

    shares: tuple[tuple[str, float], ...] = ()


def parse_shares(text: str) -> FaultShares:
    """Read ``malformed:1%,crossed:0.005,late``; a kind without a share gets 1 %. Raises ``ConfigError``."""
    shares: dict[str, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        kind, colon, share = (word.strip() for word in part.partition(":"))
        if kind not in KINDS:
            raise ConfigError(f"{kind!r} is no fault: choose from {', '.join(KINDS)}")
        if kind in shares:
            raise ConfigError(f"{kind!r} stands twice")
        shares[kind] = _share(share) if colon else DEFAULT_SHARE
    if sum(shares.values()) > 1:
        raise ConfigError("the shares add up to more than 100%")
    return FaultShares(tuple(shares.items()))


def _share(text: str) -> float:
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1.0
    if not 0 <= share <= 1:  # also refuses NaN
        raise ConfigError(f"{text!r} is no share: write 1% or 0.01")
    return share


class Faults:
    """Draws which ticks are struck. Its chance is its own, so faults never change the walk of the prices."""

    def __init__(self, shares: FaultShares, seed: int) -> None:
        self._shares = shares.shares
        self._random = Random(f"{seed}/faults")

    @property
    def chance(self) -> Random:
        """Where the faults' own chance comes from."""
        return self._random

    def draw(self) -> str | None:
        """The kind of fault that strikes the next tick."""
        if not self._shares:
            return None
        draw = self._random.random()
        for kind, share in self._shares:
            if draw < share:
                return kind
            draw -= share
        return None

    def spoiled(self, kind: str, tick: OrderBookTick) -> Fault:
        """What is sent in place of ``tick``: one of the forms of ``kind``."""
        form, reason = self._random.choice(FORMS[kind])
        return Fault(kind, form.__name__, reason, form(tick, self._random))

    def instead_of(self, tick: OrderBookTick) -> Fault | None:
        """What is sent in place of ``tick``; ``None``: the tick itself."""
        kind = self.draw()
        return None if kind is None or kind in DISORDER else self.spoiled(kind, tick)


def _literals(tick: OrderBookTick) -> dict[str, str]:
    return {
        name: value if isinstance(value, Literal) else json.dumps(value) for name, value in decode(encode(tick)).items()
    }


def _with(tick: OrderBookTick, name: str, literal: str) -> bytes:
    return _document(_literals(tick) | {name: literal})


def _document(literals: dict[str, str]) -> bytes:
    return f"{{{','.join(f'{json.dumps(name)}:{literal}' for name, literal in literals.items())}}}".encode()
