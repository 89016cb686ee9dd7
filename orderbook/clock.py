"""The one place that asks this host what time it is. Leases never do: they use Postgres' clock."""

from datetime import UTC, datetime
from time import monotonic

__all__ = ["monotonic", "utc_now"]


def utc_now() -> datetime:
    """The time of this host, aware, in UTC."""
    return datetime.now(UTC)
