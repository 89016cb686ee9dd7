"""What each role may do: the owner migrates, who ingests cannot delete ticks, who reads cannot write, who archives only
drops what was frozen.
"""

from sqlalchemy import text
from sqlalchemy.engine import make_url

from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for, translated

LEDGER = (
    "topic_generation, partition_cursor, offset_range, alarm, "
    "sequence_cursor, sequence_chain, sequence_event, late_fill, symbol_hour, clock_cursor, clock_skew"
)
EXPECTATIONS = "expectation_run, expectation_result"
INGEST = (
    "GRANT SELECT, INSERT ON ticks, quarantine, operator_action, contract TO {role}",
    "GRANT UPDATE (relayed_at, resolution) ON quarantine TO {role}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {LEDGER} TO {{role}}",
    f"GRANT SELECT, INSERT, DELETE ON {EXPECTATIONS} TO {{role}}",
    "GRANT SELECT ON alembic_version TO {role}",
    "GRANT EXECUTE ON FUNCTION make_ticks_day(date) TO {role}",
    "GRANT EXECUTE ON FUNCTION withdraw_ticks(smallint, integer, text[], timestamptz[], bigint[]) TO {role}",
)
MANIFEST = "cold_file, cold_extent, cold_run"
RECORDS = "withdrawn_tick, operator_action"
ALL = f"ticks, quarantine, {RECORDS}, contract, alembic_version, {LEDGER}, {EXPECTATIONS}, {MANIFEST}"
READ = f"GRANT SELECT ON {ALL} TO {{role}}"
READER = (READ,)
ARCHIVER = (
    READ,
    f"GRANT INSERT, UPDATE, DELETE ON {MANIFEST} TO {{role}}",
    "GRANT INSERT ON ticks, alarm, operator_action TO {role}",
    "GRANT EXECUTE ON FUNCTION make_ticks_day(date), hold_ticks_day(date), freeze_ticks_day(date, bigint) TO {role}",
)


def grant(database: DatabaseSettings) -> list[str]:
    """Give the users of the roles' URLs what they need and no more; returns who was given what.

    Users that are the owner itself are passed over. Run it after each migration, as the owner. Raises ``Unavailable``.
    """
    engine = engine_for(database, "migrator", name="orderbook-migrate")
    owner = make_url(database.owner_url).username
    told = []
    try:
        with translated(), engine.begin() as connection:
            quote = connection.dialect.identifier_preparer.quote
            for url, verb, statements in (
                (database.ingest_url, "ingest", INGEST),
                (database.reader_url, "read", READER),
                (database.archiver_url, "archive", ARCHIVER),
            ):
                user = None if url is None else make_url(url.get_secret_value()).username
                if user is None or user == owner:
                    continue
                for statement in statements:
                    connection.execute(text(statement.format(role=quote(user))))
                told.append(f"{user} may {verb}")
    finally:
        engine.dispose()
    return told
