"""Rows on standard output: nothing lost, nothing rounded, nothing that could forge a line."""

import json
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from orderbook.cli.output import Output, cell, plain, table_lines, write_rows

COLUMNS = ["name", "price"]
ROWS: list[list[Any]] = [["TTF-GAS", Decimal("27.530000000")], ["a,b\n", None]]


def test_a_table_aligns_numbers_to_the_right_and_drops_trailing_zeros() -> None:
    assert list(table_lines(["name", "price"], [["TTF", Decimal("27.530000000")], ["B", Decimal(100)]])) == [
        "name  price",
        "----  -----",
        "TTF   27.53",
        "B       100",
    ]


def test_a_table_of_more_rows_than_it_measures_shows_all_of_them() -> None:
    assert len(list(table_lines(["n"], ([n] for n in range(2_500))))) == 2 + 2_500


def test_json_keeps_every_digit_as_a_string(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(COLUMNS, ROWS, Output.JSON)
    assert json.loads(capsys.readouterr().out) == [
        {"name": "TTF-GAS", "price": "27.530000000"},
        {"name": "a,b\n", "price": None},
    ]


@pytest.mark.parametrize(
    ("output", "empty"),
    [
        (Output.JSON, "[]\n"),
        (Output.NDJSON, ""),
        (Output.CSV, "name,price\n"),
        (Output.TABLE, "name  price\n----  -----\n"),
    ],
)
def test_no_rows_are_no_rows_in_every_form(output: Output, empty: str, capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(COLUMNS, [], output)
    assert capsys.readouterr().out == empty


def test_ndjson_is_one_object_a_line(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(COLUMNS, ROWS, Output.NDJSON)
    assert [json.loads(line)["name"] for line in capsys.readouterr().out.splitlines()] == ["TTF-GAS", "a,b\n"]


def test_csv_quotes_what_must_be_quoted_and_keeps_every_digit(capsys: pytest.CaptureFixture[str]) -> None:
    write_rows(COLUMNS, ROWS, Output.CSV)
    assert capsys.readouterr().out == 'name,price\nTTF-GAS,27.530000000\n"a,b\n",\n'


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (None, ""),
        (True, "true"),
        (Decimal("1E+3"), "1000"),
        (Decimal("0E-9"), "0"),
        (Decimal("-0.500000000"), "-0.5"),
        (Decimal("NaN"), "NaN"),
        (b"\x00\xff", r"\x00ff"),
        ("two\nlines \x1b[31m", r"two\nlines \x1b[31m"),
        (datetime(2026, 3, 2, 9, tzinfo=UTC), "2026-03-02 09:00:00.000+00:00"),
        ([1, None], "[1, null]"),
    ],
)
def test_a_cell_is_one_printable_line(value: Any, text: str) -> None:
    assert cell(value) == text


def test_json_has_no_number_that_it_cannot_say() -> None:
    assert plain([float("nan"), float("inf"), 1.5, Decimal("0E-9"), {"k": b"\x01"}]) == [
        "nan",
        "inf",
        1.5,
        "0.000000000",
        {"k": r"\x01"},
    ]
