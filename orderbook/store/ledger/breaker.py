"""The breaker: when most of what a partition brings is rejected, it is the producer or our rules that are wrong."""

from dataclasses import dataclass

from sqlalchemy import Connection, text

from orderbook.errors import Halt

# The newest finished ranges below this one, as many as it takes to have ``wanted`` records.
LATEST = text("""
    SELECT coalesce(sum(n_ok + n_bad), 0) AS records, coalesce(sum(n_bad), 0) AS rejects FROM (
        SELECT n_ok, n_bad, sum(n_ok + n_bad) OVER (ORDER BY start_offset DESC) - (n_ok + n_bad) AS newer
        FROM (SELECT n_ok, n_bad, start_offset FROM offset_range
              WHERE generation_id = :generation AND partition = :partition AND state = 'done'
                AND start_offset < :start AND start_offset >= :accept_below
              ORDER BY start_offset DESC LIMIT 1000) AS newest) AS counted
    WHERE newer < :wanted
""")
ACCEPT_BELOW = text("""
    SELECT accept_below FROM partition_cursor WHERE generation_id = :generation AND partition = :partition
""")


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """More than ``share`` of the latest ``least_records`` or more rejected: halt."""

    least_records: int = 100
    share: float = 0.5

    def trips(self, records: int, rejects: int) -> bool:
        """Whether that many rejects are too many."""
        return records >= self.least_records and rejects > records * self.share


def check(
    connection: Connection, policy: BreakerPolicy, *, generation: int, partition: int, start: int, ok: int, bad: int
) -> None:
    """Raise ``Halt`` when the range at ``start``, with those before it, has too many rejects. Changes nothing.

    Ranges below the partition's ``accept_below`` are not judged: an operator has accepted them.
    """
    if bad <= (ok + bad) * policy.share:  # this range alone is fine, and those before it were judged then
        return
    place = {"generation": generation, "partition": partition}
    accept_below = connection.execute(ACCEPT_BELOW, place).scalar_one()
    if start < accept_below:
        return
    records, rejects = ok + bad, bad
    if records < policy.least_records:
        arguments = {**place, "start": start, "accept_below": accept_below, "wanted": policy.least_records - records}
        earlier = connection.execute(LATEST, arguments).one()
        records, rejects = records + int(earlier.records), rejects + int(earlier.rejects)
    if policy.trips(records, rejects):
        raise Halt("breaker", f"{rejects} of the latest {records} records were rejected")
