"""The server: Uvicorn around the application, until SIGTERM or SIGINT."""

import signal
import socket

import structlog
import uvicorn

from orderbook.api.app import create_app
from orderbook.api.security import refuse_open
from orderbook.config import Settings
from orderbook.errors import ConfigError

GRACE_SECONDS = 3  # live clients never end by themselves

log = structlog.get_logger(__name__)


def serve(settings: Settings, address: str, port: int) -> None:
    """Serve until told to end. Raises ``ConfigError`` where nobody can listen there, or everybody could read."""
    refuse_open(settings.api, address)
    listening = _listen(address, port)
    config = uvicorn.Config(
        create_app(settings),
        log_config=None,
        access_log=False,
        server_header=False,
        date_header=False,
        proxy_headers=False,
        timeout_graceful_shutdown=GRACE_SECONDS,
        h11_max_incomplete_event_size=64 * 1024,
    )
    log.info("api served", url=f"http://{address}:{listening.getsockname()[1]}")
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # Uvicorn raises them again once it has ended
    uvicorn.Server(config).run(sockets=[listening])


def _listen(address: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    listening = socket.socket(family, socket.SOCK_STREAM)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((address, port))
    except OSError as error:
        listening.close()
        raise ConfigError(f"ORDERBOOK_API__PORT: cannot listen at {address}:{port}: {error}") from error
    return listening
