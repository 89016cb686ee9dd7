"""Valkey: Celery's broker, on loopback, with a password and an append-only file."""

from dataclasses import dataclass
from pathlib import Path

from redis import Redis
from redis.exceptions import RedisError

from orderbook.embedded import programs
from orderbook.embedded.account import Account, reachable
from orderbook.embedded.folder import make_private, plain_environment
from orderbook.embedded.ports import LOOPBACK
from orderbook.embedded.process import Command

CONFIG = """\
bind {host}
port {port}
requirepass {password}
dir {folder}
appendonly yes
appendfsync everysec
maxmemory-policy noeviction
save ""
daemonize no
"""


@dataclass(frozen=True, slots=True)
class Valkey:
    """Valkey with its data in one folder."""

    folder: Path
    port: int
    password: str
    account: Account | None = None
    name: str = "valkey"
    text: str = "Valkey 9"

    @property
    def url(self) -> str:
        return f"redis://:{self.password}@{LOOPBACK}:{self.port}/0"

    def prepare(self) -> Command:
        """Write the configuration (the password must not show in a process list); what starts the server."""
        make_private(self.folder, self.account)
        config = self.folder / "valkey.conf"
        config.touch(mode=0o600)
        config.write_text(CONFIG.format(host=LOOPBACK, port=self.port, password=self.password, folder=self.folder))
        if self.account is not None:
            self.account.takes(config)
        program = reachable(programs.valkey(), self.account) / "valkey-server"
        return Command(
            self.name,
            [str(program), str(config)],
            plain_environment(self.folder),
            account=self.account,
            folder=self.folder,
        )

    def is_ready(self) -> bool:
        """Whether it has loaded its data and answers."""
        try:
            with Redis.from_url(self.url, socket_timeout=1) as client:
                return bool(client.ping())
        except RedisError:
            return False

    def settle(self) -> None:
        """Nothing is left to do once it answers."""
