"""A virtual environment of its own, as somebody has who never saw this repository."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.processes import ROOT

OF_PIP_ITSELF = ("pip", "pip-", "_distutils_hack", "setuptools", "distutils-precedence")
INSTALL_SECONDS = 900


@dataclass(frozen=True, slots=True)
class Installed:
    """An environment in ``folder``; pip is configured as for whoever runs the tests."""

    folder: Path

    @property
    def programs(self) -> Path:
        return self.folder / "bin"

    def install(self, *what: str) -> None:
        """Have pip install it, with the versions that are pinned."""
        pip = [str(self.programs / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        checked([*pip, "-c", str(ROOT / "constraints.txt"), *what], self.folder)

    def run(self, *command: str, here: Path, **variables: str) -> subprocess.CompletedProcess[str]:
        """Run one of its programs to its end, in the folder ``here``."""
        program, *rest = command
        return subprocess.run(
            [self.programs / program, *rest],
            cwd=here,
            env=environment(PATH=f"{self.programs}{os.pathsep}{os.environ['PATH']}", **variables),
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

    @property
    def packages(self) -> Path:
        """Where its packages lie."""
        return next(self.folder.glob("lib/python3*/site-packages"))

    @property
    def megabytes(self) -> float:
        """What the packages take on disk, pip's own left out."""
        files = [path for path in self.packages.rglob("*") if path.is_file() and not path.is_symlink()]
        ours = [path for path in files if not path.relative_to(self.packages).parts[0].startswith(OF_PIP_ITSELF)]
        return sum(path.stat().st_size for path in ours) / 1e6


@contextmanager
def installed() -> Iterator[Installed]:
    """An empty environment that every user can enter, removed afterwards."""
    with tempfile.TemporaryDirectory(prefix="orderbook-installed-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        checked([sys.executable, "-m", "venv", str(folder)], folder)
        yield Installed(folder)


def environment(**variables: str) -> dict[str, str]:
    """Ours, without what would lead to this repository."""
    hidden = {"PYTHONPATH", "VIRTUAL_ENV", "ALEMBIC_CONFIG"}
    return {name: value for name, value in os.environ.items() if name not in hidden} | variables


def checked(command: list[str], here: Path) -> str:
    """The standard output of a command that succeeds."""
    done = subprocess.run(
        command,
        cwd=here,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=INSTALL_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout
