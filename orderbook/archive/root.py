"""The cold root: a folder or a prefix of an S3 bucket. A file appears in it whole or not at all."""

import os
import tempfile
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, suppress
from pathlib import Path
from typing import Any, Final

import pyarrow as pa
import pyarrow.fs as pafs

from orderbook.config import default_data_dir
from orderbook.errors import ConfigError, Unavailable
from orderbook.stored_sections import ArchiveSettings

CHUNK: Final = 8 * 2**20
S3_SCHEME: Final = "s3://"


class Missing(Unavailable):
    """The root is there, and the file is not."""


class Root:
    """Files under one root. Paths are relative to it, with forward slashes. Not fork-safe."""

    def __init__(self, settings: ArchiveSettings) -> None:
        self.text = settings.root or str(default_data_dir() / "cold")
        self.is_local = not self.text.startswith(S3_SCHEME)
        with _told(self.text):
            if self.is_local:
                if "://" in self.text:
                    raise ConfigError(
                        f"ORDERBOOK_ARCHIVE__ROOT: {self.text} is neither a folder nor s3://bucket/prefix"
                    )
                self._base = str(Path(self.text).absolute())
                self.filesystem: Any = pafs.LocalFileSystem()
            else:
                self._base = self.text.removeprefix(S3_SCHEME).strip("/")
                self.filesystem = _s3(settings)

    def full(self, path: str) -> str:
        """The path as the filesystem knows it."""
        return f"{self._base}/{path}"

    @contextmanager
    def spool(self) -> Iterator[Path]:
        """A local file to write to before it is published; gone afterwards, published or not."""
        folder = Path(self._base) / ".partial" if self.is_local else Path(tempfile.gettempdir())
        with _told(self.text):
            folder.mkdir(parents=True, exist_ok=True)
            handle, name = tempfile.mkstemp(prefix=f"orderbook-{os.getpid()}-", suffix=".parquet", dir=folder)
        os.close(handle)
        try:
            yield Path(name)
        finally:
            Path(name).unlink(missing_ok=True)

    def sweep(self) -> None:
        """Delete what killed writers left in a local root. Only who holds the archivers' lock may."""
        if self.is_local:
            for left in (Path(self._base) / ".partial").glob("orderbook-*.parquet"):
                left.unlink(missing_ok=True)

    def publish(self, spooled: Path, path: str) -> None:
        """Let a spooled file appear at ``path``; durable when this returns. Raises ``Unavailable``."""
        with _told(self.text):
            if self.is_local:
                _move(spooled, Path(self.full(path)))
                return
            with spooled.open("rb") as source, self.filesystem.open_output_stream(self.full(path)) as sink:
                while chunk := source.read(CHUNK):
                    sink.write(chunk)

    @contextmanager
    def opened(self, path: str) -> Iterator[Any]:
        """The file, to read at random. Raises ``Missing``, ``Unavailable``."""
        with _told(self.text), self.filesystem.open_input_file(self.full(path)) as source:
            yield source

    def told(self) -> AbstractContextManager[None]:
        """What goes wrong with files that others open raises ``Missing`` or ``Unavailable`` inside this."""
        return _told(self.text)

    def exists(self, path: str) -> bool:
        """Whether there is such a file."""
        with _told(self.text):
            return bool(self.filesystem.get_file_info(self.full(path)).type == pafs.FileType.File)

    def delete(self, path: str) -> None:
        """Delete a file, if it is there."""
        with _told(self.text), suppress(FileNotFoundError):
            if self.exists(path):
                self.filesystem.delete_file(self.full(path))

    def listed(self, folder: str) -> list[str]:
        """The paths of all files below a folder, in order."""
        selector = pafs.FileSelector(self.full(folder), recursive=True, allow_not_found=True)
        with _told(self.text):
            found = self.filesystem.get_file_info(selector)
        return sorted(info.path.removeprefix(f"{self._base}/") for info in found if info.is_file)


@contextmanager
def _told(root: str) -> Iterator[None]:
    try:
        yield
    except FileNotFoundError as error:
        raise Missing(f"{root}: {error}") from error
    except (OSError, pa.ArrowInvalid) as error:
        raise Unavailable(f"{root}: {error}") from error


def _move(spooled: Path, target: Path) -> None:
    with spooled.open("rb") as source:
        os.fsync(source.fileno())
    target.parent.mkdir(parents=True, exist_ok=True)
    spooled.chmod(0o644)  # a spool is its owner's alone; the data is everybody's who may enter the folder
    spooled.replace(target)
    for folder in (target.parent, target.parent.parent):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


def _s3(settings: ArchiveSettings) -> Any:
    # Amazon's library has no other way to be told; what is in the environment already was somebody's choice
    os.environ.setdefault("AWS_REQUEST_CHECKSUM_CALCULATION", settings.checksums)
    os.environ.setdefault("AWS_RESPONSE_CHECKSUM_VALIDATION", settings.checksums)
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true" if settings.endpoint_url else "false")
    options: dict[str, Any] = {
        "request_timeout": settings.request_timeout_seconds,
        "connect_timeout": min(5.0, settings.request_timeout_seconds),
        "retry_strategy": pafs.AwsStandardS3RetryStrategy(max_attempts=settings.attempts),
    }
    if settings.endpoint_url is not None:
        scheme, separator, host = settings.endpoint_url.partition("://")
        if not separator or scheme not in {"http", "https"}:
            raise ConfigError("ORDERBOOK_ARCHIVE__ENDPOINT_URL: expected http://host:port or https://host")
        options |= {"endpoint_override": host.rstrip("/"), "scheme": scheme}
    if settings.region is not None or settings.endpoint_url is not None:
        options["region"] = settings.region or os.environ.get("AWS_REGION") or "us-east-1"
    return pafs.S3FileSystem(**options)
