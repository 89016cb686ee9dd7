"""The views that every query may use, in DuckDB's SQL."""

from collections.abc import Sequence
from datetime import datetime
from typing import Final

# Decimals times a decimal: a division would make a float of them.
_MID: Final = "(bid_price + ask_price) * 0.5"
_FIRST: Final = "(event_time, generation_id, kafka_partition, kafka_offset)"

BARS: Final = f"""
CREATE MACRO bars_of(width) AS TABLE
    SELECT symbol, time_bucket(width, event_time) AS start, arg_min({_MID}, {_FIRST}) AS open, max({_MID}) AS high,
           min({_MID}) AS low, arg_max({_MID}, {_FIRST}) AS close, avg(ask_price - bid_price) AS mean_spread,
           count(*) AS ticks
    FROM ticks WHERE bid_price IS NOT NULL AND ask_price IS NOT NULL
    GROUP BY symbol, time_bucket(width, event_time)
"""  # noqa: S608 - constants of ours
# What was sent again is stored again, under an offset of its own. After a reset ids come again at other times.
DISTINCT: Final = f"""
CREATE VIEW distinct_ticks AS
    SELECT * FROM ticks
    QUALIFY row_number() OVER (PARTITION BY symbol, event_time, sequence_id ORDER BY {_FIRST}) = 1
"""  # noqa: S608
GAPS: Final = """
CREATE VIEW gaps AS
    SELECT id, symbol, state, cause, first_sequence, last_sequence, ids, n_missing, after_time, event_time,
           generation_id, partition, after_offset, kafka_offset, detected_at, settled_at
    FROM sequence_event WHERE kind = 'gap'
"""
VIEWS: Final = (BARS, "CREATE VIEW bars AS FROM bars_of(INTERVAL 1 MINUTE)", DISTINCT, GAPS)


def ticks_view(start: datetime | None, end: datetime | None, symbols: Sequence[str] | None) -> str:
    """The statement that makes ``ticks``: all that is stored inside the window, each row once."""
    conditions = []
    if start is not None:
        conditions.append(f"event_time >= TIMESTAMPTZ '{start.isoformat()}'")
    if end is not None:
        conditions.append(f"event_time < TIMESTAMPTZ '{end.isoformat()}'")
    if symbols is not None:
        quoted = ", ".join("'" + symbol.replace("'", "''") + "'" for symbol in symbols)
        conditions.append(f"symbol IN ({quoted})" if symbols else "false")
    where = f" WHERE {' AND '.join(conditions)}" if conditions else ""
    return f"CREATE VIEW ticks AS SELECT * FROM stored_ticks{where}"  # noqa: S608 - quoted above
