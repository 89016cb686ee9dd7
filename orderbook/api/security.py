"""Who may ask: keys and their scopes, the names this server answers to, and how often one may ask. Pure ASGI."""

import hashlib
import hmac
import ipaddress
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final, Literal
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from orderbook.api.problems import Problem
from orderbook.clock import monotonic
from orderbook.errors import ConfigError
from orderbook.stored_sections import ApiSettings

Access = Literal["read", "operate"]  # operate: all of read, and raw bytes, ranges and the audit

LOCAL_NAMES: Final = frozenset({"localhost", "127.0.0.1", "::1"})
OPERATE_PATHS: Final = ("/v1/ranges", "/v1/audit", "/v1/quarantine/", "/v1/query")
MOST_BUCKETS: Final = 10_000
MOST_BODY: Final = 64 * 1024  # bytes: an SQL text at most

TOO_LARGE: Final = Problem(413, f"the body is larger than {MOST_BODY} bytes", "send less")

HEADERS: Final = {
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Content-Security-Policy": (
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
        "font-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    ),
}


@dataclass(frozen=True, slots=True)
class Key:
    """What is known of a key: its scope and its SHA-256."""

    scope: Access
    digest: bytes


def read_keys(text: str) -> list[Key]:
    """The keys of the setting ``api.keys``, which has been validated."""
    parts = [part.strip().split(":") for part in text.split(",") if part.strip()]
    return [Key("operate" if scope == "operate" else "read", bytes.fromhex(digest)) for scope, digest in parts]


def scope_of(presented: str, keys: Iterable[Key]) -> Access | None:
    """The widest scope of a presented key; None where nobody knows it. Takes as long for every key."""
    digest = hashlib.sha256(presented.encode()).digest()
    found: set[Access] = {key.scope for key in keys if hmac.compare_digest(digest, key.digest)}
    return "operate" if "operate" in found else next(iter(found), None)


def is_loopback(address: str) -> bool:
    """Whether an address or name can be reached from this machine only."""
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return address == "localhost"


def refuse_open(settings: ApiSettings, address: str) -> None:
    """Raise ``ConfigError`` where everybody could read without a key."""
    if not is_loopback(address) and not settings.keys.get_secret_value():
        raise ConfigError(
            f"ORDERBOOK_API__ADDRESS: {address} is not loopback, and ORDERBOOK_API__KEYS has no key: "
            "make one with orderbook api --new-key read"
        )


@dataclass
class Limiter:
    """A token bucket for each client: ``rate`` a second, twice that at once."""

    rate: float
    _buckets: dict[str, tuple[float, float]] = field(default_factory=dict)  # by client: tokens, and when

    def wait_seconds(self, client: str, now: float) -> float:
        """0 where the request may go on, else how long to wait."""
        tokens, at = self._buckets.pop(client, (2 * self.rate, now))
        tokens = min(2 * self.rate, tokens + (now - at) * self.rate)
        self._buckets[client] = (max(0.0, tokens - 1), now) if tokens >= 1 else (tokens, now)
        if len(self._buckets) > MOST_BUCKETS:
            del self._buckets[next(iter(self._buckets))]  # who asked longest ago
        return 0.0 if tokens >= 1 else (1 - tokens) / self.rate


class Gate:
    """Lets a request in, or answers it with a problem; puts the security headers on every answer."""

    def __init__(self, app: ASGIApp, settings: ApiSettings) -> None:
        self._app = app
        self._keys = read_keys(settings.keys.get_secret_value())
        self._limiter = Limiter(settings.rate_per_second)
        self._names = LOCAL_NAMES | {settings.address} | {n.strip() for n in settings.hosts.split(",") if n.strip()}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def stamped(message: Message) -> None:
            if message["type"] == "http.response.start":
                known = {name.lower() for name, _ in message["headers"]}
                message["headers"] = [
                    *message["headers"],
                    *((n.lower().encode(), v.encode()) for n, v in HEADERS.items() if n.lower().encode() not in known),
                ]
            await send(message)

        try:
            self._admit(scope)
        except Problem as problem:
            await problem.response()(scope, receive, stamped)
        else:
            await self._app(scope, _bounded(receive), stamped)

    def _admit(self, scope: Scope) -> None:
        headers, path = Headers(scope=scope), str(scope["path"])
        self._check_place(scope, headers)
        client = (scope.get("client") or ("?",))[0]
        access: Access | None = "operate"
        if self._keys:
            access = self._access(headers)
            if access is None and _needs_key(path):
                told = {"WWW-Authenticate": "Bearer"}
                raise Problem(401, "this address needs a key", "send Authorization: Bearer KEY", headers=told)
            if access == "read" and path.startswith(OPERATE_PATHS):
                raise Problem(403, "this key has the scope read", f"{path[:100]} needs a key with the scope operate")
        wait = self._limiter.wait_seconds(client, monotonic())
        if wait > 0:
            told = {"Retry-After": str(max(1, round(wait)))}
            raise Problem(429, "too many requests", "wait, or raise ORDERBOOK_API__RATE_PER_SECOND", headers=told)
        if int(headers.get("content-length") or 0) > MOST_BODY:
            raise TOO_LARGE

    def _access(self, headers: Headers) -> Access | None:
        scheme, _, bearer = headers.get("authorization", "").partition(" ")
        presented = bearer.strip() if scheme.lower() == "bearer" else headers.get("x-api-key", "")
        return scope_of(presented, self._keys) if presented else None

    def _check_place(self, scope: Scope, headers: Headers) -> None:
        """Without keys: only who came over loopback, and by a name of ours, or any web page could read through us."""
        if self._keys:
            return
        here = (scope.get("server") or ("",))[0]
        if here and not is_loopback(here):
            told = "this server has no keys and answers on loopback only"
            raise Problem(403, told, "set ORDERBOOK_API__KEYS: orderbook api --new-key read")
        name = urlsplit(f"//{headers.get('host', '')}").hostname or ""
        if name not in self._names:
            raise Problem(400, "this server does not answer to that name", "set ORDERBOOK_API__HOSTS")


def _bounded(receive: Receive) -> Receive:
    """Bodies that do not say how long they are end here too."""
    size = 0

    async def received() -> Message:
        nonlocal size
        message = await receive()
        size += len(message.get("body", b""))
        if size > MOST_BODY:
            raise TOO_LARGE
        return message

    return received


def _needs_key(path: str) -> bool:
    return path.startswith(("/v1/", "/metrics", "/openapi.json"))
