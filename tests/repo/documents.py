"""What the documents say: their text, the commands in it, the code that it names."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.repo.tree import ROOT

README = ROOT / "README.md"
ARCHITECTURE = ROOT / "orderbook" / "README.md"
CONTRIBUTING = ROOT / "CONTRIBUTING.md"
SCALING = ROOT / "docs" / "scaling.md"
TOP = [README, ARCHITECTURE, CONTRIBUTING, ROOT / "CHANGELOG.md"]
FOLDERS = (("docs", "*.md"), ("monitoring/runbooks", "*.md"), ("tests", "**/README.md"), ("deploy", "**/*.md"))
DOCUMENTS = sorted([*TOP, *(path for folder, pattern in FOLDERS for path in (ROOT / folder).glob(pattern))])
PROGRAMS = ("orderbook", "celery", "python", "alembic", "make", "docker", "prometheus", "uvicorn", "pip", "kubectl")
ENDS_A_COMMAND = re.compile(r"\s+#\s.*|\s+&&\s.*|\s{3,}.*|;.*|\s+\|\s.*|\s+>\s.*")


def text_of(path: Path) -> str:
    return path.read_text(encoding="utf-8")


def quoted(path: Path) -> Iterator[str]:
    """What stands between backticks, in prose; of a table's cells, too."""
    for line in text_of(path).splitlines():
        if not line.startswith("    "):
            yield from (found.replace("\\|", "|") for found in re.findall(r"`([^`]+)`", line))


def commands(path: Path) -> Iterator[str]:
    """Every line of a shell, one command each: indented lines and quotations that begin with a program."""
    indented = [line.strip() for line in text_of(path).splitlines() if line.startswith("    ")]
    for line in [*indented, *quoted(path)]:
        words = re.sub(r"^(?:[A-Z_]+=\S+\s+)+", "", line).split()
        if len(words) > 1 and words[0] in PROGRAMS:
            yield ENDS_A_COMMAND.sub("", line).strip()
