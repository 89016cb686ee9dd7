"""Who the servers run as: ourselves, or, since Postgres refuses root, an unprivileged user where we are root."""

import os
import pwd
import shutil
import subprocess
import tempfile
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from orderbook.embedded.programs import Program
from orderbook.errors import ConfigError

DEDICATED = "orderbook"
PROGRAMS = Path("/var/lib/orderbook/programs")


@dataclass(frozen=True, slots=True)
class Account:
    """A user that we, being root, run servers as."""

    name: str
    uid: int
    gid: int

    def can_read(self, folder: Path) -> bool:
        """Whether this user can enter and list the folder."""
        return self._test("-r", str(folder), "-a", "-x", str(folder))

    def can_write(self, folder: Path) -> bool:
        """Whether this user can make files there."""
        return self._test("-w", str(folder))

    def takes(self, path: Path) -> None:
        """Hand a file over to this user."""
        os.chown(path, self.uid, self.gid)

    def owns(self, folder: Path) -> None:
        """Make the folder where it lacks, this user's alone. Raises ``ConfigError`` where it cannot be reached."""
        folder.mkdir(parents=True, exist_ok=True)
        folder.chmod(0o700)
        os.chown(folder, self.uid, self.gid)
        if not self.can_write(folder):
            raise ConfigError(
                f"{folder} cannot be reached by the user {self.name}, as whom the servers run: "
                "choose a --data-dir whose parents everybody may enter (0755), or do not run as root"
            )

    def _test(self, *condition: str) -> bool:
        try:
            done = subprocess.run(
                ["test", *condition],  # noqa: S607 -- it is where the system has it
                user=self.uid,
                group=self.gid,
                extra_groups=[],
                check=False,
                cwd="/",
            )
        except (OSError, ValueError):
            return False  # a container may map no such uid
        return done.returncode == 0


def server_account() -> Account | None:
    """The user to run servers as; None means ourselves.

    As root: the dedicated user, made if need be, else ``nobody``. Raises ``ConfigError`` where none can be used.
    """
    if os.geteuid() != 0:
        return None
    _make_dedicated()
    for name in (DEDICATED, "nobody"):
        account = _account(name)
        if account is not None and account.uid != 0 and account.can_read(Path("/")):
            return account
    raise ConfigError(
        "running as root, and no unprivileged user can be used for the servers: "
        f"make one (useradd --system {DEDICATED}), or run as a plain user"
    )


def reachable(program: Program, account: Account | None) -> Path:
    """The program's folder, or a copy of it that the account can read, made once for all data folders."""
    if account is None or account.can_read(program.home):
        return program.home
    copy = PROGRAMS / program.name
    if not copy.exists():
        PROGRAMS.mkdir(parents=True, exist_ok=True)
        for parent in (PROGRAMS, PROGRAMS.parent):
            parent.chmod(0o755)  # whatever the umask
        with tempfile.TemporaryDirectory(dir=PROGRAMS) as folder:
            fresh = Path(folder) / program.name
            for part in (program.folder, *program.libraries):
                shutil.copytree(program.root / part, fresh / part, symlinks=True)
            _open_to_all(fresh)
            with suppress(OSError):  # another `up` was first
                fresh.rename(copy)  # whole or not at all
    home = copy / program.folder
    if not account.can_read(home):
        raise ConfigError(f"{copy} cannot be read by the user {account.name}: its parents must let everybody enter")
    return home


def _open_to_all(folder: Path) -> None:
    for path in [folder, *folder.rglob("*")]:
        if not path.is_symlink():
            path.chmod(0o755 if path.is_dir() or path.stat().st_mode & 0o100 else 0o644)


def _make_dedicated() -> None:
    program = shutil.which("useradd", path="/usr/sbin:/sbin:/usr/bin:/bin")
    if _account(DEDICATED) is None and program is not None:
        command = [program, "--system", "--no-create-home", "--home-dir", "/nonexistent"]
        subprocess.run([*command, "--shell", "/usr/sbin/nologin", DEDICATED], capture_output=True, check=False)


def _account(name: str) -> Account | None:
    try:
        entry = pwd.getpwnam(name)
    except KeyError:
        return None
    return Account(entry.pw_name, entry.pw_uid, entry.pw_gid)
