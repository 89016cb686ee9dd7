"""Real captures into a real log and a real store: each quote once, whatever breaks the import off."""

import json
import os
import signal
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from orderbook.errors import Refused
from orderbook.feeds import importer as importer_module
from orderbook.feeds.importer import CHUNK, Importer, Outcome
from orderbook.feeds.journal import Journal, Progress
from orderbook.feeds.mapped import CsvFile, FieldMapping
from orderbook.profiles import Profiles, load_profiles
from tests.commands import ORDERBOOK, ok, run
from tests.pipeline import Pipeline

HEAD = "received_time,bid_price,ask_price,bid_volume,ask_volume,sequence_id\n"
PLAIN = CsvFile(FieldMapping({}, {"symbol": "TTF-GAS"}, "us"))
ROWS = 2 * CHUNK + 1_234


class BrokenOff(Exception):
    """What a test breaks an import off with."""


@pytest.fixture
def quotes(tmp_path: Path) -> Path:
    """A file of ``ROWS`` quotes, one of which stands in it twice."""
    lines = [f"{1767600000000000 + n},27.5{n % 10},28.{n % 97:02d},{n % 7 + 1},2,{n}\n" for n in range(1, ROWS)]
    path = tmp_path / "quotes.csv"
    path.write_text(HEAD + "".join(lines) + lines[-1])
    return path


def importing(pipeline: Pipeline, profiles: Profiles, folder: Path, **changes: object) -> Importer:
    options: dict[str, object] = {"told_bad": lambda _: None, "told_progress": lambda _: None} | changes
    return Importer(pipeline.settings.kafka, profiles, folder / "journals", **options)  # type: ignore[arg-type]


def log_sequences(pipeline: Pipeline) -> list[int]:
    pipeline.run()
    found = pipeline.rows("SELECT sequence_id FROM ticks ORDER BY kafka_partition, kafka_offset")
    return [row[0] for row in found]


EXPECTED = [*range(1, ROWS), ROWS - 1]


def test_an_import_is_whole_and_a_second_one_sends_nothing(
    old_pipeline: Pipeline, profiles: Profiles, quotes: Path, tmp_path: Path
) -> None:
    importer = importing(old_pipeline, profiles, tmp_path)
    first, second = (importer.run(quotes, PLAIN, "r") for _ in range(2))
    assert (first.rows, first.sent, first.already, first.event_time_received) == (ROWS, ROWS, 0, ROWS)
    assert (second.rows, second.sent, second.already) == (ROWS, 0, ROWS)
    assert log_sequences(old_pipeline) == EXPECTED


def test_an_import_that_was_broken_off_between_chunks_goes_on(
    old_pipeline: Pipeline, profiles: Profiles, quotes: Path, tmp_path: Path
) -> None:
    def break_off(_: Outcome) -> None:
        raise BrokenOff

    with pytest.raises(BrokenOff):
        importing(old_pipeline, profiles, tmp_path, told_progress=break_off).run(quotes, PLAIN, "r")
    rest = importing(old_pipeline, profiles, tmp_path).run(quotes, PLAIN, "r")
    assert (rest.sent, rest.already) == (ROWS - CHUNK, CHUNK)
    assert log_sequences(old_pipeline) == EXPECTED


def test_a_chunk_that_the_journal_does_not_know_of_is_found_in_the_log(
    old_pipeline: Pipeline, profiles: Profiles, quotes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = Journal.write

    def forget(self: Journal, progress: Progress) -> None:
        if progress.rows:
            raise BrokenOff
        write(self, progress)

    monkeypatch.setattr(Journal, "write", forget)
    with pytest.raises(BrokenOff):
        importing(old_pipeline, profiles, tmp_path).run(quotes, PLAIN, "r")
    monkeypatch.setattr(Journal, "write", write)
    rest = importing(old_pipeline, profiles, tmp_path).run(quotes, PLAIN, "r")
    assert (rest.sent, rest.already) == (ROWS - CHUNK, CHUNK)
    assert log_sequences(old_pipeline) == EXPECTED


def test_a_killed_import_goes_on_and_sends_nothing_twice(
    old_pipeline: Pipeline, quotes: Path, tmp_path: Path, eventually: Callable[..., None]
) -> None:
    arguments = [ORDERBOOK, "import", "csv", str(quotes), "--set", "symbol=TTF-GAS", "--times", "us"]
    child = subprocess.Popen(arguments, env=os.environ.copy(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        eventually(lambda: sum(b.end for b in old_pipeline.client.bounds((0, 1)).values()) > 1_000)
    finally:
        child.send_signal(signal.SIGKILL)
        child.wait()
    landed = sum(bounds.end for bounds in old_pipeline.client.bounds((0, 1)).values())
    (outcome,) = json.loads(ok(*arguments[1:], "--json"))
    print(f"killed with {landed} of {ROWS} in the log; the next run sent {outcome['sent']}")
    assert outcome["rows"] == outcome["sent"] + outcome["already"] == ROWS
    assert log_sequences(old_pipeline) == EXPECTED


def test_again_sends_what_was_imported_once_more(
    old_pipeline: Pipeline, profiles: Profiles, quotes: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importer_module, "CHUNK", 100_000)
    for again in (False, True):
        assert importing(old_pipeline, profiles, tmp_path, again=again).run(quotes, PLAIN, "r").sent == ROWS
    assert log_sequences(old_pipeline) == EXPECTED * 2


def test_rows_that_the_profiles_would_reject_are_not_sent(old_pipeline: Pipeline, quotes: Path, tmp_path: Path) -> None:
    old = tmp_path / "old.csv"
    old.write_text(quotes.read_text().replace("\n1767", "\n1707"))
    with pytest.raises(Refused, match=r"would reject some: late .*historical"):
        importing(old_pipeline, load_profiles(None), tmp_path).run(old, PLAIN, "r")
    assert sum(bounds.end for bounds in old_pipeline.client.bounds((0, 1)).values()) == 0


def test_a_bad_line_is_told_with_its_file_and_the_exit_code_is_1(old_pipeline: Pipeline, tmp_path: Path) -> None:
    path = tmp_path / "some.csv"
    path.write_text(HEAD + "1767600000000000,27,28,1,2,1\n1767600000000000,x,28,1,2,2\n1767600000000000,27,28,1,2,3\n")
    result = run("import", "csv", str(path), "--set", "symbol=X", "--times", "us")
    assert result.exit_code == 1
    assert f"{path}:3: 'x' is no number\n" in result.stderr
    assert log_sequences(old_pipeline) == [1, 3]


def test_a_dry_run_judges_and_sends_nothing(old_pipeline: Pipeline, quotes: Path) -> None:
    told = ok("import", "csv", str(quotes), "--set", "symbol=X", "--times", "us", "--dry-run", "--json")
    (outcome,) = json.loads(told)
    assert (outcome["rows"], outcome["sent"], outcome["refusable"]) == (ROWS, 0, {})
    assert sum(bounds.end for bounds in old_pipeline.client.bounds((0, 1)).values()) == 0
