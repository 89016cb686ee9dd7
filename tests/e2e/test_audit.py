"""``orderbook audit`` sees each way in which a store can be wrong, and says where."""

from collections.abc import Callable, Iterator
from contextlib import closing

import psycopg2
import pytest
from typer.testing import CliRunner, Result

from orderbook.cli.main import app
from orderbook.config import settings
from tests.pipeline import pipeline_over, valid
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers, database_of

AT = "kafka_partition = 0 AND kafka_offset"
COLUMNS = "received_time, bid_price, ask_price, bid_volume, ask_volume, sequence_id, landed_at, generation_id"

# what is done to the store, and the range or offset that is to be named; {} is the topic
DAMAGE = {
    "a deleted row": (f"DELETE FROM ticks WHERE {AT} = 150", "{}/0/100-199"),
    "a row copied to another day": (
        f"""
        SELECT make_ticks_day((event_time - interval '1 day')::date) FROM ticks WHERE {AT} = 250;
        INSERT INTO ticks (symbol, event_time, kafka_partition, kafka_offset, {COLUMNS})
        SELECT symbol, event_time - interval '1 day', kafka_partition, kafka_offset, {COLUMNS}
        FROM ticks WHERE {AT} = 250""",
        "{}/0/200-299",
    ),
    "a tick that is also in quarantine": (
        f"""
        INSERT INTO quarantine (generation_id, kafka_partition, kafka_offset, reason, detail)
        SELECT generation_id, kafka_partition, kafka_offset, 'json', '' FROM ticks WHERE {AT} = 30""",
        "{}/0/0-99",
    ),
    "a hole in the ledger": ("DELETE FROM offset_range WHERE partition = 0 AND start_offset = 100", "{}/0/100-199"),
    "a changed count": (
        "UPDATE offset_range SET n_ok = n_ok - 1, n_bad = n_bad + 1 WHERE partition = 1 AND start_offset = 0",
        "{}/1/0-49",
    ),
}
ONLY_DEEP = {
    "two swapped offsets": (
        f"UPDATE ticks SET kafka_offset = 150 + 151 - kafka_offset WHERE {AT} IN (150, 151)",
        ["{}/0/150-150", "{}/0/151-151"],
    ),
    "one altered price": (
        f"UPDATE ticks SET bid_price = bid_price + 0.000000001 WHERE {AT} = 42",
        ["{}/0/42-42: stored values differ from the log's: bid_price"],
    ),
    "altered bytes in quarantine": (
        "UPDATE quarantine SET value = value || 'x'::bytea WHERE kafka_partition = 1",
        ["{}/1/49-49: the bytes in quarantine differ"],
    ),
}


@pytest.fixture(scope="module")
def landed(servers: RunningServers, migrated_template: str) -> Iterator[Deployment]:
    """350 ticks and one reject in ranges of 100; nobody is connected to the database."""
    with deployment_over(servers, migrated_template) as deployment:
        with pipeline_over(deployment.settings) as pipeline:
            pipeline.produce(valid(300))
            pipeline.produce([*valid(49, symbol="NBP-GAS"), b"{"], partition=1)
            pipeline.run()
        yield deployment


Audit = Callable[..., Result]


@pytest.fixture
def audit_of(landed: Deployment, monkeypatch: pytest.MonkeyPatch) -> Iterator[Audit]:
    """Damages a copy of the landed database and audits it."""
    copy = landed.servers.create_database(database_of(landed.database_url))
    for name, value in {**landed.environment, **landed.servers.roles(copy)}.items():
        monkeypatch.setenv(name, value)
    settings.cache_clear()

    def audit(damage: str, *flags: str) -> Result:
        if damage:
            with closing(psycopg2.connect(copy)) as connection, connection, connection.cursor() as cursor:
                cursor.execute(damage)
        return CliRunner().invoke(app, ["audit", *flags])

    yield audit
    landed.servers.drop_database(copy)


@pytest.mark.parametrize("flags", [[], ["--deep"]])
def test_what_was_landed_balances(audit_of: Audit, flags: list[str]) -> None:
    audit = audit_of("", *flags)
    assert audit.exit_code == 0, audit.output


@pytest.mark.parametrize("damage", DAMAGE)
def test_the_audit_names_the_range_of(audit_of: Audit, landed: Deployment, damage: str) -> None:
    statement, label = DAMAGE[damage]
    audit = audit_of(statement)
    assert audit.exit_code == 1, audit.output
    assert label.format(landed.topic) in audit.output


@pytest.mark.parametrize("damage", ONLY_DEEP)
def test_the_deep_audit_names_the_offsets_of(audit_of: Audit, landed: Deployment, damage: str) -> None:
    statement, labels = ONLY_DEEP[damage]
    audit = audit_of(statement, "--deep")
    assert audit.exit_code == 1, audit.output
    for label in labels:
        assert label.format(landed.topic) in audit.output


@pytest.mark.parametrize("damage", ONLY_DEEP)
def test_the_shallow_audit_counts_and_so_cannot_see(audit_of: Audit, damage: str) -> None:
    assert audit_of(ONLY_DEEP[damage][0]).exit_code == 0
