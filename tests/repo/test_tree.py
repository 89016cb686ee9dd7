"""What the tree looks like: short files, nouns for names, nothing hidden in ``__init__``."""

import re
from pathlib import Path

import pytest

from tests.repo.tree import ROOT, named, written_files

LONGEST = 250  # lines: what is read in one sitting
DRAWERS = {
    "utils",
    "util",
    "helpers",
    "helper",
    "common",
    "base",
    "misc",
    "manager",
    "handler",
    "processor",
    "data",
    "info",
}
MACHINE_PATH = re.compile(r"(?<![\w.~$}-])/(?:home|root|Users|work|mnt)/[\w.-]+")
PYTHON = written_files(".py")


@pytest.mark.parametrize("path", PYTHON, ids=named)
def test_a_file_is_read_in_one_sitting(path: Path) -> None:
    assert len(path.read_text(encoding="utf-8").splitlines()) < LONGEST


def test_no_module_is_a_drawer() -> None:
    names = {path: {*path.relative_to(ROOT).with_suffix("").parts} for path in PYTHON}
    assert [named(path) for path, parts in names.items() if parts & DRAWERS] == []


def test_packages_hold_nothing_themselves() -> None:
    assert [named(path) for path in PYTHON if path.name == "__init__.py" and path.read_text()] == []


def test_every_folder_of_the_package_is_a_package() -> None:
    folders = {path.parent for path in PYTHON if "orderbook" in path.relative_to(ROOT).parts[:1]}
    assert [named(folder) for folder in sorted(folders) if not (folder / "__init__.py").exists()] == []


def test_no_file_names_a_place_of_one_machine() -> None:
    suffixes = (".py", ".md", ".toml", ".txt", ".yml", ".yaml", ".sh", ".lock", "")
    texts = {path: path.read_text(encoding="utf-8") for path in written_files(*suffixes)}
    assert {named(path): found for path, text in texts.items() if (found := MACHINE_PATH.findall(text))} == {}


def test_the_architecture_map_names_what_there_is() -> None:
    text = (ROOT / "orderbook" / "README.md").read_text(encoding="utf-8")
    rows = [
        line for line in text.partition("\n## The map\n")[2].partition("\n## ")[0].splitlines() if line[:3] == "| `"
    ]
    places = {place for row in rows for place in re.findall(r"`([^`]+)`", row.split("|")[1])}
    entries = {f"{path.name}/" if path.is_dir() else path.name for path in (ROOT / "orderbook").iterdir()}
    assert places - {"migrations/"} == entries - {"__pycache__/", "__init__.py", "README.md"}
