"""Loopback ports."""

import socket
from random import SystemRandom

LOOPBACK = "127.0.0.1"
# below what Linux and macOS give to outgoing connections: one of these took a port between its choice and its use
OURS = range(20_000, 32_000)
TRIES = 100


def choose_port(*preferred: int) -> int:
    """The first of the preferred ports that is free, else any that is."""
    return next((port for port in preferred if is_free(port)), 0) or _any_port()


def is_free(port: int) -> bool:
    """Whether nothing listens there, on loopback or on every interface."""
    if accepts(port):
        return False
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)  # what is closing does not hold the port
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return True


def accepts(port: int) -> bool:
    """Whether somebody accepts connections there."""
    try:
        with socket.create_connection((LOOPBACK, port), timeout=1):
            return True
    except OSError:
        return False


def _any_port() -> int:
    chosen = (port for port in SystemRandom().sample(OURS, TRIES) if is_free(port))
    return next(chosen, 0) or _from_the_kernel()


def _from_the_kernel() -> int:
    with socket.socket() as probe:
        probe.bind((LOOPBACK, 0))
        port: int = probe.getsockname()[1]
    return port
