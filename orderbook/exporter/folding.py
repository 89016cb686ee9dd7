"""Counter files of processes that are gone, folded into one: a pool that recycles its children leaves hundreds.

A fold survives our own end at any point: ``X.merged`` beside ``folded.new`` means that the sum is complete.
"""

import os
from pathlib import Path

from prometheus_client.mmap_dict import MmapedDict

KINDS = ("counter", "histogram")


def fold_dead(folder: Path) -> int:
    """Fold the files whose process is gone; returns how many. One process at a time may call it for a folder."""
    folded = 0
    for kind in KINDS:
        recover(folder, kind)
        for path in sorted(folder.glob(f"{kind}_*.db")):
            pid = path.stem.removeprefix(f"{kind}_")
            if pid.isdecimal() and not _lives(int(pid)):
                _fold(folder, kind, path)
                folded += 1
    return folded


def recover(folder: Path, kind: str) -> None:
    """End a fold that was cut off."""
    new, merged = folder / f"{kind}_folded.new", sorted(folder.glob(f"{kind}_*.merged"))
    if merged and new.exists():
        new.replace(folder / f"{kind}_folded.db")
    new.unlink(missing_ok=True)
    for path in merged:
        path.unlink()


def _fold(folder: Path, kind: str, path: Path) -> None:
    sums: dict[str, float] = {}
    whole, new = folder / f"{kind}_folded.db", folder / f"{kind}_folded.new"
    for source in (whole, path):
        if source.exists() and source.stat().st_size:
            for key, value, _, _ in MmapedDict.read_all_values_from_file(str(source)):
                sums[key] = sums.get(key, 0.0) + value
    written = MmapedDict(str(new))
    for key, value in sums.items():
        written.write_value(key, value, 0.0)
    written.close()
    merged = path.with_suffix(".merged")
    path.rename(merged)
    new.replace(whole)
    merged.unlink()


def _lives(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True
