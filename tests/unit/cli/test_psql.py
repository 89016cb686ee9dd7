"""How psql is told where to connect: never on its command line."""

from orderbook.cli.psql import environment_of


def test_a_url_becomes_libpqs_variables() -> None:
    assert environment_of("postgresql+psycopg2://mar%40ket:p%2Fw@db:5433/market?sslmode=require") == {
        "PGHOST": "db",
        "PGPORT": "5433",
        "PGUSER": "mar@ket",
        "PGPASSWORD": "p/w",
        "PGDATABASE": "market",
        "PGSSLMODE": "require",
    }


def test_a_socket_in_the_query_is_the_host() -> None:
    assert environment_of("postgresql://market@/marketdata?host=/run/postgresql")["PGHOST"] == "/run/postgresql"
