"""Who is let in."""

import asyncio
import hashlib
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from orderbook.api.problems import Problem
from orderbook.api.security import MOST_BODY, Gate, Limiter, read_keys, refuse_open, scope_of
from orderbook.errors import ConfigError
from orderbook.stored_sections import ApiSettings

READ, OPERATE = "a-read-key", "an-operate-key"
KEYS = f"read:{hashlib.sha256(READ.encode()).hexdigest()}, operate:{hashlib.sha256(OPERATE.encode()).hexdigest()}"


def settings(**changes: Any) -> ApiSettings:
    return ApiSettings(**changes)


def ask(
    config: ApiSettings, path: str, *, here: str = "127.0.0.1", host: str = "127.0.0.1:8080", **headers: str
) -> tuple[int, dict[str, str]]:
    """Status and headers of an answer through the gate."""
    sent: list[Any] = []

    async def app(_scope: Any, _receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    async def send(message: Any) -> None:
        sent.append(message)

    async def receive() -> Any:
        return {"type": "http.request", "body": b"", "more_body": False}

    named = {"host": host, **{name.replace("_", "-"): value for name, value in headers.items()}}
    scope = {
        "type": "http",
        "path": path,
        "server": (here, 8080),
        "client": ("10.0.0.9", 5),
        "headers": [(name.encode(), value.encode()) for name, value in named.items()],
    }
    asyncio.run(Gate(app, config)(scope, receive, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def test_without_keys_only_loopback_is_answered() -> None:
    assert ask(settings(), "/v1/ticks")[0] == 200
    assert ask(settings(), "/v1/ticks", here="10.0.0.1", host="10.0.0.1")[0] == 403


def test_without_keys_only_our_own_names_are_answered() -> None:
    """Else a page from elsewhere, whose name was made to mean this machine, could read through a browser here."""
    assert ask(settings(), "/v1/ticks", host="evil.example")[0] == 400
    assert ask(settings(hosts="desk.example"), "/v1/ticks", host="desk.example:8080")[0] == 200


def test_with_keys_each_address_of_data_wants_one() -> None:
    config = settings(keys=SecretStr(KEYS))
    for path in ("/v1/ticks", "/v1/live", "/metrics", "/openapi.json"):
        status, headers = ask(config, path, here="10.0.0.1", host="x")
        assert (status, headers["www-authenticate"]) == (401, "Bearer")
    assert ask(config, "/healthz", here="10.0.0.1")[0] == 200
    assert ask(config, "/v1/ticks", authorization=f"Bearer {READ}")[0] == 200
    assert ask(config, "/v1/ticks", x_api_key=READ)[0] == 200
    assert ask(config, "/v1/ticks", authorization=f"Bearer {READ}x")[0] == 401


@pytest.mark.parametrize("path", ["/v1/ranges", "/v1/audit", "/v1/quarantine/1/0/5", "/v1/query"])
def test_raw_bytes_ranges_audit_and_sql_want_the_scope_operate(path: str) -> None:
    config = settings(keys=SecretStr(KEYS))
    assert ask(config, path, x_api_key=READ)[0] == 403
    assert ask(config, path, x_api_key=OPERATE)[0] == 200


def test_keys_are_known_by_their_hash_alone() -> None:
    keys = read_keys(KEYS)
    assert (scope_of(READ, keys), scope_of(OPERATE, keys), scope_of("", keys)) == ("read", "operate", None)
    with pytest.raises(ValidationError, match="orderbook api --new-key"):
        settings(keys=SecretStr("read:secret"))


def test_a_public_address_without_a_key_is_refused() -> None:
    refuse_open(settings(), "127.0.0.1")
    refuse_open(settings(), "::1")
    refuse_open(settings(keys=SecretStr(KEYS)), "0.0.0.0")
    for address in ("0.0.0.0", "::", "10.0.0.1", "desk.example"):
        with pytest.raises(ConfigError, match="ORDERBOOK_API__KEYS"):
            refuse_open(settings(), address)


def test_a_client_that_asks_too_often_waits_and_another_does_not() -> None:
    limiter = Limiter(10)
    waits = [limiter.wait_seconds("a", 0.0) for _ in range(21)]
    assert waits[:20] == [0.0] * 20
    assert waits[20] == pytest.approx(0.1)
    assert limiter.wait_seconds("b", 0.0) == 0
    assert limiter.wait_seconds("a", 0.2) == 0


def test_every_answer_carries_the_headers_that_keep_a_browser_at_home() -> None:
    for config, path in ((settings(), "/"), (settings(keys=SecretStr(KEYS)), "/v1/ticks")):
        headers = ask(config, path)[1]
        assert "default-src 'none'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]
        assert headers["x-content-type-options"] == "nosniff"


def test_a_large_body_is_refused_before_it_is_read() -> None:
    assert ask(settings(), "/v1/query", content_length="70000")[0] == 413


def test_a_body_that_does_not_say_its_length_ends_at_the_same_bound() -> None:
    taken = 0

    async def app(_scope: Any, receive: Any, _send: Any) -> None:
        nonlocal taken
        while True:
            taken += len((await receive())["body"])

    async def receive() -> Any:
        return {"type": "http.request", "body": b"x" * 1024, "more_body": True}

    scope = {"type": "http", "path": "/v1/query", "server": ("127.0.0.1", 1), "headers": [(b"host", b"localhost")]}
    with pytest.raises(Problem, match="larger than"):
        asyncio.run(Gate(app, settings())(scope, receive, None))  # type: ignore[arg-type] # nothing is sent
    assert taken == MOST_BODY
