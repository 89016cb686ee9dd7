"""How far an import came: one small file for each imported file and topic, replaced as a whole."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path


@dataclass(slots=True)
class Progress:
    """The first ``rows`` rows of the file are in the log. ``ends``: where its partitions ended then."""

    file: str
    topic_id: str
    rows: int = 0
    complete: bool = False
    ends: dict[int, int] = field(default_factory=dict)


class Journal:
    """The progress of one import, in ``folder``; safe to delete once the import is complete."""

    def __init__(self, folder: Path, fingerprint: str, topic_id: str, reading: str) -> None:
        self._path = folder / f"{fingerprint[:16]}-{topic_id}-{reading}.json"
        self._file = fingerprint
        self._topic_id = topic_id

    def read(self) -> Progress | None:
        """What an earlier import of the same file, read in the same way, came to; None: there was none."""
        try:
            found = json.loads(self._path.read_text())
        except (FileNotFoundError, ValueError):
            return None
        ends = {int(number): end for number, end in found.pop("ends").items()}
        progress = Progress(**found, ends=ends)
        return progress if progress.file == self._file else None

    def begin(self, ends: dict[int, int]) -> Progress:
        """A new import."""
        progress = Progress(self._file, self._topic_id, ends=ends)
        self.write(progress)
        return progress

    def write(self, progress: Progress) -> None:
        """Keep it. Durable when this returns."""
        self._path.parent.mkdir(parents=True, exist_ok=True)
        beside = self._path.with_suffix(f".{os.getpid()}")
        with beside.open("w") as file:
            json.dump(asdict(progress), file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._path)
