"""The live board of ``orderbook up``: what runs, and what flows."""

from contextlib import suppress
from datetime import UTC, datetime
from decimal import Decimal

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.table import Table
from rich.text import Text

from orderbook.embedded.figures import FigureReader
from orderbook.embedded.supervisor import Supervised, Supervisor

STYLES = {"running": "green", "waiting": "yellow", "stopped": "red"}


class Board:
    """Shows the state of a supervisor, redrawn in place on a terminal."""

    def __init__(self, console: Console, supervisor: Supervisor, reader: FigureReader | None, footer: str) -> None:
        self._supervisor = supervisor
        self._reader = reader
        self._footer = footer
        self._live = Live(console=console, auto_refresh=False, transient=True)

    def __enter__(self) -> "Board":
        self._live.start()
        return self

    def __exit__(self, *ending: object) -> None:
        with suppress(OSError):
            self._live.stop()

    def draw(self) -> None:
        """Show how things stand now."""
        parts: list[RenderableType] = [process_table(self._supervisor.children, self._supervisor.clock())]
        if self._reader is not None:
            parts.append(figure_table(self._reader, datetime.now(UTC)))
        with suppress(OSError):  # the terminal may be gone
            self._live.update(Group(*parts, Text(self._footer, style="dim")), refresh=True)


def process_table(children: list[Supervised], now: float) -> Table:
    """A line per process: its state, pid, age, restarts and command line."""
    table = Table(box=None, padding=(0, 2, 0, 0), header_style="dim", expand=True)
    for column in ("process", "state", "pid", "for", "restarts"):
        table.add_column(column, justify="right" if column in {"pid", "for", "restarts"} else "left", no_wrap=True)
    table.add_column("command", no_wrap=True, overflow="ellipsis", ratio=1)  # gives way on a narrow terminal
    for child in reversed(children):
        table.add_row(
            child.name,
            Text(state_text(child, now), style=STYLES[child.state]),
            str(child.process.pid or ""),
            age_text(now - child.started_at) if child.state == "running" else "",
            str(child.restarts or ""),
            Text(child.text, style="dim"),
        )
    return table


def figure_table(reader: FigureReader, now: datetime) -> Table:
    """What flows: rates, rows, lag and the newest quote."""
    table = Table(box=None, padding=(0, 2, 0, 0), show_header=False)
    figures = reader.latest
    if figures is None:
        table.add_row("ticks", Text(reader.trouble or "…", style="dim"))
        return table
    table.add_row("ticks in", f"{rate_text(reader.rate_in)} ticks/s")
    table.add_row("rows in ticks", f"{figures.stored:,} ({rate_text(reader.rate_stored)}/s)")
    table.add_row("in quarantine", f"{figures.rejected:,}")
    table.add_row("lag", f"{figures.lag_messages:,} ticks")
    quote = figures.newest
    if quote is not None:
        age = (now - quote.event_time).total_seconds()
        table.add_row(
            "newest quote",
            f"{quote.symbol}  {price_text(quote.bid_price)} / {price_text(quote.ask_price)}  {age:.1f} s ago",
        )
    if figures.halted:
        table.add_row("halted", Text("partition " + ", ".join(figures.halted), style="red"))
    if figures.alarms:
        table.add_row("alarms", Text(f"{figures.alarms} open: orderbook status", style="red"))
    if reader.trouble:
        table.add_row("trouble", Text(reader.trouble, style="yellow"))
    return table


def state_text(child: Supervised, now: float) -> str:
    """``running``, or when a dead process is started again and how it ended."""
    if child.state == "waiting" and child.due_at is not None:
        return f"ended with {child.last_exit}, again in {max(0.0, child.due_at - now):.0f} s"
    return child.state


def age_text(seconds: float) -> str:
    """``42 s``, ``3 min``, ``5 h``, ``2 d``."""
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size:.0f} {unit}"
    return f"{max(0.0, seconds):.0f} s"


def rate_text(rate: float | None) -> str:
    """A rate, or ``…`` before the second look."""
    return "…" if rate is None else f"{rate:,.0f}"


def price_text(price: Decimal | None) -> str:
    """A price without the zeros that its column adds; ``-`` for an absent side."""
    return "-" if price is None else f"{price.normalize():f}"
