"""Which range fetcher a process uses."""

from importlib.util import find_spec

from orderbook.sections import KafkaSettings
from orderbook.stream.batch import RangeFetcher


def make_fetcher(kafka: KafkaSettings, records_hint: int) -> RangeFetcher:
    """The fetcher that the settings name; ``auto`` takes librdkafka where it is installed."""
    if kafka.client == "confluent" or (kafka.client == "auto" and find_spec("confluent_kafka") is not None):
        from orderbook.stream.fetch_confluent import ConfluentFetcher  # noqa: PLC0415 - it may not be installed

        return ConfluentFetcher(kafka, records_hint)
    from orderbook.stream.fetch_kafka_python import KafkaPythonFetcher  # noqa: PLC0415

    return KafkaPythonFetcher(kafka)
