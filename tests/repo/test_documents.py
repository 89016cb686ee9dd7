"""The documents are true to the code: commands exist, places and names are there, all that can be used is told of."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from orderbook.cli.main import app
from orderbook.metrics import DECLARED
from orderbook.simulator.options import parse
from tests.repo.documents import ARCHITECTURE, CONTRIBUTING, DOCUMENTS, README, SCALING, commands, quoted, text_of
from tests.repo.settings_table import setting_names
from tests.repo.tree import ROOT, named

ROOT_COMMAND: Any = typer.main.get_command(app)
CELERY_COMMANDS = {"worker", "beat", "flower", "report", "inspect", "purge"}
NOT_SETTINGS = {"ORDERBOOK_CAPTURES", "ORDERBOOK_CRASHPOINTS", "ORDERBOOK_UP_PID", "ORDERBOOK_DATABASE"}
EVERY = [(path, line) for path in DOCUMENTS for line in commands(path)]
OF_OURS = [
    (path, line) for path, line in EVERY if "orderbook " in f"{line} " and re.match(r"(\w+=\S+ )*orderbook ", line)
]
OTHERS = [(path, line) for path, line in EVERY if (path, line) not in OF_OURS]


def leaves(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    inner = getattr(command, "commands", {})
    if not inner:
        yield path
    for name, each in inner.items():
        yield from leaves(each, (*path, name))


def resolve(words: list[str]) -> tuple[Any, list[str]]:
    """The command that words name, and the rest of them."""
    command, rest = ROOT_COMMAND, list(words)
    while rest and getattr(command, "commands", None) and rest[0] in command.commands:
        command = command.commands[rest.pop(0)]
    return command, rest


def flags_of(command: Any) -> set[str]:
    given = [option for each in command.params for option in [*each.opts, *each.secondary_opts]]
    return {*given, "--help", "-h"}


def alternatives(word: str) -> list[str]:
    return word.split("|")


def shown(case: object) -> str:
    return f"{named(case)}" if isinstance(case, Path) else str(case)


@pytest.mark.parametrize(("path", "line"), OF_OURS, ids=shown)
def test_a_command_of_ours_in_a_document_is_there_with_its_flags(path: Path, line: str) -> None:
    words = re.sub(r'"[^"]*"|\'[^\']*\'', "TEXT", line.partition("orderbook ")[2]).split()
    first = [list(choice) for choice in _spread(words)]
    for choice in first:
        command, rest = resolve(choice)
        if getattr(command, "commands", None):
            assert not rest or rest[0].startswith("-") or rest == ["…"], f"{line}: there is no {rest[0]!r}"
        told = {word.partition("=")[0] for word in rest if word.startswith("-") and word != "--"}
        assert told <= flags_of(command), line


@pytest.mark.parametrize("line", ["orderbook rangs ls", "orderbook ranges sl", "orderbook audit --deeep"])
def test_a_command_that_is_not_there_is_found(line: str) -> None:
    with pytest.raises(AssertionError):
        test_a_command_of_ours_in_a_document_is_there_with_its_flags(README, line)


def _spread(words: list[str]) -> Iterator[list[str]]:
    """``ranges ls|show`` is two commands."""
    for index, word in enumerate(words[:2]):
        if "|" in word and not word.startswith("-"):
            for choice in alternatives(word):
                yield [*words[:index], choice, *words[index + 1 :]]
            return
    yield words


@pytest.mark.parametrize(("path", "line"), OTHERS, ids=shown)
def test_a_command_of_another_program_names_what_we_have(path: Path, line: str) -> None:
    words = re.sub(r"^(?:\w+=\S+\s+)+", "", line).split()
    if words[0] == "make":
        targets = set(re.findall(r"^([a-z-]+):", text_of(ROOT / "Makefile"), re.MULTILINE))
        assert words[1] in targets or "=" in words[1], line
    if words[0] == "python" and words[1] == "-m":
        place = ROOT / words[2].replace(".", "/")
        assert words[2] == "pip" or (place.with_suffix(".py").exists() or (place / "__main__.py").exists()), line
        if words[2] == "orderbook.simulator":
            parse([word for word in words[3:] if word != "…"], _defaults())
    if words[0] == "celery":
        assert words[1:3] == ["-A", "orderbook"] or len(words) == 2  # named, not typed
        assert words[3 if len(words) > 2 else 1] in CELERY_COMMANDS, line
    for named_file in re.findall(r"(?:--config\.file=|--env-file |-k )([\w./-]+)", line):
        assert (ROOT / named_file).exists(), line


def _defaults() -> Any:
    from orderbook.sections import SimulatorSettings

    return SimulatorSettings()


def test_every_command_is_documented() -> None:
    rows = "\n".join(line for line in text_of(README).splitlines() if line.startswith("| `orderbook"))
    told = {" ".join(path[:1]) for path in leaves(ROOT_COMMAND) if f"`orderbook {path[0]}" in rows}
    assert {path[0] for path in leaves(ROOT_COMMAND)} - told == set()
    groups = {path for path in leaves(ROOT_COMMAND) if len(path) > 1}
    lines = {path[0]: next(line for line in rows.splitlines() if f"`orderbook {path[0]}" in line) for path in groups}
    assert [" ".join(path) for path in sorted(groups) if not re.search(rf"\b{path[1]}\b", lines[path[0]])] == []


def test_every_metric_says_what_it_counts() -> None:
    assert [metric.name for metric in DECLARED.values() if len(metric.help.split()) < 2] == []
    assert "orderbook/metrics.py" in text_of(README)


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_variables_that_a_document_names_are_settings(path: Path) -> None:
    found = set(re.findall(r"\bORDERBOOK_[A-Z_]*[A-Z]\b(?!_)", text_of(path)))
    assert found - setting_names() - NOT_SETTINGS == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=named)
def test_links_lead_somewhere(path: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#]+)(?:#[^)]*)?\)", text_of(path))
    assert [link for link in links if not (path.parent / link).exists()] == []


PLACE = re.compile(r"((?:[\w-]+/)*[\w-]+\.(?:py|toml|md|yml|yaml|sql|html))(?:: ([\w.]+))?")


def places(page: Path = ARCHITECTURE) -> list[tuple[str, str]]:
    """Files that a page names, and what of them: ``drain/policy.py: assess``."""
    return [(found[1], found[2] or "") for text in quoted(page) if (found := PLACE.fullmatch(text))]


def defined_in(path: Path) -> set[str]:
    """The names that a module defines: functions, classes, and ``Class.method``."""
    names = set()
    for node in ast.walk(ast.parse(text_of(path))):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(node.name)
        if isinstance(node, ast.ClassDef):
            names |= {f"{node.name}.{inner.name}" for inner in node.body if isinstance(inner, ast.FunctionDef)}
    return names


@pytest.mark.parametrize(("name", "what"), [*places(), *places(CONTRIBUTING), *places(SCALING)])
def test_a_place_that_a_page_names_is_there(name: str, what: str) -> None:
    found = [path for path in (ROOT / "orderbook" / name, ROOT / name) if path.exists()]
    found = found or [*(ROOT / "orderbook").rglob(name)]
    assert len(found) == 1, name
    if what:
        assert what in defined_in(found[0]), f"{name} has no {what}"


def test_the_life_of_one_tick_names_files_and_functions() -> None:
    assert len([what for _, what in places() if what]) >= 10


def test_functions_and_methods_that_it_names_without_a_file_are_there() -> None:
    """Such as ``Landing._lock``: a class, a dot, a method."""
    everything = {name for path in (ROOT / "orderbook").rglob("*.py") for name in defined_in(path)}
    named_there = {text for text in quoted(ARCHITECTURE) if re.fullmatch(r"[A-Z]\w+\._?[a-z]\w+", text)}
    assert named_there
    assert named_there - everything == set()
