"""The Python client against the real server."""

import asyncio
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pyarrow as pa
import pytest

from orderbook.client import ApiError, AsyncClient, Client, RetryPolicy
from tests.api.server import Api, api_server
from tests.pipeline import Pipeline

ONCE = RetryPolicy(attempts=1)
SINCE = datetime.now(UTC) - timedelta(minutes=30)


def test_rows_come_as_arrow_pandas_and_polars(landed: Pipeline, api: Api) -> None:
    seen: list[int] = []
    with Client(api.url) as client:
        rows = client.ticks("TTF-GAS", SINCE, progress=seen.append)
    assert len(rows) == 3
    assert seen == sorted(seen)
    assert seen
    assert rows.fitness.sources == ("hot",)
    assert rows.to_arrow().schema.field("bid_price").type == pa.decimal128(18, 9)
    frame = rows.to_pandas()
    assert list(frame["sequence_id"]) == [1, 2, 3]
    assert frame["bid_price"][0] == Decimal("27.53")
    assert rows.to_pandas(floats=True)["ask_price"].dtype == float
    assert rows.to_polars()["sequence_id"].to_list() == [1, 2, 3]
    assert rows.to_polars(floats=True)["ask_price"][0] == pytest.approx(27.545)


def test_both_clients_answer_alike(landed: Pipeline, api: Api) -> None:
    async def asked() -> tuple[object, ...]:
        async with AsyncClient(api.url) as client:
            rows = await client.ticks("TTF-GAS", SINCE)
            answer = await client.query("SELECT count(*) AS n FROM ticks")
            return rows.table, answer.table, await client.as_of(datetime.now(UTC), "TTF-GAS")

    with Client(api.url) as client:
        rows = client.ticks("TTF-GAS", SINCE)
        answer = client.query("SELECT count(*) AS n FROM ticks")
        assert asyncio.run(asked()) == (rows.table, answer.table, client.as_of(datetime.now(UTC), "TTF-GAS"))
    assert answer.table.to_pylist() == [{"n": 3}]


def test_problems_are_told_with_their_hint(landed: Pipeline, api: Api) -> None:
    with Client(api.url, retry=ONCE) as client:
        with pytest.raises(ApiError, match="start is not before end") as wrong:
            client.ticks("TTF-GAS", SINCE, SINCE)
        assert (wrong.value.status, wrong.value.hint) == (400, "start is included, end is not")
        with pytest.raises(ApiError):
            client.query("DROP TABLE ticks")
        with pytest.raises(ValueError, match="naive"):
            client.ticks("TTF-GAS", datetime(2026, 1, 5))  # noqa: DTZ001 - the point


def test_a_server_that_comes_later_is_waited_for(landed: Pipeline, tmp_path: Path) -> None:
    with api_server(tmp_path) as gone:
        url = gone.url
    with (
        Client(url, retry=RetryPolicy(attempts=2, first_seconds=0.01)) as client,
        pytest.raises(ApiError, match="no answer"),
    ):
        client.latest()


def test_the_client_imports_nothing_heavy_of_ours() -> None:
    line = "import sys, orderbook.client; print([m for m in sys.modules if m.startswith('orderbook.')])"
    found = subprocess.run([sys.executable, "-c", line], capture_output=True, text=True, check=True).stdout
    parts = {name.partition(".")[2].partition(".")[0] for name in eval(found)}
    assert parts == {"client", "remote"}
