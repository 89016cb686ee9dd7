"""What Prometheus sees of the API itself."""

import hashlib
import re
from collections.abc import Callable
from pathlib import Path

from tests.api.server import Api, api_server
from tests.pipeline import Pipeline, tick
from tests.scraping import scraped

Eventually = Callable[..., None]
COUNT = "orderbook_http_request_duration_seconds_count"


def counted(api: Api, route: str, status: int, method: str = "GET") -> float:
    """Requests of a route that were answered so."""
    return series(api).get(f'{COUNT}{{method="{method}",route="{route}",status="{status}"}}', 0)


def series(api: Api) -> dict[str, float]:
    return scraped(int(api.url.rpartition(":")[2]))


def test_requests_are_counted_by_their_route_never_by_what_was_typed(landed: Pipeline, api: Api) -> None:
    for number in range(3):
        api.get(f"/v1/files/{number}", 404)
        api.http.get(f"/nowhere/{number}")
        api.http.request(("PROPFIND", "MKCOL", "LOCK")[number], "/v1/files")
    assert counted(api, "/v1/files/{file_id}", 404) == 3
    assert counted(api, "page", 404) == 3
    assert counted(api, "page", 405, "other") == 3  # a mount takes what no route of that method does
    typed = [one for one in series(api) if "nowhere" in one or "LOCK" in one or "files/1" in one]
    assert typed == []


def test_an_answer_is_timed_until_it_begins(landed: Pipeline, api: Api) -> None:
    api.get("/v1/symbols")
    found = {one: value for one, value in series(api).items() if 'route="/v1/symbols"' in one}
    total = next(value for one, value in found.items() if "_sum{" in one)
    assert 0 < total < 20
    assert next(value for one, value in found.items() if 'le="+Inf"' in one) == 1


def test_live_clients_are_counted_while_they_are_there(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    with api.http.stream("GET", "/v1/live") as stream:
        lines = stream.iter_lines()  # dropped, it would close the stream
        next(lines)
        assert series(api)["orderbook_live_clients"] == 1
        assert counted(api, "/v1/live", 200) == 1  # though it has not ended
    eventually(lambda: series(api)["orderbook_live_clients"] == 0)


def test_what_a_client_missed_is_counted_as_it_was_told(landed: Pipeline, api: Api, eventually: Eventually) -> None:
    """A client that comes back after five quotes gets the newest of them."""
    eventually(lambda: len(api.get("/v1/quotes/latest")["quotes"]) == 1)
    with api.http.stream("GET", "/v1/live") as stream:
        last = next(stream.iter_lines()).removeprefix("id: ")
    for sequence in range(5, 10):
        landed.produce([tick(sequence)])
        landed.run()
        eventually(lambda n=sequence: api.get("/v1/quotes/latest")["quotes"][0]["sequence_id"] == n)
    with api.http.stream("GET", "/v1/live", params={"last_id": last}) as stream:
        told = next(line for line in stream.iter_lines() if line.startswith("data: ") and '"ticks"' in line)
    skipped = re.search(r'"skipped":(\d+)', told)
    assert skipped is not None
    assert series(api)["orderbook_live_skipped_total"] == int(skipped[1]) == 4


def test_metrics_want_a_key_where_there_are_keys(landed: Pipeline, tmp_path: Path) -> None:
    key = "a key"
    setting = f"read:{hashlib.sha256(key.encode()).hexdigest()}"
    with api_server(tmp_path, ORDERBOOK_API__KEYS=setting) as api:
        assert api.http.get("/metrics").status_code == 401
        answer = api.http.get("/metrics", headers={"Authorization": f"Bearer {key}"})
        assert answer.headers["content-type"].startswith("text/plain")
        assert f'{COUNT}{{method="GET",route="refused",status="401"}} 1.0' in answer.text
