"""gaps, coverage, trace and report over a pipeline that has landed something."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from io import StringIO
from pathlib import Path

import pytest

from tests.commands import ok, outside, run
from tests.pipeline import Pipeline, tick, valid

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def broken(pipeline: Pipeline) -> Pipeline:
    """Ids 1 to 3, a reject in place of 4, a gap of 5 and 6, then 7, 8, 8 again."""
    pipeline.produce([*valid(3), tick(4, bid_price=Decimal(30)), *valid(2, first=7), *valid(1, first=8)])
    pipeline.run()
    pipeline.stitch()
    return pipeline


def test_gaps_in_every_form(broken: Pipeline) -> None:
    assert ok("gaps").splitlines()[0].split()[:4] == ["id", "symbol", "kind", "state"]
    (gap,) = json.loads(ok("gaps", "--kind", "gap", "--json"))
    assert (gap["first_sequence"], gap["last_sequence"], gap["missing"], gap["cause"]) == (4, 6, "4-6", None)
    assert [row["kind"] for row in csv.DictReader(StringIO(ok("gaps", "-o", "csv")))] == ["repeat", "gap"]
    assert [json.loads(line)["kind"] for line in ok("gaps", "-o", "ndjson").splitlines()] == ["repeat", "gap"]
    counts = json.loads(ok("gaps", "--counts", "--json"))
    assert [(c["kind"], c["state"], c["missing"]) for c in counts] == [("gap", "open", 3), ("repeat", "confirmed", 0)]
    assert json.loads(ok("gaps", "--symbol", "NBP-GAS", "--json")) == []
    assert json.loads(ok("gaps", "--to", "1h", "--json")) == []
    assert run("gaps", "--from", "soon").exit_code == 2


def test_a_gap_is_explained_by_as_many_rejects_and_no_fewer(pipeline: Pipeline) -> None:
    crossed = {"bid_price": Decimal(30)}
    pipeline.produce(
        [*valid(2), *valid(2, first=3, **crossed), *valid(2, first=5), tick(7, **crossed), *valid(1, first=9)]
    )
    pipeline.run()
    pipeline.stitch()
    assert pipeline.rows("SELECT first_sequence, last_sequence, cause FROM sequence_event ORDER BY 1") == [
        (3, 4, "quarantined"),
        (7, 8, None),
    ]


def test_a_gap_over_lost_offsets_says_so(pipeline: Pipeline) -> None:
    pipeline.with_policy(max_offsets=2).produce(valid(6))
    pipeline.drain()
    middle = pipeline.one("SELECT id FROM offset_range WHERE start_offset = 2")
    pipeline.execute("UPDATE offset_range SET state = 'lost' WHERE id = :id", id=middle)
    pipeline.run()
    pipeline.stitch()
    assert pipeline.rows("SELECT first_sequence, last_sequence, cause FROM sequence_event") == [(3, 4, "lost")]


def test_coverage_by_hour_and_by_symbol(broken: Pipeline) -> None:
    hours = json.loads(ok("coverage", "--from", "2h", "--json"))
    assert sum(h["ticks"] for h in hours) == 6
    (whole,) = json.loads(ok("coverage", "--by", "symbol", "--json"))
    assert (whole["ticks"], whole["repeats"], whole["missing"]) == (6, 1, 3)
    assert whole["coverage"] == pytest.approx(5 / 8)
    assert run("coverage", "--by", "symbol", "--min", "0.6").exit_code == 0
    assert run("coverage", "--by", "symbol", "--min", "0.7").exit_code == 1
    assert ok("coverage", "--symbol", "NBP-GAS", "-o", "csv").splitlines()[1:] == []


def test_a_tick_is_traced_through_every_hop(broken: Pipeline) -> None:
    hops = json.loads(ok("trace", "TTF-GAS", "7", "--json"))
    names = ["made", "received", "appended", "planned", "hinted", "fetched", "landed", "committed", "visible"]
    assert [hop["hop"] for hop in hops] == names
    at = {hop["hop"]: datetime.fromisoformat(hop["at"]) for hop in hops if hop["at"]}
    assert set(names) - set(at) == {"visible"}
    assert at["planned"] <= at["hinted"] <= at["fetched"] <= at["landed"] <= at["committed"]
    assert [hop["total_seconds"] for hop in hops[:-1]] == [(t - at["made"]).total_seconds() for t in at.values()]
    assert hops[2]["where"] == f"{broken.topic}/0/4"
    assert "below the prefix" in hops[-1]["where"]
    assert "2 ticks of that day" in run("trace", "TTF-GAS", "8").stderr


def test_a_tick_whose_source_tells_no_time_of_its_own_is_traced_as_such(pipeline: Pipeline) -> None:
    both = tick(1)
    pipeline.produce([both, tick(2, received_time=both.event_time, event_time=both.event_time)])
    pipeline.run()
    made = [json.loads(ok("trace", "TTF-GAS", number, "--json"))[0] for number in ("1", "2")]
    assert [hop["where"] for hop in made] == ["by the source", "as received: the source tells no other time"]
    assert made[1]["at"] is not None


def test_a_tick_that_is_not_stored_is_looked_for_among_gaps_and_rejects(broken: Pipeline) -> None:
    missing = run("trace", "TTF-GAS", "4")
    assert missing.exit_code == 1
    assert "missing from the gap 4-6 (open), which shows at 1/0/4" in missing.stdout
    assert "rejected at 1/0/3: crossed" in missing.stdout
    told = run("trace", "TTF-GAS", "99", "--json")
    assert (told.exit_code, json.loads(told.stdout)["known"]) == (1, [])


def test_a_merged_range_is_traced_as_far_as_it_is_known(broken: Pipeline) -> None:
    broken.execute("UPDATE offset_range SET planned_at = NULL, fetched_at = NULL")
    hops = {hop["hop"]: hop for hop in json.loads(ok("trace", "TTF-GAS", "7", "--json"))}
    assert [hops[name]["at"] for name in ("planned", "fetched", "committed")] == [None, None, None]
    assert hops["landed"]["at"] is not None


@pytest.fixture
def good_day(pipeline: Pipeline) -> Pipeline:
    """A tick every ten seconds of yesterday and of a minute more."""
    begins = YESTERDAY.replace(hour=0)
    pipeline.produce([tick(n, event_time=begins + timedelta(seconds=10 * n)) for n in range(1, 8_640 + 6)])
    pipeline.with_policy(max_offsets=10_000).run()
    pipeline.stitch()
    return pipeline


def test_a_whole_day_is_complete_in_every_form(good_day: Pipeline, tmp_path: Path) -> None:
    day = str(YESTERDAY.date())
    assert outside("report", "--date", "yesterday").stdout.startswith(f"{day} (UTC) is complete\n")
    found = json.loads(ok("report", "--date", day, "--json"))
    assert (found["complete"], found["findings"]) == (True, [])
    assert [s["ticks"] for s in found["symbols"]] == [8_639]
    assert len(found["hours"]) == 24
    html = tmp_path / "day.html"
    assert ok("report", "--date", day, "--format", "html", "--out", str(html)) == ""
    page = html.read_text()
    assert 'class="good">complete' in page
    assert page.count('class="full"') == 24
    assert not re.search(r"https?://|<script|<link|@import|url\(", page)


def test_a_day_with_a_gap_is_not_complete(good_day: Pipeline) -> None:
    good_day.produce([tick(9_000, event_time=YESTERDAY)])
    good_day.run()
    good_day.stitch()
    done = outside("report", code=1)
    assert "NOT complete" in done.stdout
    assert "354 sequence ids are missing" in done.stdout
    assert "TTF-GAS is covered to" in done.stdout
    page = run("report", "-f", "html").stdout
    assert "not complete" in page


def test_a_day_begins_where_its_people_live(good_day: Pipeline) -> None:
    found = json.loads(run("report", "--tz", "Europe/Amsterdam", "--json", "--date", str(YESTERDAY.date())).stdout)
    assert datetime.fromisoformat(found["start"]).astimezone(UTC).hour in {22, 23}
    assert run("report", "--tz", "Europe/Nowhere").exit_code == 2
    assert run("report", "--date", "lately").exit_code == 2


def test_a_day_without_a_tick_and_one_that_is_not_over_are_not_complete(pipeline: Pipeline) -> None:
    found = json.loads(run("report", "--date", "2026-01-05", "--json").stdout)
    assert found["findings"] == ["no tick is stored"]
    today = run("report", "--date", "today", "--json")
    assert (today.exit_code, json.loads(today.stdout)["findings"]) == (1, ["the day is not over", "no tick is stored"])
