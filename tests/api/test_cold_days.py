"""Whether a day lies in Postgres or in files, its answers are the same, byte for byte."""

from collections.abc import Iterator
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from tests.api.server import Api, api_server
from tests.archive import Cold, cold, days_ago

__all__ = ["cold"]

DAY = days_ago(5)
START = datetime.combine(DAY, time(0), UTC)
WINDOW = {"start": START.isoformat(), "end": (START + timedelta(days=1)).isoformat()}
NOON = (START + timedelta(hours=12)).isoformat()
ROWS = 3_000


@pytest.fixture
def stored(cold: Cold) -> Cold:
    """A day of three symbols; every other tick became known an hour after the rest."""
    cold.land(DAY, ROWS)
    cold.land(DAY - timedelta(days=1), 10, first=ROWS)
    with cold.engine.begin() as connection:
        connection.execute(text("UPDATE ticks SET landed_at = now() - (1 + kafka_offset % 2) * interval '1 hour'"))
    return cold


@pytest.fixture
def api(stored: Cold, tmp_path: Path) -> Iterator[Api]:
    """Over the same database and the same cold root."""
    with api_server(tmp_path) as made:
        yield made


def asked() -> dict[str, tuple[str, dict[str, Any]]]:
    known = (datetime.now(UTC) - timedelta(minutes=90)).isoformat()
    symbols = "NBP-GAS,TTF-GAS"
    forms = {form: ("/v1/ticks", {**WINDOW, "format": form}) for form in ("ndjson", "csv", "arrow", "parquet")}
    return forms | {
        "a page": ("/v1/ticks", {**WINDOW, "symbols": symbols, "limit": 700}),
        "newest first": ("/v1/ticks", {**WINDOW, "order": "desc", "limit": 700}),
        "bars": ("/v1/bars", {**WINDOW, "symbol": "TTF-GAS", "interval": "1h"}),
        "as of": ("/v1/quotes/as-of", {"at": NOON, "symbols": symbols}),
        "as known": ("/v1/quotes/as-of", {"at": NOON, "symbols": symbols, "known_at": known}),
    }


def answered(api: Api, questions: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, bytes]:
    """Each answer's bytes; they say where the rows lay, and that alone may differ."""
    found = {}
    for name, (path, parameters) in questions.items():
        answer = api.http.get(path, params=parameters)
        assert answer.status_code == 200, (name, answer.text)
        source = answer.headers["data-sources"]
        found[name] = answer.content.replace(f'"sources":"{source}"'.encode(), b'"sources":"somewhere"')
    return found


def sources(api: Api, questions: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, str]:
    return {name: api.http.get(path, params=asked).headers["data-sources"] for name, (path, asked) in questions.items()}


def test_an_archived_day_answers_with_the_same_bytes(stored: Cold, api: Api) -> None:
    questions = asked()
    before = answered(api, questions)
    assert set(sources(api, questions).values()) == {"hot"}
    stored.archive(DAY)
    assert stored.rows("SELECT count(*) FROM ticks") == [(10,)]
    assert answered(api, questions) == before
    where = sources(api, questions)
    assert {name: source for name, source in where.items() if not name.startswith("as ")} == dict.fromkeys(
        (name for name in questions if not name.startswith("as ")), "cold"
    )
    assert before["ndjson"].count(b"\n") == ROWS
    assert before["as of"] != before["as known"]


def test_what_was_known_then_is_another_row_than_what_is_known_now(stored: Cold, api: Api) -> None:
    """Over files: the tick before noon that had landed two hours ago, not the nearer one that came later."""
    stored.archive(DAY)
    questions = asked()
    now, then = (api.get(path, **parameters) for path, parameters in (questions["as of"], questions["as known"]))
    for newer, older in zip(now["quotes"], then["quotes"], strict=True):
        assert older["symbol"] == newer["symbol"]
        assert older["event_time"] <= newer["event_time"]
        (expected,) = api.get(
            "/v1/ticks", symbols=older["symbol"], start=WINDOW["start"], end=NOON, order="desc", limit=5
        )["ticks"][:1]
        assert newer == expected
    assert [row["kafka_offset"] % 2 for row in then["quotes"]] == [1, 1]
    assert now["quotes"] != then["quotes"]


def test_the_status_counts_the_files(stored: Cold, api: Api, eventually: Any) -> None:
    eventually(lambda: api.get("/v1/status")["archive"] == {"files": 0, "rows": 0, "last": None}, 30)
    stored.archive(DAY)
    eventually(lambda: api.get("/v1/status")["archive"]["files"] == 1, 30)
    archive = api.get("/v1/status")["archive"]
    assert archive["rows"] == ROWS
    assert archive["last"] is not None
