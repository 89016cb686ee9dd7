"""Contracts and clocks over HTTP are those of the commands."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from orderbook.clock import utc_now
from orderbook.completeness.clocks import ClockWatcher
from orderbook.store.completeness.clocks import ClockWatch
from tests.api.server import Api, api_server
from tests.commands import ok
from tests.pipeline import Pipeline, tick

Eventually = Callable[..., None]


def test_contracts_are_found_by_symbol_area_kind_and_delivery(pipeline: Pipeline, api: Api) -> None:
    assert api.get("/v1/contracts")["contracts"] == []
    ok("contracts", "add", "--areas", "DE,FR", "--date", "2026-03-29")
    quarters = api.get("/v1/contracts", area="DE", kind="quarter")["contracts"]
    assert len(quarters) == 92  # the day on which summer time begins
    told = json.loads(ok("contracts", "ls", "--area", "DE", "--kind", "quarter", "--json"))
    assert [row["symbol"] for row in quarters] == [row["symbol"] for row in told]
    window = {"start": "2026-03-29T10:00:00Z", "end": "2026-03-29T11:00:00Z"}
    assert {(c["area"], c["kind"]) for c in api.get("/v1/contracts", **window)["contracts"]} == {
        ("DE", "hour"), ("DE", "quarter"), ("FR", "hour"), ("FR", "quarter"),
    }  # fmt: skip
    wanted = "DE-QH-20260329T1015Z"
    (contract,) = api.get("/v1/contracts", symbols=f"{wanted},TTF-GAS")["contracts"]
    assert contract["delivery_start"] == "2026-03-29T10:15:00.000000Z"
    assert contract["gate_closure"] == "2026-03-29T10:10:00.000000Z"
    assert not contract["traded"]
    assert api.get("/v1/contracts", open="true")["contracts"] == []


def test_clocks_are_told_by_feed_in_seconds(pipeline: Pipeline, api: Api) -> None:
    assert api.get("/v1/clocks")["clocks"] == []
    at = utc_now() - timedelta(seconds=5)
    pipeline.produce(
        tick(
            n, event_time=at + timedelta(milliseconds=n), received_time=at + timedelta(milliseconds=n, microseconds=250)
        )
        for n in range(1, 4)
    )
    pipeline.run()
    ClockWatcher(ClockWatch(pipeline.engine), lambda _: "a venue").run()
    (clock,) = api.get("/v1/clocks")["clocks"]
    assert (clock["feed"], clock["usual_seconds"], clock["newest_seconds"]) == ("a venue", 0.00025, 0.00025)
    assert clock["stepped_at"] is None


def test_the_status_links_to_flower_where_it_was_told_of_one(pipeline: Pipeline, api: Api, tmp_path: Path) -> None:
    assert api.get("/v1/status")["links"] == {"flower": None}
    with api_server(tmp_path, ORDERBOOK_API__FLOWER_URL="http://127.0.0.1:5555") as told:
        assert told.get("/v1/status")["links"] == {"flower": "http://127.0.0.1:5555"}
