"""The proxy that spoils links does what its toxics say, and nothing without one."""

import socket
import socketserver
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, suppress

import pytest

from orderbook.embedded.ports import LOOPBACK, choose_port
from tests.conftest import wait_for
from tests.faults.proxy import Proxy, Toxic


class Echo(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        with suppress(ConnectionResetError):
            while chunk := self.request.recv(65536):
                self.request.sendall(chunk)


@pytest.fixture
def proxy() -> Iterator[Proxy]:
    """In front of a server that says what it hears."""
    with socketserver.ThreadingTCPServer((LOOPBACK, 0), Echo) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        with Proxy(server.server_address[1], choose_port()) as made:
            yield made
        server.shutdown()


def _connected(proxy: Proxy) -> socket.socket:
    with ExitStack() as unless_connected:
        plug = unless_connected.enter_context(socket.create_connection((LOOPBACK, proxy.port), timeout=10))
        plug.sendall(b"hello")
        assert plug.recv(5) == b"hello"
        unless_connected.pop_all()
    return plug


def _echo(plug: socket.socket, text: bytes) -> bytes:
    plug.sendall(text)
    heard = b""
    while len(heard) < len(text):
        heard += plug.recv(65536)
    return heard


@pytest.mark.parametrize("toxic", [Toxic(), Toxic("slicer"), Toxic("latency", 0.02), Toxic("bandwidth", 1e6)])
def test_a_slow_link_changes_no_byte(proxy: Proxy, toxic: Toxic) -> None:
    text = bytes(range(256)) * 200
    with _connected(proxy) as plug:
        proxy.apply(toxic)
        assert _echo(plug, text) == text


def test_latency_delays_each_way(proxy: Proxy) -> None:
    with _connected(proxy) as plug:
        proxy.apply(Toxic("latency", 0.2))
        began = time.monotonic()
        _echo(plug, b"x")
        assert time.monotonic() - began > 0.2


@pytest.mark.parametrize("kind", ["reset", "down"])
def test_a_cut_link_is_reset_at_both_ends(proxy: Proxy, kind: str) -> None:
    with _connected(proxy) as plug:
        proxy.apply(Toxic(kind))
        with pytest.raises(ConnectionResetError):
            plug.recv(1)
    wait_for(lambda: proxy.connections == 0, 10)


def test_while_the_link_is_down_nobody_gets_through_and_afterwards_everybody(proxy: Proxy) -> None:
    proxy.apply(Toxic("down"))
    with pytest.raises(OSError, match=r"reset|refused"):
        _connected(proxy)
    proxy.heal()
    _connected(proxy).close()


def test_a_half_open_link_says_nothing_until_it_is_reset(proxy: Proxy) -> None:
    with _connected(proxy) as plug:
        proxy.apply(Toxic("timeout"))
        plug.sendall(b"lost")
        plug.settimeout(0.5)
        with pytest.raises(TimeoutError):
            plug.recv(1)
        proxy.heal()
        plug.settimeout(10)
        with pytest.raises(ConnectionResetError):
            plug.recv(1)


def test_a_lost_commit_arrives_and_its_answer_does_not(proxy: Proxy) -> None:
    with _connected(proxy) as plug:
        proxy.apply(Toxic("lost_commit"))
        assert _echo(plug, b"SELECT 1\0") == b"SELECT 1\0"
        plug.sendall(b"COMMIT\0")
        with pytest.raises(ConnectionResetError):
            _echo(plug, b"endless" * 100)
