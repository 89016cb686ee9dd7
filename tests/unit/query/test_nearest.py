"""Which statements can be answered from a short span of time."""

import duckdb
import pytest

from orderbook.query.nearest import Nearest, nearest


def shape(sql: str) -> Nearest | None:
    found = duckdb.execute("SELECT json_serialize_sql(CAST($1 AS VARCHAR))", [sql]).fetchone()
    assert found is not None
    return nearest(found[0])


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT * FROM ticks ORDER BY event_time DESC LIMIT 10", Nearest(10, newest=True)),
        ("FROM ticks ORDER BY event_time LIMIT 5", Nearest(5, newest=False)),
        (
            "SELECT symbol, bid_price FROM ticks ORDER BY event_time ASC, symbol LIMIT 3 OFFSET 2",
            Nearest(3, newest=False),
        ),
        (
            "SELECT * FROM ticks WHERE symbol = $1 AND bid_price > 3 ORDER BY event_time DESC LIMIT 1",
            Nearest(1, newest=True),
        ),
    ],
)
def test_plain_rows_by_time_are_known(sql: str, expected: Nearest) -> None:
    assert shape(sql) == expected


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT * FROM ticks",
        "SELECT * FROM ticks LIMIT 10",
        "SELECT * FROM ticks ORDER BY event_time",
        "SELECT * FROM ticks ORDER BY symbol, event_time LIMIT 10",
        "SELECT * FROM ticks ORDER BY event_time + INTERVAL 1 DAY LIMIT 10",
        "SELECT symbol AS event_time FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT * REPLACE (landed_at AS event_time) FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT count(*) FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT DISTINCT symbol FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT symbol FROM ticks GROUP BY symbol ORDER BY event_time LIMIT 10",
        "SELECT row_number() OVER () FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT * FROM distinct_ticks ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks a, ticks b ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks USING SAMPLE 3 ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks QUALIFY row_number() OVER () = 1 ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks WHERE bid_price = (SELECT max(bid_price) FROM ticks) ORDER BY event_time LIMIT 10",
        "WITH ticks AS (SELECT 1 AS event_time) SELECT * FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks UNION ALL SELECT * FROM ticks ORDER BY event_time LIMIT 10",
        "SELECT * FROM ticks ORDER BY event_time LIMIT 10%",
        "SELECT * FROM ticks ORDER BY event_time LIMIT 1000000",
        "SELECT * FROM ticks ORDER BY event_time LIMIT $1",
        "EXPLAIN SELECT * FROM ticks ORDER BY event_time LIMIT 10",
    ],
)
def test_whatever_other_rows_could_change_is_left_alone(sql: str) -> None:
    assert shape(sql) is None
