"""How old the oldest record is that has not landed."""

from orderbook.clock import utc_now
from orderbook.errors import Unavailable
from orderbook.stream.batch import FetchLimits, RangeFetcher

ONE_RECORD = FetchLimits(bytes=1, seconds=2, poll_seconds=0.5)


def age_seconds(fetcher: RangeFetcher, partition: int, offset: int) -> float | None:
    """Seconds since the broker appended the record at ``offset``; None where no answer came, or the log lacks it."""
    try:
        batch = fetcher.fetch(partition, offset, offset + 1, ONE_RECORD, lambda: None)
    except Unavailable:  # the messages are known; the seconds are an extra
        return None
    if not batch.records or (appended := batch.records[0].broker_time) is None:
        return None
    return round(max(0.0, (utc_now() - appended).total_seconds()), 3)
