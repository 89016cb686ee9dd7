"""Sequence events in Postgres: along the prefix only, once, whatever order ranges land in."""

import json

from tests.commands import ok
from tests.pipeline import Pipeline, valid


def test_a_gap_becomes_an_event(pipeline: Pipeline) -> None:
    pipeline.produce([*valid(3), *valid(2, first=6)])
    pipeline.run()
    assert pipeline.stitch().events == {"gap": 1}
    assert pipeline.events() == [("TTF-GAS", "gap", "open", 4, 5, 2, 2)]
    assert pipeline.stitch().ranges == 0
    assert pipeline.one("SELECT sum(ticks) FROM symbol_hour") == 5
    (told,) = json.loads(ok("gaps", "--kind", "gap", "--from", "1h", "--symbol", "TTF-GAS,NBP-GAS", "--json"))
    assert (told["missing"], told["state"], told["place"]) == ("4-5", "open", "1/0/3")
