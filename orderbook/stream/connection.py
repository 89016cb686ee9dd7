"""How each Kafka client is told where the cluster is and how to prove who we are. Both clients, one place."""

import logging
import ssl
from collections.abc import Callable
from functools import partial
from socket import socket
from typing import Any, TypeVar

from kafka.errors import (
    KafkaConnectionError,
    KafkaError,
    SaslAuthenticationFailedError,
    UnsupportedSaslMechanismError,
)
from kafka.net.compat import KafkaNetClient
from kafka.net.manager import KafkaConnectionManager
from kafka.net.selector import NetworkSelector

from orderbook.sections import KafkaSettings

SASL_SETTINGS = "ORDERBOOK_KAFKA__SASL_USERNAME, __SASL_PASSWORD or __SASL_MECHANISM"
AUTHORITY_SETTING = "ORDERBOOK_KAFKA__SSL_CAFILE"
_RECEIVED_AT_ONCE = 2**18  # bytes


def kafka_python_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Keyword arguments common to every kafka-python client."""
    options: dict[str, Any] = {
        "bootstrap_servers": kafka.bootstrap_servers.split(","),
        "security_protocol": kafka.security_protocol,
        "reconnect_backoff_max_ms": 1_000,  # the default of 30 s outlasts most outages
    }
    if kafka.security_protocol.startswith("SASL"):
        options["sasl_mechanism"] = kafka.sasl_mechanism
        options["sasl_plain_username"] = kafka.sasl_username
        options["sasl_plain_password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    for name in ("ssl_cafile", "ssl_certfile", "ssl_keyfile"):
        if (path := getattr(kafka, name)) is not None:
            options[name] = str(path)
    return options


Client = TypeVar("Client")


def connected(make: Callable[..., Client], kafka: KafkaSettings, **options: Any) -> Client:
    """A kafka-python client of class ``make`` that has reached the cluster. Raises what ``make`` raises.

    Where the cluster refuses us, the error says why and names the setting; theirs only speaks of time. A constructor of
    theirs that fails leaves a thread and three descriptors behind: each try would cost us these.
    """
    started: list[KafkaNetClient] = []
    failures: list[Exception] = []

    def network(**configs: Any) -> KafkaNetClient:
        selector = NetworkSelector(**configs)
        started.append(KafkaNetClient(selector, _Connections(selector, failures, **configs)))
        return started[-1]

    try:
        return make(**kafka_python_options(kafka), **options, kafka_client=network)
    except BaseException as error:
        for each in started:
            each.close()
        if isinstance(error, KafkaError) and kafka.security_protocol != "PLAINTEXT":
            raise _refusal(kafka, failures) from error
        raise


class _Connections(KafkaConnectionManager):  # type: ignore[misc] # untyped
    """Theirs, which tells why connections failed (in a client's first seconds some dozens at most), and reads more."""

    def __init__(self, net: NetworkSelector, failures: list[Exception], **configs: Any) -> None:
        super().__init__(net, **configs)
        self._failures = failures

    def get_connection(self, *arguments: Any, **options: Any) -> Any:
        connection = super().get_connection(*arguments, **options)
        connection.init_future.add_errback(self._failures.append)
        return connection

    async def _build_transport(self, *arguments: Any, **options: Any) -> Any:
        transport = await super()._build_transport(*arguments, **options)
        if not self.ssl_enabled:  # theirs asks for 4 kB at a time: a fifth of what a fetch takes
            transport._sock_recv = partial(_received, transport._sock)  # noqa: SLF001
        return transport


def _received(sock: socket) -> tuple[bytes, Exception | None]:
    """All bytes that are there, and why there will be no more."""
    parts: list[bytes] = []
    failure: Exception | None = None
    try:
        while failure is None:
            part = sock.recv(_RECEIVED_AT_ONCE)
            if part:
                parts.append(part)
            else:
                failure = KafkaConnectionError("socket disconnected")
    except (BlockingIOError, InterruptedError):
        pass
    except OSError as error:
        failure = KafkaConnectionError(error)
    return b"".join(parts), failure


def _refusal(kafka: KafkaSettings, failures: list[Exception]) -> KafkaError:
    for failure in reversed(failures):
        if isinstance(failure, SaslAuthenticationFailedError | UnsupportedSaslMechanismError):
            return type(failure)(f"{SASL_SETTINGS}: {failure}")
        cause = failure.__context__  # their handshake's own error
        if isinstance(cause, ssl.SSLCertVerificationError):
            return KafkaConnectionError(f"{AUTHORITY_SETTING}: {cause.verify_message}")
        if isinstance(cause, ssl.SSLError):
            return KafkaConnectionError(f"ORDERBOOK_KAFKA__SECURITY_PROTOCOL, or its certificates: {cause.reason}")
    # a broker that closes at once may be faster than its own answer
    settings = f"ORDERBOOK_KAFKA__SECURITY_PROTOCOL, {AUTHORITY_SETTING}, {SASL_SETTINGS}"
    return KafkaConnectionError(f"no connection by {kafka.security_protocol}; where the brokers are up, see {settings}")


def confluent_options(kafka: KafkaSettings) -> dict[str, Any]:
    """Configuration common to every confluent-kafka client."""
    options: dict[str, Any] = {
        "bootstrap.servers": kafka.bootstrap_servers,
        "security.protocol": kafka.security_protocol,
        "reconnect.backoff.max.ms": 1_000,
        "logger": logging.getLogger("kafka.librdkafka"),  # else it writes to standard error by itself
    }
    if kafka.security_protocol.startswith("SASL"):
        options["sasl.mechanisms"] = kafka.sasl_mechanism
        options["sasl.username"] = kafka.sasl_username
        options["sasl.password"] = kafka.sasl_password.get_secret_value() if kafka.sasl_password else None
    for theirs, name in (
        ("ssl.ca.location", "ssl_cafile"),
        ("ssl.certificate.location", "ssl_certfile"),
        ("ssl.key.location", "ssl_keyfile"),
    ):
        if (path := getattr(kafka, name)) is not None:
            options[theirs] = str(path)
    return options
