"""An HTTP server between a client and an S3: it passes everything on, and lies where a test tells it to."""

import http.client
import threading
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal, Self

from orderbook.embedded.ports import LOOPBACK

Lie = Literal["none", "500", "503", "swallow", "truncate", "flip"]
HOP = {"transfer-encoding", "connection", "keep-alive", "content-length"}


@dataclass
class Liar:
    """``swallow``: an upload is answered with success and kept from the server. ``truncate`` and ``flip``: what the
    server sends of a file is cut, or one bit of it is another. ``times`` says how often; then it is honest.
    """

    upstream: int
    lie: Lie = "none"
    times: int = 0
    told: int = 0
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _server: ThreadingHTTPServer | None = None

    @property
    def port(self) -> int:
        assert self._server is not None
        return self._server.server_port

    def tell(self, lie: Lie, times: int) -> None:
        """Lie so often from now on."""
        with self._lock:
            self.lie, self.times, self.told = lie, times, 0

    def lies(self, *kinds: Lie) -> bool:
        """Whether this request is lied to, if its lie is one of ``kinds``."""
        with self._lock:
            if self.lie not in kinds or self.times <= 0:
                return False
            self.times -= 1
            self.told += 1
            return True

    def __enter__(self) -> Self:
        self._server = ThreadingHTTPServer((LOOPBACK, 0), type("Handler", (_Handler,), {"liar": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        assert self._server is not None
        self._server.shutdown()
        self._server.server_close()


class _Handler(BaseHTTPRequestHandler):
    liar: Liar
    protocol_version = "HTTP/1.1"

    def _pass(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        if self.liar.lies("500", "503"):
            self._answer(
                int(self.liar.lie), {"Content-Type": "application/xml"}, b"<Error><Code>InternalError</Code></Error>"
            )
            return
        is_data = self.command == "PUT" and len(body) > 1_000
        if is_data and self.liar.lies("swallow"):
            body = b"\0" * len(body)  # the right length, which is all that it looks at
        upstream = http.client.HTTPConnection(LOOPBACK, self.liar.upstream, timeout=30)
        try:
            upstream.request(self.command, self.path, body, dict(self.headers))
            answer = upstream.getresponse()
            content = answer.read()
        finally:
            upstream.close()
        if self.command == "GET" and len(content) > 1_000:
            if self.liar.lies("flip"):
                content = content[:500] + bytes([content[500] ^ 1]) + content[501:]
            elif self.liar.lies("truncate"):
                self._answer(answer.status, dict(answer.getheaders()), content, sent=len(content) // 2)
                return
        self._answer(answer.status, dict(answer.getheaders()), content)

    def _answer(self, status: int, headers: dict[str, str], content: bytes, sent: int | None = None) -> None:
        self.send_response_only(status)
        for name, value in headers.items():
            if name.lower() not in HOP:
                self.send_header(name, value)
        length = headers.get("Content-Length", "0") if self.command == "HEAD" else str(len(content))
        self.send_header("Content-Length", length)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(content[:sent])
        if sent is not None:
            self.close_connection = True

    do_GET = do_PUT = do_POST = do_DELETE = do_HEAD = _pass  # noqa: N815 - their names there

    def log_message(self, *_: object) -> None:
        """Say nothing."""
