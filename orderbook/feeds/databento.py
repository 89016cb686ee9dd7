"""Databento Binary Encoding (DBN), https://databento.com/docs/standards-and-conventions/databento-binary-encoding.

Quote schemas only, others are refused by name. Prices are integers of 1e-9; an undefined one is an absent side. In
``bbo-*`` and ``cbbo-*`` the event time is that of the last trade, not of the quote, so the receive time stands in for
it there. Of ``mbp-10`` the top of the book is taken. Decoding is the work of the package ``databento-dbn``.
"""

from collections.abc import Iterator
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from orderbook.errors import ConfigError, Refused
from orderbook.feeds.files import opened
from orderbook.feeds.rows import BadLine, Item, Other, Side, quote

QUOTES: Final = ("mbp-1", "mbp-10", "tbbo", "bbo-1s", "bbo-1m", "cmbp-1", "tcbbo", "cbbo-1s", "cbbo-1m")
TIMED_BY_TRADES: Final = ("bbo-1s", "bbo-1m", "cbbo-1s", "cbbo-1m")
UNDEFINED_PRICE: Final = 2**63 - 1
UNDEFINED_TIME: Final = 2**64 - 1
BLOCK: Final = 2**20


class DatabentoFile:
    """The format ``databento``: ``.dbn``, also packed."""

    def rows(self, path: Path) -> Iterator[Item]:
        """Yield one item a record. Raises ``Refused``, naming the schema, where it has no quotes."""
        number, metadata = 0, None
        for record in _records(path):
            if isinstance(record, str):
                yield BadLine(number + 1, record)
            elif metadata is None:
                metadata = _accepted(path, record)
                symbols = _Symbols(metadata)
            else:
                number += 1
                yield _item(number, record, symbols, timed=str(metadata.schema) not in TIMED_BY_TRADES)


def _records(path: Path) -> Iterator[Any]:
    try:
        from databento_dbn import DBNDecoder, DBNError  # noqa: PLC0415 - an optional package
    except ImportError:
        raise ConfigError("reading DBN needs a package: pip install 'orderbook[databento]'") from None
    decoder = DBNDecoder()
    try:
        with opened(path) as content:
            while block := content.read(BLOCK):
                decoder.write(block)
                yield from decoder.decode()
        rest = len(decoder.buffer())
    except (DBNError, EOFError) as error:
        yield f"the rest of the file is no DBN: {error}"
        return
    if rest:
        yield f"the file was cut off: {rest} bytes of a record"


def _accepted(path: Path, metadata: Any) -> Any:
    schema = str(getattr(metadata, "schema", "") or "")
    if schema not in QUOTES:
        found = f"of the schema {schema}, which has no quotes" if schema else "no DBN with one schema"
        raise Refused(f"{path} is {found}: these have them: {', '.join(QUOTES)}")
    return metadata


class _Symbols:
    """Which symbol an instrument had on a day."""

    def __init__(self, metadata: Any) -> None:
        self._spans: dict[int, list[tuple[date, date, str]]] = {}
        for symbol, spans in metadata.mappings.items():
            for span in spans:
                if str(span["symbol"]).isdecimal():
                    known = self._spans.setdefault(int(span["symbol"]), [])
                    known.append((span["start_date"], span["end_date"], symbol))

    def of(self, instrument: int, at_ns: int) -> str | None:
        """The symbol at an instant; None where the file does not say."""
        spans = self._spans.get(instrument, [])
        if len(spans) == 1:
            return spans[0][2]
        day = datetime.fromtimestamp(at_ns // 10**9, UTC).date()
        return next((symbol for start, end, symbol in spans if start <= day < end), None)


def _item(number: int, record: Any, symbols: _Symbols, *, timed: bool) -> Item:
    levels = getattr(record, "levels", None)
    if not levels:  # symbol mappings and system messages stand between quotes of a live session
        return Other(number, type(record).__name__)
    received, event = int(record.ts_recv), int(record.ts_event)
    if received == UNDEFINED_TIME:
        return BadLine(number, "no receive time")
    symbol = symbols.of(record.instrument_id, received)
    if symbol is None:
        return BadLine(number, f"the file does not name instrument {record.instrument_id}")
    known_event = event if timed and event not in {0, UNDEFINED_TIME} else None
    top = levels[0]
    sequence = getattr(record, "sequence", None)
    return quote(
        number,
        symbol,
        event_ns=known_event,
        received_ns=received,
        bid=_side(top.bid_px, top.bid_sz),
        ask=_side(top.ask_px, top.ask_sz),
        sequence_id=number if sequence is None else int(sequence),
    )


def _side(price: int, size: int) -> Side:
    return None if price == UNDEFINED_PRICE else (Decimal(price).scaleb(-9), Decimal(size))
