"""What the API answers is what is stored."""

import io
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
import pytest

from tests.api.server import Api
from tests.pipeline import Pipeline, tick

Eventually = Callable[..., None]
COLUMNS = (
    "symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at, "
    "generation_id, kafka_partition, kafka_offset"
)
NOON = datetime.now(UTC).replace(hour=12, minute=0, second=0, microsecond=0) - timedelta(days=2)


def stored(pipeline: Pipeline) -> list[tuple[Any, ...]]:
    return pipeline.rows(
        f"SELECT {COLUMNS} FROM ticks ORDER BY (event_time AT TIME ZONE 'UTC')::date, symbol, event_time, kafka_offset"
    )


def instant(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return instant(value)
    return format(value.normalize(), "f") if isinstance(value, Decimal) else value


@pytest.fixture
def history(pipeline: Pipeline) -> Pipeline:
    """Two symbols over two days, 40 ticks, among them prices that floats do not hold."""
    ticks = []
    for number in range(20):
        for symbol in ("TTF-GAS", "NBP-GAS"):
            at = NOON + timedelta(hours=number)
            price = Decimal("0.000000001") * (number + 1)
            ticks.append(
                tick(number + 1, symbol, event_time=at, received_time=at, bid_price=price, ask_price=Decimal(20))
            )
    pipeline.produce(ticks)
    pipeline.run()
    pipeline.stitch()
    return pipeline


def test_pages_hold_every_stored_tick_once_and_exactly(history: Pipeline, api: Api) -> None:
    found: list[dict[str, Any]] = []
    cursor = None
    window = {"start": instant(NOON), "end": instant(NOON + timedelta(days=2)), "limit": 7}
    while True:
        page = api.get("/v1/ticks", **window, **({"cursor": cursor} if cursor else {}))
        found += page["ticks"]
        if (cursor := page["next_cursor"]) is None:
            break
    names = COLUMNS.split(", ")
    assert found == [dict(zip(names, map(plain, row), strict=True)) for row in stored(history)]
    back = api.get("/v1/ticks", **{**window, "limit": 100, "order": "desc"})["ticks"]
    assert sorted(back, key=str) == sorted(found, key=str)
    one = [row["event_time"] for row in back if row["symbol"] == "TTF-GAS"]
    assert one == sorted(one, reverse=True)


def test_start_is_included_and_end_is_not(history: Pipeline, api: Api) -> None:
    page = api.get("/v1/ticks", symbols="TTF-GAS", start=instant(NOON), end=instant(NOON + timedelta(hours=3)))
    assert [row["sequence_id"] for row in page["ticks"]] == [1, 2, 3]
    nanoseconds = {"start": int(NOON.timestamp()) * 10**9, "end": int(NOON.timestamp()) * 10**9 + 1_000}
    assert len(api.get("/v1/ticks", symbols="TTF-GAS", **nanoseconds)["ticks"]) == 1


@pytest.mark.parametrize("form", ["parquet", "arrow", "csv", "ndjson"])
def test_every_format_holds_the_same_rows(history: Pipeline, api: Api, form: str) -> None:
    answer = api.http.get(
        "/v1/ticks", params={"start": instant(NOON), "end": instant(NOON + timedelta(days=2)), "format": form}
    )
    assert answer.status_code == 200
    assert answer.headers["data-sources"] == "hot"
    rows = stored(history)
    if form in {"parquet", "arrow"}:
        read = pyarrow.parquet.read_table if form == "parquet" else lambda f: pa.ipc.open_stream(f).read_all()
        table = read(io.BytesIO(answer.content))
        assert [tuple(row.values()) for row in table.to_pylist()] == rows
    elif form == "ndjson":
        import orjson

        found = [tuple(orjson.loads(line).values()) for line in answer.content.splitlines()]
        assert found == [tuple(map(plain, row)) for row in rows]
    else:
        import csv

        found = list(csv.reader(io.StringIO(answer.text)))
        assert found[0] == COLUMNS.split(", ")
        assert found[1:] == [[str(plain(value)) for value in row] for row in rows]


def test_floats_are_answered_where_they_are_asked_for(history: Pipeline, api: Api) -> None:
    page = api.get("/v1/ticks", start=instant(NOON), end=instant(NOON + timedelta(days=2)), price_type="float")
    assert all(type(row["ask_price"]) is float for row in page["ticks"])


def test_latest_is_the_newest_stored_tick_of_each_symbol(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    (quote,) = api.get("/v1/quotes/latest", symbols="TTF-GAS,XYZ")["quotes"]
    assert (quote["sequence_id"], quote["bid_price"], quote["state"]) == (3, "27.53", "live")
    assert api.get("/v1/quotes/latest", symbols="TTF-GAS,XYZ")["unknown"] == ["XYZ"]
    landed.produce([tick(5, bid_price=Decimal("26.1"))])
    landed.run()  # announced by nobody: the look at Postgres finds it
    eventually(lambda: api.get("/v1/quotes/latest")["quotes"][0]["bid_price"] == "26.1", 10)


def test_as_of_answers_what_was_known_then_and_only_once_that_is_settled(history: Pipeline, api: Api) -> None:
    at = NOON + timedelta(hours=5, minutes=30)
    now = api.get("/v1/quotes/as-of", at=instant(at), symbols="TTF-GAS,NBP-GAS,XYZ")
    assert [(row["symbol"], row["sequence_id"]) for row in now["quotes"]] == [("TTF-GAS", 6), ("NBP-GAS", 6)]
    assert (now["unknown"], now["repeatable"]) == (["XYZ"], False)
    history.execute("UPDATE ticks SET landed_at = landed_at - interval '1 hour'")
    known = datetime.now(UTC) - timedelta(minutes=30)
    before = api.get("/v1/quotes/as-of", at=instant(at), symbols="TTF-GAS", known_at=instant(known))
    late = tick(99, event_time=at, received_time=at)
    history.produce([late])
    history.run()
    again = api.get("/v1/quotes/as-of", at=instant(at), symbols="TTF-GAS", known_at=instant(known))
    assert again["quotes"] == before["quotes"]
    assert again["repeatable"]
    assert api.get("/v1/quotes/as-of", at=instant(at), symbols="TTF-GAS")["quotes"][0]["sequence_id"] == 99
    problem = api.get("/v1/quotes/as-of", 409, at=instant(at), known_at=instant(datetime.now(UTC)))
    assert "provisional" in problem["detail"]


def test_an_open_landing_keeps_the_past_provisional(history: Pipeline, api: Api) -> None:
    known = instant(datetime.now(UTC) - timedelta(minutes=10))
    asked = {"at": instant(NOON), "symbols": "TTF-GAS", "known_at": known}
    assert api.get("/v1/quotes/as-of", **asked)["repeatable"]
    history.produce([tick(50)])
    history.drain()
    history.execute(
        "UPDATE offset_range SET holder_pid = 1, holder_start = now(), lease_until = now() - interval '1 hour' "
        "WHERE state = 'planned'"
    )
    assert "provisional" in api.get("/v1/quotes/as-of", 409, **asked)["detail"]


def test_bars_are_those_of_the_mid(history: Pipeline, api: Api) -> None:
    window = {"start": instant(NOON), "end": instant(NOON + timedelta(hours=4)), "interval": "1h"}
    bars = api.get("/v1/bars", symbol="TTF-GAS", **window)["bars"]
    assert [(bar["open"], bar["count"]) for bar in bars] == [
        (format((Decimal(20) + n * Decimal("0.000000001")) / 2, "f").rstrip("0"), 1) for n in (1, 2, 3, 4)
    ]


def test_the_fitness_of_an_answer_names_its_gaps(history: Pipeline, api: Api) -> None:
    at = NOON + timedelta(hours=19, minutes=10)
    history.produce([tick(30, event_time=at, received_time=at)])
    history.run()
    history.stitch()
    window = {"start": instant(NOON), "end": instant(NOON + timedelta(days=1)), "symbols": "TTF-GAS"}
    answer = api.http.get("/v1/ticks", params=window)
    assert answer.headers["data-gaps"] == "1"
    assert float(answer.headers["data-coverage"]) < 1
    assert answer.headers["data-complete-through"]
    assert api.get("/v1/ticks", 409, **window, min_coverage=1)["coverage"] < 1
    (gap,) = api.get("/v1/gaps", symbols="TTF-GAS", kind="gap")["events"]
    assert (gap["first_sequence"], gap["last_sequence"], gap["missing"], gap["state"]) == (21, 29, "21-29", "open")
    days = api.get("/v1/coverage", per="day", start=instant(NOON), end=instant(NOON + timedelta(days=2)))["rows"]
    assert {(row["symbol"], row["place"]) for row in days} >= {("TTF-GAS", "hot"), ("NBP-GAS", "hot")}


def test_rejects_are_listed_and_shown_with_their_bytes(landed: Pipeline, api: Api) -> None:
    rejects = api.get("/v1/quarantine")["rejects"]
    assert {row["reason"] for row in rejects} == {"json", "crossed"}
    broken = next(row for row in rejects if row["reason"] == "json")
    place = f"{broken['generation']}/{broken['partition']}/{broken['offset']}"
    whole = api.get(f"/v1/quarantine/{place}")
    import base64

    assert base64.b64decode(whole["value"]) == b'{"broken\x1b'
    assert api.get("/v1/ranges")["ranges"][0]["n_bad"] == 2
    assert api.get("/v1/audit")["balances"]


def test_queries_read_and_do_nothing_else(landed: Pipeline, api: Api) -> None:
    def ask(sql: str) -> Any:
        return api.http.post("/v1/query", json={"sql": sql})

    answer = ask("SELECT symbol, count(*) AS n, max(bid_price) AS bid FROM ticks GROUP BY 1").json()
    assert answer["rows"] == [["TTF-GAS", 3, "27.53"]]
    assert [column["name"] for column in answer["columns"]] == ["symbol", "n", "bid"]
    for sql in (
        "DELETE FROM ticks",
        "SELECT 1; SELECT 2",
        "SELECT * FROM read_text('/etc/passwd')",
        "COPY ticks TO '/tmp/x.csv'",
        "ATTACH '/tmp/x.db'",
        "SET enable_external_access = true",
        "INSTALL httpfs",
        "PRAGMA database_list",
        "SELEC",
    ):
        assert ask(sql).status_code == 400, sql
    assert landed.one("SELECT count(*) FROM ticks") == 3
    csv = api.http.post("/v1/query?format=csv", json={"sql": "SELECT sequence_id FROM ticks ORDER BY 1"})
    assert csv.text.split() == ['"sequence_id"', "1", "2", "3"]
