"""What each role may do: the owner migrates, who ingests cannot delete ticks, who reads cannot write."""

from sqlalchemy import text
from sqlalchemy.engine import make_url

from orderbook.sections import DatabaseSettings
from orderbook.store.database import engine_for, translated

LEDGER = (
    "topic_generation, partition_cursor, offset_range, alarm, "
    "sequence_cursor, sequence_chain, sequence_event, late_fill, symbol_hour, clock_cursor, clock_skew"
)
INGEST = (
    "GRANT SELECT, INSERT ON ticks, quarantine, operator_action, contract TO {role}",
    "GRANT UPDATE (relayed_at, resolution) ON quarantine TO {role}",
    f"GRANT SELECT, INSERT, UPDATE, DELETE ON {LEDGER} TO {{role}}",
    "GRANT SELECT ON alembic_version TO {role}",
    "GRANT EXECUTE ON FUNCTION make_ticks_day(date) TO {role}",
)
READER = (f"GRANT SELECT ON ticks, quarantine, operator_action, contract, alembic_version, {LEDGER} TO {{role}}",)


def grant(database: DatabaseSettings) -> list[str]:
    """Give the users of ``ingest_url`` and ``reader_url`` what they need and no more; returns who was given what.

    Users that are the owner itself are passed over. Run it after each migration, as the owner. Raises ``Unavailable``.
    """
    engine = engine_for(database, "migrator", name="orderbook-migrate")
    owner = make_url(database.owner_url).username
    told = []
    try:
        with translated(), engine.begin() as connection:
            quote = connection.dialect.identifier_preparer.quote
            for url, statements in ((database.ingest_url, INGEST), (database.reader_url, READER)):
                user = None if url is None else make_url(url.get_secret_value()).username
                if user is None or user == owner:
                    continue
                for statement in statements:
                    connection.execute(text(statement.format(role=quote(user))))
                told.append(f"{user} may {'ingest' if statements is INGEST else 'read'}")
    finally:
        engine.dispose()
    return told
