"""The newest quote of each symbol, and what changed since a reader last looked. No I/O; one thread changes it."""

from collections import deque
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Final

from orderbook.live.quotes import Quote

MOST_NOTICES: Final = 1_000


@dataclass(slots=True)
class Entry:
    """A symbol's newest quote, when it changed (by the board's own count), how often, and how many ticks that told."""

    quote: Quote
    version: int
    updates: int
    ticks: int


@dataclass(frozen=True, slots=True)
class Notice:
    """Something that happened to a symbol, as JSON."""

    version: int
    symbol: str
    text: str


@dataclass(slots=True)
class Board:
    """What readers take their frames from. Nobody has a queue: who is slow finds the newest, and how much it missed."""

    version: int = 0
    updates: int = 0
    entries: dict[str, Entry] = field(default_factory=dict)  # in the order in which they changed
    notices: deque[Notice] = field(default_factory=lambda: deque(maxlen=MOST_NOTICES))

    def is_newer(self, symbol: str, order: tuple[int, int, int, int]) -> bool:
        """Whether a quote of that order would be the symbol's newest."""
        known = self.entries.get(symbol)
        return known is None or order > known.quote.order

    def offer(self, quotes: Iterable[Quote]) -> bool:
        """Take the quotes that are newer than what is known; whether any was. A symbol never goes back."""
        before = self.version
        for quote in quotes:
            if self.is_newer(quote.symbol, quote.order):
                known = self.entries.pop(quote.symbol, None)
                self.version += 1
                self.updates += 1
                updates, ticks = (0, 0) if known is None else (known.updates, known.ticks)
                self.entries[quote.symbol] = Entry(quote, self.version, updates + 1, ticks + quote.ticks)
        return self.version > before

    def tell(self, symbol: str, text: str) -> None:
        """Add a notice."""
        self.version += 1
        self.notices.append(Notice(self.version, symbol, text))

    def changed(self, version: int, symbols: Collection[str] | None = None) -> list[Entry]:
        """The entries that changed after ``version``, oldest change first; ``symbols`` None: of all."""
        if symbols is None:
            found = list(takewhile(lambda entry: entry.version > version, reversed(self.entries.values())))
        else:
            known = (self.entries[symbol] for symbol in symbols if symbol in self.entries)
            found = sorted((e for e in known if e.version > version), key=lambda entry: -entry.version)
        return found[::-1]

    def told(self, version: int, symbols: Collection[str] | None = None) -> list[Notice]:
        """The notices after ``version``."""
        found = list(takewhile(lambda notice: notice.version > version, reversed(self.notices)))
        return [notice for notice in reversed(found) if symbols is None or notice.symbol in symbols]

    def updates_of(self, symbols: Collection[str] | None = None) -> int:
        """How many quotes the board took, of these symbols or of all."""
        if symbols is None:
            return self.updates
        return sum(self.entries[symbol].updates for symbol in symbols if symbol in self.entries)
