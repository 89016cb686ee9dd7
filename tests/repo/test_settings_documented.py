"""Every setting says what it is for, and README.md lists it as the code has it."""

import pytest

from tests.repo.settings_table import HEADER, default_settings, documented
from tests.repo.tree import ROOT


def rows_under(heading: str) -> list[tuple[str, ...]]:
    """The rows of the first table under a heading of README.md."""
    _, found, section = (ROOT / "README.md").read_text(encoding="utf-8").partition(f"\n## {heading}\n")
    assert found, f"README.md has no heading {heading!r}"
    lines = section.partition("\n## ")[0].splitlines()
    cells = [tuple(cell.strip() for cell in line.strip("|").split(" | ")) for line in lines if line.startswith("|")]
    return [row for row in cells if set(row[0]) != {"-"}]


@pytest.mark.parametrize("setting", default_settings(), ids=lambda setting: setting.name)
def test_every_setting_says_what_it_is_for(setting) -> None:
    assert setting.meaning


def test_the_readme_s_table_has_every_setting_with_its_default_and_meaning() -> None:
    """Where it has not: ``python -m tests.repo.settings_table`` prints it anew."""
    assert rows_under("Settings") == [HEADER, *documented()]
