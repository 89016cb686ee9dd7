"""``/metrics`` of what this process counts itself."""

import structlog
from prometheus_client import REGISTRY, CollectorRegistry, start_http_server

log = structlog.get_logger(__name__)


def serve_counted(address: str, port: int, registry: CollectorRegistry = REGISTRY) -> int:
    """Serve in the background, in threads of this process; returns the port.

    Another free one where the wished one is taken: two workers on one machine are no mistake.
    """
    try:
        server, _ = start_http_server(port, address, registry)
    except OSError as error:
        server, _ = start_http_server(0, address, registry)
        log.warning("port of metrics taken", wished=port, error=str(error))
    log.info("metrics served", url=f"http://{address}:{server.server_port}/metrics")
    return int(server.server_port)
