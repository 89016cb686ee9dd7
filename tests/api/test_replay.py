"""The past over HTTP: all of it, in order, at its pace, and known as the past."""

import asyncio
import json
import re
import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from orderbook.client import AsyncClient, Client
from orderbook.remote.answers import Quote
from orderbook.remote.events import Event, Parser
from orderbook.tick import FIELDS
from tests.api.replays import START, STEP, WINDOW, quotes, replayed, streamed
from tests.api.server import Api
from tests.commands import outside
from tests.pipeline import Pipeline

Eventually = Callable[..., None]


def values(quote: Quote) -> tuple[Any, ...]:
    return tuple(getattr(quote, name) for name in FIELDS)


def rows(pipeline: Pipeline, where: str = "true") -> list[tuple[Any, ...]]:
    order = "event_time, generation_id, kafka_partition, kafka_offset"
    return [
        tuple(row) for row in pipeline.rows(f"SELECT {', '.join(FIELDS)} FROM ticks WHERE {where} ORDER BY {order}")
    ]


def test_every_tick_comes_once_in_order_and_exactly_with_its_run(stored: Pipeline, api: Api) -> None:
    events = replayed(api, speed="max")
    assert [values(quote) for quote in quotes(events)] == rows(stored)
    first, last = events[0], events[-1]
    assert (first.kind, first.content["speed"], last.kind) == ("snapshot", None, "end")
    run = first.content["run"]
    assert re.fullmatch("[0-9a-f]{12}", run)
    records = [record for event in events if event.kind == "ticks" for record in event.content["ticks"]]
    assert {record["run"] for record in records} == {event.content["run"] for event in events} == {run}
    assert replayed(api, speed="max", symbols="TTF-GAS")[0].content["run"] != run


def test_a_gap_is_told_before_the_tick_that_showed_it(stored: Pipeline, api: Api) -> None:
    events = replayed(api, speed="max")
    (at,) = (number for number, event in enumerate(events) if event.kind == "gap")
    gap, after = events[at].content, events[at + 1]
    assert (gap["symbol"], gap["first_sequence"], gap["last_sequence"], gap["seconds"]) == ("TTF-GAS", 50, 50, 0.04)
    assert gap["run"] == events[0].content["run"]
    assert next(iter(after.quotes())).sequence_id == 51
    assert not [event for event in replayed(api, speed="max", gaps="false") if event.kind == "gap"]


def test_its_hash_is_that_of_the_command(stored: Pipeline, api: Api) -> None:
    told = outside("replay", "--from", WINDOW["start"], "--to", WINDOW["end"], "--speed", "max").stderr
    ends = [replayed(api, speed=speed)[-1].content for speed in ("max", "10")]
    for end in ends:
        assert (end["ticks_sent"], end["gaps_sent"]) == (199, 1)
        assert f"sha256 {end['sha256']}" in told
    assert replayed(api, speed="max", symbols="TTF-GAS")[-1].content["sha256"] != ends[0]["sha256"]


