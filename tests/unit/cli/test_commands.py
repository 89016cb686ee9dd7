"""What holds for every command: an example in its help, exit codes, and nothing heavy before it runs."""

import os
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from orderbook.cli import failures
from orderbook.cli.failures import Commands
from orderbook.cli.main import app
from orderbook.errors import BadQuery, ConfigError, Halt, OrderbookError, Refused, Unavailable

run = CliRunner()


def every_command(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], Any]]:
    yield path, command
    for name, inner in getattr(command, "commands", {}).items():
        yield from every_command(inner, (*path, name))


ALL = list(every_command(typer.main.get_command(app)))


@pytest.mark.parametrize("path", [path for path, _ in ALL], ids=" ".join)
def test_every_help_has_an_example(path: tuple[str, ...]) -> None:
    result = run.invoke(app, [*path, "--help"], env={"COLUMNS": "200", "NO_COLOR": "1"})
    assert result.exit_code == 0
    assert "Example: orderbook" in result.output or 'Example: eval "$(orderbook' in result.output


def test_the_commands_of_the_surface_are_all_there() -> None:
    assert {" ".join(path) for path, command in ALL if not getattr(command, "commands", None)} >= {
        *("up", "env", "doctor", "status", "tail", "query", "audit", "version"),
        *("gaps", "coverage", "trace", "report"),
        *("ranges ls", "ranges show", "ranges resume"),
        *("quarantine ls", "quarantine show", "quarantine stats"),
        *("topics create", "topics describe", "topics lag", "topics tail"),
        *("db upgrade", "db current", "db check", "db partitions", "db shell"),
        *("config show", "config check"),
    }


def test_help_imports_no_service_client() -> None:
    heavy = "sqlalchemy", "kafka", "confluent_kafka", "celery", "pyarrow", "psycopg2", "alembic", "redis", "pydantic"
    code = f"import sys, orderbook.cli.main; print(sorted(set({heavy!r}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (Unavailable("Postgres: away"), 3),
        (ConfigError("REDIS_URL: expected redis://"), 2),
        (BadQuery("syntax error"), 2),
        (Refused("not now"), 1),
        (Halt("tripwire", "twice"), 1),
    ],
)
def test_a_failure_is_one_line_on_stderr_and_a_code(error: OrderbookError, code: int) -> None:
    failing = typer.Typer(cls=Commands)

    @failing.command()
    def fail() -> None:
        raise error

    @failing.command()
    def other() -> None: ...

    result = run.invoke(failing, ["fail"])
    assert result.exit_code == code
    assert result.stdout == ""
    assert result.stderr == f"orderbook: {error}\n"


@pytest.mark.parametrize("command", ["config show", "config show --json", "version", "--help"])
def test_a_reader_that_has_left_ends_a_command_without_a_word(command: str) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    program = [sys.executable, "-c", "from orderbook.cli.main import main; main()", *command.split()]
    with os.fdopen(writing, "w") as gone:
        done = subprocess.run(program, stdout=gone, stderr=subprocess.PIPE, text=True, check=False)
    assert (done.returncode, done.stderr) == (1, "")


def test_line_breaks_of_a_server_become_spaces() -> None:
    assert failures.one_line(Unavailable("Postgres: away\n\tis it running?")) == "Postgres: away is it running?"


def test_usage_errors_exit_with_2() -> None:
    assert run.invoke(app, ["ranges", "resume"]).exit_code == 2
    assert run.invoke(app, ["ranges", "resume", "1", "--all"]).exit_code == 2
    assert run.invoke(app, ["ranges", "resume", "1", "--new-generation"]).exit_code == 2
    assert run.invoke(app, ["quarantine", "show", "nonsense"]).exit_code == 2
    assert run.invoke(app, ["quarantine", "show", "40000/1/1"]).exit_code == 2
    assert run.invoke(app, ["query", " "]).exit_code == 2


def test_version_names_this_package_and_its_libraries() -> None:
    result = run.invoke(app, ["version"])
    assert result.exit_code == 0
    assert {"orderbook", "python", "celery"} <= {line.split()[0] for line in result.stdout.splitlines()}


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        (("--fault", "gap:0.1%,lat"), "'lat' is no fault: choose from malformed, crossed, late, gap"),
        (("--fault", "stall", "--stall-seconds", "0"), "--stall-seconds"),
    ],
)
def test_up_refuses_faults_of_the_simulator_that_make_no_sense(flags: tuple[str, ...], complaint: str) -> None:
    result = run.invoke(app, ["up", *flags])
    assert result.exit_code == 2
    assert complaint in result.stderr
