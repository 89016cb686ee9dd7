"""Many ticks, replayed as fast as it goes, and those of a burst a part at a time."""

import re
from itertools import pairwise

import pytest

from orderbook.config import settings
from orderbook.replay.plan import FULL
from orderbook.replay.source import Wish, stretches
from tests.commands import outside
from tests.pipeline import Pipeline, tick

ROWS = 1_000_000
BURST = 600_000  # in twelve seconds
FILL = """
    INSERT INTO ticks (symbol, event_time, received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id,
                       generation_id, kafka_partition, kafka_offset)
    SELECT 'S' || n % 12, at, at + interval '40 us', 27 + (n % 1000) * 0.005, 33, n % 50 + 1, n % 40 + 0.5, n, 1, 0, n
    FROM generate_series(1, {rows}) n,
         LATERAL (SELECT date_trunc('day', now()) + interval '1 h' + n * interval '{step} us' AS at) stamped
"""


@pytest.mark.slow
def test_a_million_ticks_come_whole_and_the_rate_is_told(pipeline: Pipeline) -> None:
    pipeline.produce([tick(1)])
    pipeline.run()  # makes today's partition
    pipeline.execute(f"DELETE FROM ticks; {FILL.format(rows=ROWS, step=200)}")
    day = str(pipeline.one("SELECT (now() AT TIME ZONE 'UTC')::date"))
    hashes = set()
    for _ in range(2):
        done = outside("replay", "--from", f"{day}T01:00Z", "--to", f"{day}T02:00Z", "--speed", "max")
        assert done.stdout.count("\n") == ROWS
        print(done.stderr)
        hashes.add(re.findall(r"sha256 (\w+)", done.stderr)[0])
    assert len(hashes) == 1


def test_a_burst_of_seconds_in_a_silent_day_is_read_a_part_at_a_time(pipeline: Pipeline) -> None:
    pipeline.produce([tick(1)])
    pipeline.run()
    pipeline.execute(f"DELETE FROM ticks; {FILL.format(rows=BURST, step=20)}")
    first, last = pipeline.rows("SELECT date_trunc('day', now()), date_trunc('day', now()) + interval '1 day'")[0]
    held = [
        (len(found.times), found.times[0], found.times[-1]) for found in stretches(settings(), Wish(first, last), 2)
    ]
    assert sum(rows for rows, _, _ in held) == BURST
    assert max(rows for rows, _, _ in held) <= FULL
    assert all(one[2] < other[1] for one, other in pairwise(held))
