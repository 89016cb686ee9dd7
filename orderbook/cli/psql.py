"""Where psql is, and how it is told where to connect."""

import shutil
from urllib.parse import parse_qsl, unquote, urlsplit

from orderbook.embedded.programs import postgres
from orderbook.errors import ConfigError

# libpq's own names of what a URL's query may say
_OPTIONS = {
    "sslmode": "PGSSLMODE",
    "sslrootcert": "PGSSLROOTCERT",
    "sslcert": "PGSSLCERT",
    "sslkey": "PGSSLKEY",
    "options": "PGOPTIONS",
    "application_name": "PGAPPNAME",
    "connect_timeout": "PGCONNECT_TIMEOUT",
    "target_session_attrs": "PGTARGETSESSIONATTRS",
    "host": "PGHOST",
    "port": "PGPORT",
}


def find_psql() -> str:
    """The psql on the PATH, else the one of the embedded Postgres. Raises ``ConfigError``."""
    if found := shutil.which("psql"):
        return found
    try:
        embedded = postgres().home / "bin" / "psql"
    except ConfigError:
        embedded = None
    if embedded is None or not embedded.exists():
        raise ConfigError("psql is not on the PATH: install it (Debian: apt install postgresql-client)")
    return str(embedded)


def environment_of(url: str) -> dict[str, str]:
    """The variables that lead libpq to ``url``."""
    parts = urlsplit(url)
    found = {
        "PGHOST": parts.hostname,
        "PGPORT": str(parts.port) if parts.port else None,
        "PGUSER": unquote(parts.username) if parts.username else None,
        "PGPASSWORD": unquote(parts.password) if parts.password else None,
        "PGDATABASE": unquote(parts.path.lstrip("/")) or None,
    }
    found |= {_OPTIONS[name]: value for name, value in parse_qsl(parts.query) if name in _OPTIONS}
    return {name: value for name, value in found.items() if value is not None}
