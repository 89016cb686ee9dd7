"""Great Expectations itself, over tables made by hand."""

import pyarrow as pa
import pytest

from orderbook.expectations.inspection import _SYMBOL
from orderbook.expectations.judge import MOST_ROWS, Judge, Unjudged
from orderbook.expectations.suite import FINITE, SCHEMA, SYMBOLS, Expected
from orderbook.tick import is_symbol
from tests.clean_day import judge_of_this_process

pytestmark = pytest.mark.filterwarnings("ignore")  # what the library warns of is its own
NAMES = ["OK", "A B", "X\n", "\nX", " X", "X ", "", "é", "\u200bX", "x" * 64, "x" * 65, "~", "$", "a\tb"]


@pytest.fixture(scope="module")
def judge() -> Judge:
    return judge_of_this_process()


def symbols(*rows: tuple[str, float | None, float]) -> pa.Table:
    names = ("symbol", "patience_seconds", "silent_seconds")
    return pa.Table.from_pylist([dict(zip(names, row, strict=True)) for row in rows], _SYMBOL)


def test_a_symbol_is_well_formed_where_the_pipeline_would_take_it(judge: Judge) -> None:
    found, _ = judge.judge(SYMBOLS, symbols(*((name, None, 0.0) for name in NAMES)))
    assert [NAMES[row] for row in found.rows] == [name for name in NAMES if not is_symbol(name)]


def test_patience_is_kept_to_the_second_and_none_is_endless(judge: Judge) -> None:
    _, found = judge.judge(SYMBOLS, symbols(("A", 30.0, 30.0), ("B", 30.0, 30.001), ("C", None, 1e9)))
    assert (found.checked, found.failed, found.rows) == (2, 1, [1])


def test_all_that_fail_are_counted_and_the_first_are_shown(judge: Judge) -> None:
    (found,) = judge.judge([FINITE], pa.table({"finite": [True, *[False] * 50]}))
    assert (found.checked, found.failed, found.rows) == (51, 50, list(range(1, MOST_ROWS + 1)))


def test_a_column_that_is_not_there_on_one_side_differs(judge: Judge) -> None:
    table = pa.table({"found": ["text", None, "bigint"], "declared": ["text", "bigint", None]})
    (found,) = judge.judge([SCHEMA], table)
    assert (found.failed, found.rows) == (2, [1, 2])


def test_what_the_library_cannot_judge_is_no_verdict(judge: Judge) -> None:
    absurd = Expected("text_above_zero", "ticks", "ExpectColumnValuesToBeBetween", "it is above zero")
    absurd.arguments.update(column="symbol", min_value=0)
    with pytest.raises(Unjudged, match=r"text_above_zero: .+"):
        judge.judge([absurd], pa.table({"symbol": ["a", "b"]}))
