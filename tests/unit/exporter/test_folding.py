"""Counter files of dead processes, folded: the sums stay, whatever cuts a fold off."""

import subprocess
from pathlib import Path

import pytest
from prometheus_client.mmap_dict import MmapedDict

from orderbook.exporter.folding import fold_dead

KEY = '["a", "a_total", {}, "help"]'


@pytest.fixture
def dead_pids() -> list[int]:
    """Of processes that have ended and were waited for."""
    ended = [subprocess.Popen(["true"]) for _ in range(3)]
    for process in ended:
        process.wait()
    return [process.pid for process in ended]


def write(path: Path, value: float) -> None:
    file = MmapedDict(str(path))
    file.write_value(KEY, value, 0.0)
    file.close()


def total(folder: Path) -> float:
    files = folder.glob("*.db")
    return sum(value for file in files for _, value, _, _ in MmapedDict.read_all_values_from_file(str(file)))


def test_files_of_dead_processes_become_one_with_the_same_sum(tmp_path: Path, dead_pids: list[int]) -> None:
    for number, pid in enumerate(dead_pids):
        write(tmp_path / f"counter_{pid}.db", 10.0**number)
    assert fold_dead(tmp_path) == 3
    assert [path.name for path in tmp_path.iterdir()] == ["counter_folded.db"]
    assert total(tmp_path) == 111


def test_a_living_process_keeps_its_file(tmp_path: Path) -> None:
    write(tmp_path / "counter_1.db", 5)
    assert fold_dead(tmp_path) == 0
    assert total(tmp_path) == 5


@pytest.mark.parametrize("cut_off_before", ["the rename of the source", "the rename of the sum", "the removal"])
def test_a_fold_that_was_cut_off_counts_nothing_twice(
    tmp_path: Path, dead_pids: list[int], cut_off_before: str
) -> None:
    source, sum_of_both = tmp_path / f"counter_{dead_pids[0]}.db", tmp_path / "counter_folded.new"
    write(source, 3)
    write(tmp_path / "counter_folded.db", 4)
    write(sum_of_both, 7)
    if cut_off_before != "the rename of the source":
        source.rename(source.with_suffix(".merged"))
    if cut_off_before == "the removal":
        sum_of_both.replace(tmp_path / "counter_folded.db")
    fold_dead(tmp_path)
    assert total(tmp_path) == 7
    assert [path.name for path in tmp_path.iterdir()] == ["counter_folded.db"]
