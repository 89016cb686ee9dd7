"""The data folder of the embedded servers: what lies where, who may read it, and the generated passwords.

::

    services.env     the addresses, while `up` runs       up.lock          who uses the folder
    passwords.json   generated once                       processes.json   what `up` started, to find orphans
    kafka/ valkey/ postgres/   the servers' own           logs/            one file per process
"""

import json
import os
import secrets
from dataclasses import dataclass
from pathlib import Path

from orderbook.embedded.account import Account
from orderbook.errors import ConfigError

MARK = "ORDERBOOK_UP_FOLDER"  # in the environment of every child: in whose data folder it works
ACCOUNTS = ("postgres", "market", "market_ingest", "market_reader", "market_archiver", "valkey")  # who has a password


@dataclass(frozen=True, slots=True)
class DataFolder:
    """Paths inside a data folder."""

    path: Path

    @property
    def services(self) -> Path:
        return self.path / "services.env"

    @property
    def lock(self) -> Path:
        return self.path / "up.lock"

    @property
    def processes(self) -> Path:
        return self.path / "processes.json"

    def log(self, name: str) -> Path:
        return self.path / "logs" / f"{name}.log"

    def make(self) -> None:
        """Make the folder and its logs folder where they lack. Raises ``ConfigError`` where it is not ours to use."""
        logs = self.path / "logs"
        try:
            make_open(self.path)
            logs.mkdir(exist_ok=True)
        except OSError as error:
            raise ConfigError(f"{self.path} cannot be made: {error.strerror}; choose another --data-dir") from error
        if not os.access(self.path, os.W_OK) or not os.access(logs, os.W_OK):
            raise ConfigError(f"{self.path} belongs to another user; choose another --data-dir")

    def passwords(self) -> dict[str, str]:
        """The passwords of this folder's servers, generated at the first call. The file is the owner's alone."""
        path = self.path / "passwords.json"
        passwords: dict[str, str] = json.loads(path.read_text()) if path.exists() else {}
        if missing := [name for name in ACCOUNTS if name not in passwords]:
            passwords |= {name: secrets.token_urlsafe(24) for name in missing}
            write_private(path, json.dumps(passwords, indent=2) + "\n")
        return passwords


def write_private(path: Path, text: str) -> None:
    """Write a file that only its owner can read; readers see the old text or the new, never a part."""
    fresh = path.with_name(f"{path.name}.{os.getpid()}")
    fresh.unlink(missing_ok=True)
    fresh.touch(mode=0o600)
    fresh.write_text(text)
    fresh.replace(path)


def make_open(folder: Path) -> None:
    """Make a folder where it lacks; as root, one that the servers' user can enter, whatever the umask."""
    missing = [path for path in (folder, *folder.parents) if not path.exists()]
    for path in reversed(missing):
        path.mkdir(exist_ok=True)
        if os.geteuid() == 0:
            path.chmod(0o755)


def make_private(folder: Path, account: Account | None) -> None:
    """Make a folder that only the servers' user can enter."""
    if account is not None:
        account.owns(folder)
    else:
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)


def plain_environment(server: Path) -> dict[str, str]:
    """What the process of the server in that folder needs of an environment: nothing of ours but whose it is."""
    return {"PATH": os.defpath, "LANG": "C.UTF-8", "TZ": "UTC", MARK: str(server.parent)}
