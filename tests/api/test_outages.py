"""What is away is named, soon, and nothing hangs."""

from collections.abc import Callable
from pathlib import Path
from time import monotonic

import pytest

from tests.api.server import api_server
from tests.pipeline import Pipeline

Eventually = Callable[..., None]
NOWHERE = {
    "postgres": {"DATABASE_URL": "postgresql://market:x@127.0.0.1:1/marketdata"},
    "redis": {"REDIS_URL": "redis://127.0.0.1:1/0"},
    "kafka": {"KAFKA_BOOTSTRAP_SERVERS": "127.0.0.1:1"},
}
DATA = ("/v1/ticks", "/v1/symbols", "/v1/quotes/latest", "/v1/gaps", "/v1/coverage", "/v1/quarantine", "/v1/files")


@pytest.mark.parametrize("name", NOWHERE)
def test_readiness_names_the_service_that_is_away(
    landed: Pipeline, tmp_path: Path, eventually: Eventually, name: str
) -> None:
    with api_server(tmp_path, **NOWHERE[name]) as api:

        def others_answer() -> bool:
            sources = api.get("/readyz", 503)["sources"]
            return [source for source, state in sources.items() if not state["up"]] == [name]

        eventually(others_answer, 30)
        assert name in api.get("/readyz", 503)["detail"]
        status = api.get("/v1/status")
        assert not status["sources"][name]["up"]
        assert status["sources"][name]["error"]
        for path in DATA:
            began = monotonic()
            answer = api.http.get(path)
            assert answer.status_code == (503 if name == "postgres" else 200), answer.text
            assert monotonic() - began < 5
        with api.http.stream("GET", "/v1/live") as stream:
            lines = stream.iter_lines()
            found = [next(lines) for _ in range(3)]
            assert f'"{name}":false' in found[2]


def test_postgres_that_goes_away_is_told_and_comes_back(
    landed: Pipeline, tmp_path: Path, eventually: Eventually, servers
) -> None:
    with api_server(tmp_path) as api:
        eventually(lambda: api.http.get("/readyz").status_code == 200)
        servers.fleet.running["postgres"].kill()
        try:
            eventually(lambda: api.http.get("/readyz").status_code == 503, 15)
            assert "Postgres" in api.get("/v1/quotes/latest", 503)["detail"]
        finally:
            servers.start_again("postgres")
        eventually(lambda: api.http.get("/readyz").status_code == 200, 30)
        assert len(api.get("/v1/quotes/latest")["quotes"]) == 1
