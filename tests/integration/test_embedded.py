"""The servers from packages: each starts, serves, stops and keeps its data."""

import socket
from contextlib import closing
from pathlib import Path

import psycopg2
from redis import Redis

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.kafka import answers
from orderbook.embedded.ports import accepts, choose_port
from orderbook.embedded.postgres import OWNER
from orderbook.embedded.servers import servers_in
from tests.servers import RunningServers, Stack


def test_kafka_answers(servers: RunningServers) -> None:
    assert answers(int(servers.kafka_bootstrap.rpartition(":")[2]))


def test_a_stack_has_a_migrated_database(stack: Stack) -> None:
    with closing(psycopg2.connect(stack.database_url)) as connection, connection.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM ticks")
        assert cursor.fetchone() == (0,)


def test_data_and_passwords_survive_a_restart(data_dir: Path) -> None:
    with servers_in(DataFolder(data_dir), standard_ports=False, quick=True) as first:
        with Redis.from_url(first.valkey.url) as client:
            client.set("kept", "yes")
        with closing(psycopg2.connect(first.postgres.url(OWNER))) as connection, connection.cursor() as cursor:
            cursor.execute("CREATE TABLE kept AS SELECT 7 AS seven")
            connection.commit()
        ports = [first.kafka.port, first.valkey.port, first.postgres.port]
    assert not any(accepts(port) for port in ports)
    with servers_in(DataFolder(data_dir), standard_ports=False, quick=True) as second:
        with Redis.from_url(second.valkey.url) as client:
            assert client.get("kept") == b"yes"
        with closing(psycopg2.connect(second.postgres.url(OWNER))) as connection, connection.cursor() as cursor:
            cursor.execute("SELECT seven FROM kept")
            assert cursor.fetchone() == (7,)


def test_a_preferred_port_is_taken_only_while_free() -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        assert choose_port(port) != port
