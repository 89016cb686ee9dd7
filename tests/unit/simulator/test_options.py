"""The command line: flags over settings, and one line for what is wrong."""

from pathlib import Path

import pytest

from orderbook.sections import SimulatorSettings
from orderbook.simulator.faults import parse_shares
from orderbook.simulator.options import Options, parse


def test_without_flags_the_settings_rule() -> None:
    settings = SimulatorSettings(symbols="A, B", interval=0.5, seed=3, fault="late", ledger=Path("sent"))
    assert parse([], settings) == Options(
        symbols=("A", "B"), market="uniform", interval=0.5, seed=3, count=None, duration=None,
        shares=parse_shares("late"), stall_seconds=45, ledger=Path("sent"), force=False,
    )  # fmt: skip


def test_flags_win() -> None:
    flags = "--symbols X --market calibrated --interval 0.001 --count 9 --duration 2.5 --seed 0 --fault crossed:2%"
    options = parse([*flags.split(), "--ledger", "l", "--force"], SimulatorSettings(symbols="A", seed=3))
    assert options == Options(
        ("X",), "calibrated", 0.001, 0, 9, 2.5, parse_shares("crossed:2%"), 45, Path("l"), force=True
    )


def test_symbols_share_the_interval() -> None:
    assert parse(["--symbols", "A,B,C,D"], SimulatorSettings(interval=1)).period == 0.25


@pytest.mark.parametrize(
    ("flags", "complaint"),
    [
        ("--market real", "--market 'real': Input should be 'uniform', 'calibrated' or 'power'"),
        ("--interval 0", "--interval '0': Input should be greater than or equal to 0.000001"),
        ("--interval nan", "--interval 'nan': Input should be a finite number"),
        ("--interval soon", "--interval 'soon': Input should be a valid number"),
        ("--count 1.5", "--count '1.5': Input should be a valid integer"),
        ("--duration -1", "--duration '-1': Input should be greater than 0"),
        ("--symbols A,,B", "--symbols: '' is not 1 to 64 printable ASCII characters"),
        ("--symbols A,Ä", "--symbols: 'Ä' is not"),
        ("--symbols A,A", "--symbols: 'A,A' names one twice"),
        ("--fault rain", "--fault: 'rain' is no fault"),
        ("--forces", "unrecognized arguments: --forces"),
    ],
)
def test_a_wrong_value_is_one_line_and_exit_code_2(
    flags: str, complaint: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(flags.split(), SimulatorSettings())
    assert ended.value.code == 2
    said = capsys.readouterr().err
    assert complaint in said
    assert said.count("\n") == 1


def test_help_shows_every_flag_its_default_and_examples(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        parse(["--help"], SimulatorSettings())
    assert ended.value.code == 0
    said = capsys.readouterr().out
    for word in ("--symbols", "(default: TTF-GAS)", "(default: 0.05)", "malformed:1%", "--ledger", "examples:"):
        assert word in said
