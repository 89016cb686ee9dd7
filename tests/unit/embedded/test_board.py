"""The board and its figures."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from orderbook.embedded.board import age_text, figure_table, process_table
from orderbook.embedded.figures import FigureReader, Figures
from orderbook.embedded.process import Command, Process
from orderbook.embedded.supervisor import Supervised
from orderbook.errors import Unavailable
from orderbook.store.reader import StoredTick

NOW = datetime(2026, 3, 2, 9, 0, 0, tzinfo=UTC)
QUOTE = StoredTick(
    symbol="TTF-GAS",
    event_time=NOW - timedelta(seconds=1.5),
    received_time=NOW,
    bid_price=Decimal("27.530000000"),
    ask_price=Decimal("27.545000000"),
    bid_volume=Decimal(1),
    ask_volume=Decimal(1),
    sequence_id=1,
    landed_at=NOW,
    generation_id=1,
    kafka_partition=0,
    kafka_offset=0,
)


def figures(at: float, log_end: int, stored: int) -> Figures:
    return Figures(
        at=at,
        log_end=log_end,
        prefix=log_end - 12,
        stored=stored,
        rejected=3,
        halted=("4: tripwire",),
        alarms=2,
        newest=QUOTE,
    )


class Looks:
    """A source that says what it was given; an exception is raised."""

    def __init__(self, *looks: Figures | Unavailable) -> None:
        self._looks: Iterator[Figures | Unavailable] = iter(looks)

    def read(self) -> Figures:
        look = next(self._looks)
        if isinstance(look, Unavailable):
            raise look
        return look

    def close(self) -> None:
        pass


def shown(table: object, width: int = 120) -> str:
    console = Console(file=StringIO(), width=width)
    console.print(table)
    assert isinstance(console.file, StringIO)
    return console.file.getvalue()


def test_rates_are_told_from_two_looks() -> None:
    reader = FigureReader(Looks(figures(10, 100, 50), figures(12, 140, 80)))
    reader.look()
    assert reader.rate_in is None
    assert not reader.has_new_rows
    reader.look()
    assert (reader.rate_in, reader.rate_stored) == (20, 15)
    assert reader.has_new_rows


def test_a_service_that_is_away_leaves_the_latest_figures() -> None:
    reader = FigureReader(Looks(figures(10, 100, 50), Unavailable("Postgres: gone")))
    reader.look()
    reader.look()
    text = shown(figure_table(reader, NOW))
    assert "Postgres: gone" in text
    assert "50" in text


def test_the_board_shows_what_flows() -> None:
    reader = FigureReader(Looks(figures(10, 1_000, 900), figures(12, 1_040, 940)))
    reader.look()
    reader.look()
    text = shown(figure_table(reader, NOW))
    for part in (
        "20 ticks/s",
        "940 (20/s)",
        "12 ticks",
        "TTF-GAS  27.53 / 27.545  1.5 s ago",
        "partition 4: tripwire",
        "2 open",
    ):
        assert part in text


def test_the_board_shows_who_waits_for_a_restart() -> None:
    command = Command("worker", ["celery"], {})
    child = Supervised(Process(command, Path("worker.log")), "celery worker", due_at=107.0, last_exit=-9)
    assert "ended with -9, again in 7 s" in shown(process_table([child], now=100.0))


def test_on_a_narrow_terminal_the_command_gives_way() -> None:
    child = Supervised(Process(Command("simulator", ["python"], {}), Path("simulator.log")), "python -m " + "x" * 80)
    text = shown(process_table([child], now=0.0), width=60)
    assert "simulator  stopped" in text
    assert "…" in text


@pytest.mark.parametrize(
    ("seconds", "text"), [(-1, "0 s"), (59, "59 s"), (60, "1 min"), (7_300, "2 h"), (200_000, "2 d")]
)
def test_an_age_is_told_in_its_unit(seconds: float, text: str) -> None:
    assert age_text(seconds) == text
