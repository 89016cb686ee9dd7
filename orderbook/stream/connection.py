"""How each Kafka client is told where the cluster is and how to prove who we are. Both clients, one place."""

import logging
from collections.abc import Callable
from typing import Any, TypeVar

from kafka.net.compat import KafkaNetClient

from orderbook.sections import KafkaSettings


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

    A constructor of theirs that fails leaves a thread and three descriptors behind: each try would cost us these.
    """
    started: list[KafkaNetClient] = []

    def network(**configs: Any) -> KafkaNetClient:
        started.append(KafkaNetClient(**configs))
        return started[-1]

    try:
        return make(**kafka_python_options(kafka), **options, kafka_client=network)
    except BaseException:
        for each in started:
            each.close()
        raise


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
