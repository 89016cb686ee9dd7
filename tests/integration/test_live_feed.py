"""An adapter to a live feed, over a real connection and a real log."""

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from textwrap import dedent

import pytest

from orderbook.errors import Unavailable
from orderbook.feeds.live import NdjsonSocket, pump
from orderbook.feeds.mapped import FieldMapping
from orderbook.feeds.rows import BadLine
from orderbook.stream.producer import LogProducer
from tests.pipeline import Pipeline, stored, valid
from tests.processes import ROOT

README = ROOT / "README.md"
LINES = [tick.model_dump_json().encode() + b"\n" for tick in valid(500)]


@contextmanager
def venue(content: bytes, *, stays: bool = False) -> Iterator[NdjsonSocket]:
    """A server that sends ``content`` to whoever connects, and then hangs up unless it ``stays``."""
    done = threading.Event()
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.sendall(content)
                if stays:
                    done.wait(30)

        thread = threading.Thread(target=serve)
        thread.start()
        yield NdjsonSocket("127.0.0.1", server.getsockname()[1], FieldMapping({}, {}))
        done.set()
        thread.join()


@pytest.fixture
def producer(pipeline: Pipeline) -> Iterator[LogProducer[None]]:
    made = LogProducer[None](pipeline.settings.kafka, lambda *_: None)
    yield made
    made.close()


def test_what_a_venue_sends_is_stored_and_a_bad_line_is_told(pipeline: Pipeline, producer: LogProducer[None]) -> None:
    bad: list[BadLine] = []
    with venue(b"".join([*LINES[:300], b"nonsense\n", *LINES[300:]])) as adapter:
        assert pump(adapter, producer, told_bad=bad.append, stopped=lambda: False) == 500
    pipeline.run()
    assert len(stored(pipeline)) == 500
    assert [line.line for line in bad] == [301]


def test_the_program_of_the_readme_fills_the_log(pipeline: Pipeline) -> None:
    quotes = [json.loads(line) for line in LINES]
    sent = [quote | {"symbol": "?", "book": {"bid": quote.pop("bid_price")}} for quote in quotes]
    program = README.read_text().partition("for JSON lines over TCP:\n")[2].partition("\n## ")[0]
    with venue(b"".join(json.dumps(quote).encode() + b"\n" for quote in sent)) as adapter:
        address = f'"{adapter.host}", {adapter.port}'
        exec(dedent(program).replace('"feed.example", 7000', address), {})
    pipeline.run()
    assert pipeline.rows("SELECT symbol, count(*), count(bid_price) FROM ticks GROUP BY 1") == [("TTF-GAS", 500, 500)]


def test_a_quiet_venue_keeps_nobody_from_stopping(producer: LogProducer[None]) -> None:
    asked = 0

    def stopped() -> bool:
        nonlocal asked
        asked += 1
        return asked > 12

    with venue(b"".join(LINES[:10]), stays=True) as adapter:
        assert pump(adapter, producer, told_bad=print, stopped=stopped) == 10


def test_a_venue_that_is_not_there_is_unavailable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    with pytest.raises(Unavailable, match="feed at 127"):
        list(NdjsonSocket("127.0.0.1", port, FieldMapping({}, {})).quotes())


def test_a_line_that_was_cut_off_is_told() -> None:
    with venue(LINES[0] + LINES[1][:50]) as adapter:
        items = [item for item in adapter.quotes() if item is not None]
    assert [type(item).__name__ for item in items] == ["Row", "BadLine"]
