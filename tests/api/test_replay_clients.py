"""Who asks for a replay and reads nothing, leaves, or asks a server whose store is away."""

import asyncio
import socket
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from orderbook.api.replay import Replay
from orderbook.client import ApiError, Client
from orderbook.config import Settings
from orderbook.remote.events import Parser
from orderbook.replay.source import Wish
from tests.api.replays import START, WINDOW, quotes, replayed, streamed
from tests.api.server import Api, api_server
from tests.pipeline import Pipeline, tick
from tests.servers import RunningServers, database_of

Eventually = Callable[..., None]

MANY = 30_000  # 7 MB of events: more than the kernel keeps for a client that reads nothing


def test_clients_that_read_nothing_hold_their_places_and_nobody_up_until_they_leave(
    pipeline: Pipeline, api: Api, eventually: Eventually
) -> None:
    pipeline.produce(tick(n, event_time=START + n * timedelta(milliseconds=10)) for n in range(MANY))
    pipeline.run()
    port = int(api.url.rpartition(":")[2])
    asked = f"start={START:%Y-%m-%dT%H:%M:%SZ}&speed=max"
    stalled: list[socket.socket] = []

    def stall() -> None:
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.connect(("127.0.0.1", port))
        connection.sendall(f"GET /v1/replay?{asked} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode())
        stalled.append(connection)

    try:
        for _ in range(3):
            stall()
        assert [connection.recv(12) for connection in stalled] == [b"HTTP/1.1 200"] * 3
        assert len(quotes(replayed(api, speed="max"))) == MANY
        stall()
        assert stalled[-1].recv(12) == b"HTTP/1.1 200"
        answer = api.http.get("/v1/replay", params=WINDOW)
        assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
        assert "MOST_REPLAYS" in answer.json()["hint"]
    finally:
        for connection in stalled:
            connection.close()
    eventually(lambda: api.http.get("/v1/replay", params={**WINDOW, "speed": "max"}).status_code == 200)


def test_who_leaves_a_paced_replay_frees_its_place(stored: Pipeline, tmp_path: Path, eventually: Eventually) -> None:
    with api_server(tmp_path, ORDERBOOK_API__MOST_REPLAYS="1") as api:
        with streamed(api, speed=0.1) as events:
            assert next(events).kind == "snapshot"
            api.get("/v1/replay", 503, **WINDOW)
        eventually(lambda: api.http.get("/v1/replay", params={**WINDOW, "speed": "max"}).status_code == 200)


def test_what_breaks_it_off_is_its_last_event() -> None:
    """Read from a Postgres that nobody answers for."""
    nowhere = Settings.model_validate({"database": {"url": "postgresql://market:x@127.0.0.1:1/marketdata"}})
    wish = Wish(START, START + timedelta(hours=1))
    reel = Replay(SimpleNamespace(settings=nowhere, replays=0), wish, None)  # type: ignore[arg-type]

    async def told() -> bytes:
        return b"".join([frame async for frame in reel.events()])

    parser = Parser()
    lines = asyncio.run(told()).decode().splitlines()
    found = [event for line in lines if (event := parser.take(line)) is not None and event.kind != "heartbeat"]
    assert [event.kind for event in found] == ["snapshot", "problem"]
    assert (found[1].content["status"], found[1].content["run"]) == (503, reel.run)
    assert found[1].content["hint"]


def test_a_replay_that_is_broken_off_goes_on_behind_its_last_id(
    pipeline: Pipeline, servers: RunningServers, tmp_path: Path, eventually: Eventually
) -> None:
    moments = [START + n * timedelta(milliseconds=10) for n in range(1_200)]
    pipeline.produce(tick(n, event_time=at) for n, at in enumerate(moments))
    pipeline.run()
    database = database_of(pipeline.settings.database.url.get_secret_value())
    log = tmp_path / "api.log"
    with api_server(tmp_path) as api, Client(api.url) as client, ThreadPoolExecutor(1) as reading:
        events = client.replay(start=START, end=WINDOW["end"], speed=4, gaps=False)
        heard = [next(events), next(events)]
        rest = reading.submit(list, events)
        servers.administer(f"ALTER DATABASE {database} ALLOW_CONNECTIONS false")
        try:
            eventually(lambda: "replay broken off" in log.read_text())
        finally:
            servers.administer(f"ALTER DATABASE {database} ALLOW_CONNECTIONS true")
        heard += rest.result(timeout=60)
    assert [quote.event_time for quote in quotes(heard)] == moments
    kinds = [event.kind for event in heard if event.kind != "heartbeat"]
    assert (kinds[0], kinds[-1], set(kinds[1:-1])) == ("snapshot", "end", {"ticks"})


def test_a_replay_that_can_never_be_says_why(stored: Pipeline, api: Api) -> None:
    with Client(api.url) as client, pytest.raises(ApiError, match="start is not before end"):
        next(client.replay(start=START, end=START))
