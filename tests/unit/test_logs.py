"""A log line is one line and bounded, whatever a payload puts into it."""

import json
import logging
from collections.abc import Callable, Iterator

import pytest
import structlog

from orderbook import logs
from orderbook.logs import LONGEST_TEXT, Outage, Tally, configure, range_label


@pytest.fixture
def lines(capsys: pytest.CaptureFixture[str]) -> Iterator[Callable[..., list[str]]]:
    """Logs set up as a process has them, and what they wrote; the test's own are put back."""
    root = logging.getLogger()
    handlers, level, loggers = root.handlers[:], root.level, dict(logging.root.manager.loggerDict)
    levels = {name: found.level for name, found in loggers.items() if isinstance(found, logging.Logger)}

    def written() -> list[str]:
        return capsys.readouterr().err.splitlines()

    yield written
    root.handlers[:] = handlers
    root.setLevel(level)
    for name, found in logging.root.manager.loggerDict.items():
        if isinstance(found, logging.Logger):
            found.setLevel(levels.get(name, logging.NOTSET))
    structlog.reset_defaults()


def refuse(text: str) -> None:
    raise ValueError(text)


HOSTILE = "a\nERROR forged\r\x1b[31m\x00\u202e\ud800"


@pytest.mark.parametrize("log_format", ["json", "text"])
def test_a_payload_cannot_forge_a_line_or_colour_a_terminal(lines: Callable[[], list[str]], log_format: str) -> None:
    configure("INFO", log_format)
    structlog.get_logger("t").info("rejected", symbol=HOSTILE, listed=[HOSTILE], mapped={"a": HOSTILE})
    logging.getLogger("t").warning("rejected %s", HOSTILE)
    written = lines()
    assert len(written) == 2
    for character in "\r\x00\u202e":
        assert character not in "".join(written)
    assert "\x1b[31m\\x00" not in "".join(written)


def test_what_is_long_is_cut(lines: Callable[[], list[str]]) -> None:
    configure("INFO", "json")
    structlog.get_logger("t").info("x" * 10_000, value="\n" * 10_000)
    (line,) = lines()
    found = json.loads(line)
    assert len(found["event"]) == len(found["value"]) == LONGEST_TEXT + 1


def test_a_traceback_is_bounded_and_holds_no_control_characters(lines: Callable[[], list[str]]) -> None:
    configure("INFO", "text")
    try:
        refuse("\x1b[2J" + "x" * 200_000)
    except ValueError:
        structlog.get_logger("t").exception("failed")
    written = "\n".join(lines())
    assert "ValueError" in written
    assert "\x1b[2J" not in written
    assert len(written) < 50_000


def test_a_json_line_says_when_where_and_how_bad(lines: Callable[[], list[str]]) -> None:
    configure("INFO", "json")
    structlog.get_logger("orderbook.x").warning("halted", partition=3)
    (line,) = lines()
    found = json.loads(line)
    assert found.pop("timestamp").endswith("Z")
    assert found == {"event": "halted", "level": "warning", "logger": "orderbook.x", "partition": 3}


def test_what_is_below_the_level_is_not_said(lines: Callable[[], list[str]]) -> None:
    configure("WARNING", "json")
    structlog.get_logger("t").info("quiet")
    logging.getLogger("t").info("quiet")
    assert lines() == []


def test_a_client_that_shouts_in_an_outage_is_kept_quiet(lines: Callable[[], list[str]]) -> None:
    configure("DEBUG", "json")
    logging.getLogger("kafka.librdkafka").error("connection refused")
    logging.getLogger("celery.worker.strategy").info("received")
    assert lines() == []


def test_setting_logs_up_twice_says_everything_once(lines: Callable[[], list[str]]) -> None:
    configure("INFO", "json")
    configure("INFO", "json")
    logging.getLogger("t").info("once")
    assert len(lines()) == 1


def test_what_beat_says_at_each_due_task_is_said_once(lines: Callable[..., list[str]]) -> None:
    configure("INFO", "json")
    for number in range(5):
        logging.getLogger("celery.beat").error("Message Error: %s", number)
    assert len(lines()) == 1


def test_an_outage_is_told_once_and_its_end_once() -> None:
    outage = Outage(structlog.get_logger("test"), "drain put off")
    with structlog.testing.capture_logs() as lines:
        for _ in range(3):
            outage.goes_on(OSError("refused"))
        outage.is_over()
        outage.is_over()
    assert [(line["event"], line["log_level"]) for line in lines] == [
        ("drain put off", "warning"),
        ("it works again", "info"),
    ]
    assert lines[1]["tries"] == 3


def test_counts_are_told_at_once_and_then_together_after_a_while(
    lines: Callable[[], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [100.0]
    monkeypatch.setattr(logs, "monotonic", lambda: now[0])
    configure("INFO", "json")
    tally = Tally(structlog.get_logger("t"), "sequence events", pause_seconds=30)

    def told(**counts: int) -> list[dict[str, object]]:
        tally.add(counts)
        found = [json.loads(line) for line in lines()]
        return [{name: line[name] for name in ("gap", "repeat") if name in line} for line in found]

    assert told(gap=0) == []
    assert told(gap=2) == [{"gap": 2}]
    now[0] += 29
    assert told(gap=1) == told(repeat=4, gap=1) == []
    now[0] += 1
    assert told() == [{"gap": 2, "repeat": 4}]
    now[0] += 300
    assert told() == []


def test_a_range_is_named_by_its_topic_partition_and_first_and_last_offset() -> None:
    assert range_label("orderbook.raw", 3, 1200, 1300) == "orderbook.raw/3/1200-1299"


def test_a_line_of_another_library_names_the_range_that_is_worked_on(lines: Callable[[], list[str]]) -> None:
    configure("INFO", "json")
    with structlog.contextvars.bound_contextvars(range="orderbook.raw/3/1200-1299"):
        logging.getLogger("celery.task").warning("something")
    (line,) = lines()
    assert json.loads(line)["range"] == "orderbook.raw/3/1200-1299"
