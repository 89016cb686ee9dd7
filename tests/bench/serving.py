"""What the API gives while ticks come in: quotes, downloads, live clients, and what it costs the landing."""

import asyncio
import re
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import closing
from statistics import quantiles
from typing import Any

import psutil
import psycopg2
import pyarrow as pa
import pyarrow.parquet as pq

from orderbook.embedded.ports import accepts, choose_port
from tests.bench.aspects import PER_SECOND, watch
from tests.bench.stage import Log, Stage
from tests.bench.ways import wait_until
from tests.processes import SYMBOLS, Deployment, deployment_over

REQUESTS_PER_SECOND = 200
CONNECTIONS = 20
REQUEST_SECONDS = 10
LIVE_CLIENTS = 100
STALLED_CLIENTS = 50
LIVE_SECONDS = 10
STALLED_SECONDS = 20
DOWNLOADED = 1_000_000
DOWNLOADS = 3  # the first one finds the rows as they were landed, without hints or statistics
PLACE = re.compile(rb'"place":"\d+/(\d+)/(\d+)"')
DONE = """
    SELECT partition, start_offset, end_offset, extract(epoch FROM done_at)::float FROM offset_range
    WHERE state = 'done' AND done_at > now() - interval '5 minutes'
"""


def serving(stage: Stage, log: Log) -> Mapping[str, Any]:
    """All of it while the simulator sends 5,000 a second; downloads are of a log of at least a million ticks."""
    port = choose_port()
    with deployment_over(stage.servers, stage.template, topic=log.topic) as run:
        run.worker(processes=2)
        run.beat()
        run.wait_for_prefix(log.ends(), 120)
        api = run.start("api", f"orderbook api --port {port}", ORDERBOOK_API__RATE_PER_SECOND="2000")
        wait_until(lambda: accepts(port), 30)
        assert api.pid is not None
        process = psutil.Process(api.pid)
        before = int(time.time())
        simulated = f"--symbols {SYMBOLS} --interval {len(SYMBOLS.split(',')) / PER_SECOND} --seed 1"
        run.simulator(simulated)
        wait_until(lambda: sum(run.prefix().values()) > sum(log.ends().values()) + 2 * PER_SECOND, 60)
        found: dict[str, Any] = {
            f"rows_per_second_{form}": [asyncio.run(_download(port, form, before)) for _ in range(DOWNLOADS)]
            for form in ("arrow", "parquet")
        }
        found["latest_seconds"] = _shares(asyncio.run(_ask(port)))
        found["live_seconds"] = _shares(_since_commit(run, asyncio.run(_follow(port, LIVE_CLIENTS))))
        found["memory_mb"] = process.memory_info().rss / 2**20
        found["most_memory_mb_with_stalled_clients"] = asyncio.run(_stall(port, process))
        with closing(psycopg2.connect(run.database_url)) as connection:
            found["ingestion_seconds"] = asyncio.run(_beside(port, lambda: watch(connection, LIVE_SECONDS)))
    return found


def _shares(values: Sequence[float]) -> Mapping[str, float]:
    cuts = quantiles(values, n=100)
    return {"p50": cuts[49], "p99": cuts[98], "max": max(values), "count": len(values)}


async def _download(port: int, form: str, before: int) -> float:
    """Rows a second, from the request to the last byte; of the log, not of what came since ``before``."""
    began = time.monotonic()
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    window = f"start={before - 86_400}000000000&end={before}000000000"
    path = f"/v1/ticks?{window}&limit={DOWNLOADED}&format={form}"
    writer.write(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())
    head = await reader.readuntil(b"\r\n\r\n")
    assert b" 200 " in head, head
    parts = []
    while part := await reader.read(2**20):
        parts.append(part)
    took = time.monotonic() - began
    writer.close()
    content = pa.BufferReader(_unchunked(b"".join(parts)))
    table = pa.ipc.open_stream(content).read_all() if form == "arrow" else pq.read_table(content)
    assert table.num_rows == DOWNLOADED
    return DOWNLOADED / took


def _unchunked(body: bytes) -> bytes:
    """The content of a chunked body (RFC 9112, section 7.1)."""
    found, at = [], 0
    while True:
        line = body.index(b"\r\n", at)
        size = int(body[at:line], 16)
        if size == 0:
            return b"".join(found)
        found.append(body[line + 2 : line + 2 + size])
        at = line + 2 + size + 2


async def _ask(port: int) -> list[float]:
    """Seconds of each answer, asked for at a fixed rate whatever the answers take."""
    took: list[float] = []
    began = time.monotonic() + 0.2

    async def one(number: int) -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        for turn in range(REQUESTS_PER_SECOND * REQUEST_SECONDS // CONNECTIONS):
            due = began + (turn * CONNECTIONS + number) / REQUESTS_PER_SECOND
            await asyncio.sleep(max(0.0, due - time.monotonic()))
            writer.write(b"GET /v1/quotes/latest HTTP/1.1\r\nHost: localhost\r\n\r\n")
            head = await reader.readuntil(b"\r\n\r\n")
            found = re.search(rb"content-length: (\d+)", head)
            assert found is not None, head
            assert b" 200 " in head, head
            await reader.readexactly(int(found[1]))
            took.append(time.monotonic() - due)
        writer.close()

    await asyncio.gather(*(one(number) for number in range(CONNECTIONS)))
    return took


async def _follow(port: int, clients: int, seconds: float = LIVE_SECONDS) -> list[tuple[int, int, float]]:
    """Partition, offset, and when it came, of each quote of each client; snapshots apart."""
    came: list[tuple[int, int, float]] = []
    deadline = time.monotonic() + seconds

    async def one() -> None:
        reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
        writer.write(b"GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        while time.monotonic() < deadline:
            event = await asyncio.wait_for(reader.readuntil(b"\n\n"), 10)
            at = time.time()
            if b"event: ticks" in event:
                came.extend((int(partition), int(offset), at) for partition, offset in PLACE.findall(event))
        writer.close()

    await asyncio.gather(*(one() for _ in range(clients)))
    return came


def _since_commit(run: Deployment, came: Sequence[tuple[int, int, float]]) -> list[float]:
    ranges = run.rows(DONE)
    landed: dict[tuple[int, int], float] = {}
    for partition, offset in {(partition, offset) for partition, offset, _ in came}:
        for number, start, end, at in ranges:
            if number == partition and start <= offset < end:
                landed[partition, offset] = at
    return [at - landed[partition, offset] for partition, offset, at in came if (partition, offset) in landed]


async def _stall(port: int, process: psutil.Process) -> float:
    """The most memory of the API while clients are there that never read."""
    stalled = []
    for _ in range(STALLED_CLIENTS):
        client = socket.socket()
        client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)  # or the kernel reads for them
        client.connect(("127.0.0.1", port))
        client.sendall(b"GET /v1/live HTTP/1.1\r\nHost: localhost\r\n\r\n")
        stalled.append(client)
    most = 0.0
    for _ in range(STALLED_SECONDS):
        await asyncio.sleep(1)
        most = max(most, process.memory_info().rss / 2**20)
    for client in stalled:
        client.close()
    return most


async def _beside(port: int, measured: Any) -> Any:
    """What is measured while live clients and requests go on."""
    asking = asyncio.gather(_follow(port, LIVE_CLIENTS), _ask(port))
    found = await asyncio.to_thread(measured)
    await asking
    return found
