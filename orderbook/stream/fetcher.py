"""Which range fetcher a process uses."""

from orderbook.errors import ConfigError
from orderbook.sections import KafkaSettings
from orderbook.stream.batch import RangeFetcher
from orderbook.stream.fetch_kafka_python import KafkaPythonFetcher


def make_fetcher(kafka: KafkaSettings, records_hint: int) -> RangeFetcher:
    """The fetcher that the settings name. Raises ``ConfigError`` where its library is not installed."""
    if kafka.client == "kafka-python":
        return KafkaPythonFetcher(kafka)
    try:
        from orderbook.stream.fetch_confluent import ConfluentFetcher  # noqa: PLC0415 - it may not be installed
    except ModuleNotFoundError as error:
        raise ConfigError(f"ORDERBOOK_KAFKA__CLIENT=confluent: pip install 'orderbook[confluent]' ({error})") from error
    return ConfluentFetcher(kafka, records_hint)
