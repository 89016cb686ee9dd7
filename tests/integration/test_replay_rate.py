"""A million ticks, replayed as fast as it goes."""

import re

import pytest

from tests.commands import outside
from tests.pipeline import Pipeline, tick

ROWS = 1_000_000
FILL = f"""
    INSERT INTO ticks (symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id,
                       generation_id, kafka_partition, kafka_offset)
    SELECT 'S' || n % 12, at, at + interval '40 us', 27 + (n % 1000) * 0.005, 33, n % 50 + 1, n % 40 + 0.5, n, 1, 0, n
    FROM generate_series(1, {ROWS}) n,
         LATERAL (SELECT date_trunc('day', now()) + interval '1 h' + n * interval '200 us' AS at) stamped
"""


@pytest.mark.slow
def test_a_million_ticks_come_whole_and_the_rate_is_told(pipeline: Pipeline) -> None:
    pipeline.produce([tick(1)])
    pipeline.run()  # makes today's partition
    pipeline.execute(f"DELETE FROM ticks; {FILL}")
    day = str(pipeline.one("SELECT (now() AT TIME ZONE 'UTC')::date"))
    hashes = set()
    for _ in range(2):
        done = outside("replay", "--from", f"{day}T01:00Z", "--to", f"{day}T02:00Z", "--speed", "max")
        assert done.stdout.count("\n") == ROWS
        print(done.stderr)
        hashes.add(re.findall(r"sha256 (\w+)", done.stderr)[0])
    assert len(hashes) == 1
