"""A record of the raw log on one line, whatever it holds."""

import pytest

from orderbook.cli.log_view import record_line, shown
from orderbook.stream.records import Record


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, "null"),
        (b"", ""),
        (b'{"a": 1}', '{"a": 1}'),
        (b"two\nlines\t\x1b[31m", r"two\nlines\t\x1b[31m"),
        (b"\xff\x00", r"\xff\x00"),
        ("Straße".encode(), "Straße"),
    ],
)
def test_bytes_are_one_printable_line(value: bytes | None, text: str) -> None:
    assert shown(value) == text


def test_a_record_shows_where_it_stands() -> None:
    record = Record(7, 1_767_225_600_000, b"TTF-GAS", b"{}", None)
    assert record_line(3, record) == "3\t7\t2026-01-01T00:00:00.000+00:00\tTTF-GAS\t{}"
