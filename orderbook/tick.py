"""The tick: one best bid and ask of one symbol at one instant, and the exact parsing of its JSON."""

import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, Final

from pydantic import AwareDatetime, BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import PydanticCustomError

SCHEMA_VERSION: Final = 1  # of the header `schema-version`; a record without the header counts as 1
MAX_DIGITS: Final = 18
DECIMAL_PLACES: Final = 9
MAX_SEQUENCE: Final = 2**63 - 1

_HOUR_MINUTE = r"(?:[01]\d|2[0-3]):[0-5]\d"  # Python takes an offset of +14:99, and from 3.14 on an hour 24
_TIME = re.compile(rf"\d{{4}}-\d\d-\d\dT{_HOUR_MINUTE}:\d\d(?:\.(\d{{1,9}}))?(?:Z|[+-]{_HOUR_MINUTE})", re.ASCII)
_NUMBER = re.compile(r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d{1,4})?", re.ASCII)  # JSON's own grammar, bounded
_SYMBOL = re.compile(r"[!-~](?:[ -~]{0,62}[!-~])?", re.ASCII)
_LONGEST_NUMBER = 64  # characters: 18 digits, a sign, a point and an exponent need far fewer


class Literal(str):
    """A JSON number as it was written: no parser rounds it before we have judged it."""

    __slots__ = ()


def _decimal(value: Any) -> Any:
    if value is None or isinstance(value, Decimal):
        return value
    if not isinstance(value, str) or len(value) > _LONGEST_NUMBER or not _NUMBER.fullmatch(value):
        raise PydanticCustomError("number", "not a decimal number")
    try:
        return Decimal(value) or Decimal(0)  # a zero may have an exponent that Arrow cannot hold: 0e9999
    except InvalidOperation:
        raise PydanticCustomError("number", "not a decimal number") from None


def _time(value: Any) -> Any:
    if isinstance(value, datetime):
        return value
    if type(value) is not str or not _TIME.fullmatch(value):
        raise PydanticCustomError("time", "not an ISO-8601 time with a zone")
    try:
        return datetime.fromisoformat(value).astimezone(UTC)  # floors to microseconds
    except (ValueError, OverflowError):
        raise PydanticCustomError("time", "no such time") from None


def is_symbol(text: str) -> bool:
    """Whether ``text`` may name a symbol: 1 to 64 printable ASCII characters, no outer spaces."""
    return bool(_SYMBOL.fullmatch(text))


def _symbol(value: Any) -> Any:
    if type(value) is not str or not is_symbol(value):
        raise PydanticCustomError("symbol", "not 1 to 64 printable ASCII characters without outer spaces")
    return value


def _sequence(value: Any) -> Any:
    if type(value) is int:
        return value
    if type(value) is not Literal or len(value) > 19 or not value.isdecimal():
        raise PydanticCustomError("sequence", "not a whole number of 63 bits")
    return int(value)


Exact = Annotated[
    Decimal, Field(max_digits=MAX_DIGITS, decimal_places=DECIMAL_PLACES, allow_inf_nan=False), BeforeValidator(_decimal)
]
Instant = Annotated[AwareDatetime, BeforeValidator(_time)]


class OrderBookTick(BaseModel):
    """One tick.

    Times are aware and in UTC, prices and volumes exact; an absent side is a null price and a null volume.
    """

    model_config = ConfigDict(strict=True, frozen=True, extra="forbid")

    symbol: Annotated[str, BeforeValidator(_symbol)]
    event_time: Instant
    received_time: Instant
    bid_price: Exact | None
    ask_price: Exact | None
    bid_volume: Exact | None
    ask_volume: Exact | None
    sequence_id: Annotated[int, BeforeValidator(_sequence), Field(ge=0, le=MAX_SEQUENCE)]


FIELDS: Final = tuple(OrderBookTick.model_fields)


class DuplicateKey(ValueError):
    """One key stands twice in an object."""


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) != len(pairs):
        raise DuplicateKey("a key stands twice")
    return found


def _constant(name: str) -> Any:
    raise ValueError(f"{name} is not JSON")


_decoder = json.JSONDecoder(
    parse_float=Literal, parse_int=Literal, parse_constant=_constant, object_pairs_hook=_object, strict=True
)


def decode(value: bytes) -> Any:
    """The JSON document in ``value``, numbers kept as they were written.

    Stricter than ``json.loads``: UTF-8 only, no BOM, no NaN, no key twice. Raises ``ValueError``, or ``RecursionError``
    for deep nesting.
    """
    return _decoder.decode(value.decode("utf-8"))


def encode(tick: OrderBookTick) -> bytes:
    """The tick as it travels: one JSON object, decimals as JSON numbers, digit by digit."""
    number = {name: "null" if (value := getattr(tick, name)) is None else format(value, "f") for name in FIELDS[3:7]}
    return (
        f'{{"symbol":{json.dumps(tick.symbol)},"event_time":"{_iso(tick.event_time)}",'
        f'"received_time":"{_iso(tick.received_time)}","bid_price":{number["bid_price"]},"ask_price":{number["ask_price"]},'
        f'"bid_volume":{number["bid_volume"]},"ask_volume":{number["ask_volume"]},"sequence_id":{tick.sequence_id}}}'
    ).encode()


def _iso(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def finer_than_microseconds(text: str) -> bool:
    """Whether a time, written as ``text``, loses digits here."""
    found = _TIME.fullmatch(text)
    return bool(found and found[1] and found[1][6:].strip("0"))


EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


def microseconds(at: datetime) -> int:
    """``at`` as whole microseconds since 1970, exactly (floats would lose the last digit)."""
    return (at - EPOCH) // timedelta(microseconds=1)


def from_microseconds(at: int) -> datetime:
    """The instant ``at`` microseconds after 1970 began."""
    return EPOCH + timedelta(microseconds=at)