def test_ticks_come_at_the_distances_of_then(stored: Pipeline, api: Api) -> None:
    """99 ticks over 1.98 s at half speed."""
    found: list[tuple[float, Quote]] = []
    with streamed(api, speed=0.5, symbols="TTF-GAS") as events:
        for event in events:
            found += [(time.monotonic(), quote) for quote in event.quotes() if event.kind == "ticks"]
    began, first = found[0]
    errors = sorted(at - began - (quote.event_time - first.event_time).total_seconds() * 2 for at, quote in found)
    print(f"\nlate by {errors[len(errors) // 2] * 1000:.1f} ms in the median, at worst {errors[-1] * 1000:.1f} ms")
    assert errors[0] > -0.05  # the first one itself may have been late
    assert errors[len(errors) // 2] < 0.1
    assert found[-1][0] - began >= 3.9


def test_heartbeats_say_where_it_is(stored: Pipeline, api: Api) -> None:
    with streamed(api, speed=0.5) as events:
        beats = [event.content for event in events if event.kind == "heartbeat"]
    ats = [datetime.fromisoformat(beat["at"]) for beat in beats if beat["at"]]
    assert len(ats) >= 3
    assert ats == sorted(ats)
    assert START <= ats[0] < ats[-1] <= START + STEP * 101


def test_who_comes_back_with_the_last_id_gets_the_rest_of_the_run(stored: Pipeline, api: Api) -> None:
    """Left after every event in turn, two symbols at the same instants."""
    whole = replayed(api, speed="max")
    with streamed(api, speed="10") as events:
        seen: list[Event] = []
        for event in events:
            seen.append(event)
            if len(quotes(seen)) >= 40:
                break
    run = seen[0].content["run"]
    for last in (seen[0], seen[len(seen) // 2], seen[-1]):
        before = quotes(seen[: seen.index(last) + 1])
        rest = replayed(api, speed="max", last_id=last.id)
        assert "snapshot" not in {event.kind for event in rest}
        assert {event.content["run"] for event in rest} == {run}
        assert before + quotes(rest) == quotes(whole)
    with streamed(api, {"Last-Event-ID": seen[-1].id}, speed="max") as events:
        assert quotes(list(events)) == quotes(rest)


def test_after_its_end_there_is_nothing(stored: Pipeline, api: Api) -> None:
    end = replayed(api, speed="max")[-1]
    answer = api.http.get("/v1/replay", params=WINDOW, headers={"Last-Event-ID": end.id})
    assert (answer.status_code, answer.content) == (204, b"")


def test_the_snapshot_has_the_quotes_in_force_at_the_start(stored: Pipeline, api: Api) -> None:
    start = START + STEP * 10
    events = replayed(api, speed="max", symbols="TTF-GAS,XYZ", start=start.isoformat())
    (quote,) = events[0].quotes()
    assert (quote.symbol, quote.sequence_id) == ("TTF-GAS", 9)
    assert events[0].content["quotes"][0]["run"] == events[0].content["run"]
    assert quotes(events)[0].sequence_id == 10


def test_an_empty_range_ends_at_once(stored: Pipeline, api: Api) -> None:
    window = {"start": (START - timedelta(days=30)).isoformat(), "end": (START - timedelta(days=29)).isoformat()}
    events = replayed(api, **window)
    assert [event.kind for event in events if event.kind != "heartbeat"] == ["snapshot", "end"]
    assert (events[-1].content["ticks_sent"], events[-1].content["at"]) == (0, None)


REFUSED: list[tuple[dict[str, str], int]] = [
    ({"speed": "0.09"}, 422), ({"speed": "1001"}, 422), ({"speed": "nan"}, 422), ({"speed": "fast"}, 422),
    ({"start": "2026-01-02", "end": "2026-01-01"}, 400), ({"start": "2001-01-01"}, 400),
    ({"last_id": "x' OR 1=1 --"}, 400), ({"last_id": "0123456789ab-1-1"}, 400), ({"symbols": "\x00"}, 422),
    ({"min_coverage": "1"}, 409),
]  # fmt: skip


def test_what_cannot_be_is_refused_with_a_reason(stored: Pipeline, api: Api) -> None:
    for asked, status in REFUSED:
        assert api.get("/v1/replay", status, **{**WINDOW, **asked})["hint"], asked


def test_the_answer_says_how_complete_it_is(stored: Pipeline, api: Api) -> None:
    with api.http.stream("GET", "/v1/replay", params={**WINDOW, "speed": "max"}) as answer:
        assert answer.headers["data-gaps"] == "1"
        assert answer.headers["data-sources"] == "hot"
        assert 0 < float(answer.headers["data-coverage"]) < 1


def test_live_and_replayed_records_are_told_apart(stored: Pipeline, api: Api, eventually: Eventually) -> None:
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 2)
    with api.http.stream("GET", "/v1/live") as answer:
        parser = Parser()
        live = next(event for line in answer.iter_lines() if (event := parser.take(line)) is not None)
    assert live.content["quotes"]
    assert "run" not in json.dumps(live.content)
    assert all("run" in record for event in replayed(api, speed="max") for record in event.content.get("quotes", ()))


def test_both_clients_replay_the_same(stored: Pipeline, api: Api) -> None:
    async def awaited() -> list[Event]:
        async with AsyncClient(api.url) as client:
            return [event async for event in client.replay(start=START, end=WINDOW["end"], speed="max", gaps=False)]

    with Client(api.url) as client:
        found = list(client.replay(start=START, end=WINDOW["end"], speed="max"))
    assert [values(quote) for quote in quotes(found)] == rows(stored)
    assert (found[-1].kind, found[-1].content["gaps_sent"]) == ("end", 1)
    other = asyncio.run(awaited())
    assert quotes(other) == quotes(found)
    assert (other[-1].kind, other[-1].content["gaps_sent"]) == ("end", 0)
