"""What the command line says; where it is silent, the settings."""

import argparse
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

from pydantic import ValidationError

from orderbook.clock import utc_now
from orderbook.contracts import Area, open_contracts, parse_areas
from orderbook.errors import ConfigError
from orderbook.sections import SimulatorSettings
from orderbook.simulator.faults import FaultShares, parse_shares
from orderbook.tick import is_symbol

EXAMPLES = """\
examples:
  python -m orderbook.simulator
  python -m orderbook.simulator --symbols TTF-GAS,NBP-GAS --interval 0.5 --duration 60
  python -m orderbook.simulator --count 300000 --interval 0.0001 --seed 7 --ledger sent.ndjson
  python -m orderbook.simulator --market calibrated --symbols TTF-GAS,NBP-GAS,PEG-GAS --interval 0.0006
  python -m orderbook.simulator --market power --symbols DE,NL --interval 2
  python -m orderbook.simulator --fault malformed:1%,crossed:0.5%,late
  python -m orderbook.simulator --fault gap:0.1%,repeat:0.1%,reorder:0.1%,reset:0.01%,stall:0.01%

Every default can be set in the environment, as ORDERBOOK_SIMULATOR__INTERVAL=0.5.
Exit codes: 0 done or stopped, 1 refused or failed, 2 a wrong value."""


@dataclass(frozen=True, slots=True)
class Options:
    """One run of the simulator."""

    symbols: tuple[str, ...]
    market: str
    interval: float
    seed: int | None
    count: int | None
    duration: float | None
    shares: FaultShares
    stall_seconds: float
    ledger: Path | None
    force: bool
    areas: tuple[Area, ...] = ()

    @property
    def period(self) -> float:
        """Seconds between two ticks of any symbol: they take turns."""
        return self.interval / len(self.symbols)


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: {message}\n")


def parse(arguments: list[str] | None, defaults: SimulatorSettings) -> Options:
    """The options of this run. Leaves with code 2 and one line where a value is wrong."""
    parser = _parser(defaults)
    given = vars(parser.parse_args(arguments))
    force = given.pop("force")
    try:
        chosen = SimulatorSettings.model_validate(defaults.model_dump() | given)
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        message = problem["msg"].removeprefix("Value error, ")
        parser.error(f"--{str(problem['loc'][0]).replace('_', '-')} {problem['input']!r}: {message}")
    try:
        return _options(chosen, force=force)
    except ConfigError as error:
        parser.error(str(error))


def _parser(defaults: SimulatorSettings) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="python -m orderbook.simulator",
        description="Write order-book ticks of a simulated market to Kafka.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        argument_default=argparse.SUPPRESS,
        allow_abbrev=False,
    )
    for name, metavar in (
        ("symbols", "A,B"),
        ("market", "NAME"),
        ("interval", "SECONDS"),
        ("count", "TICKS"),
        ("duration", "SECONDS"),
        ("seed", "NUMBER"),
        ("fault", "KIND:SHARE,…"),
        ("stall_seconds", "SECONDS"),
        ("ledger", "PATH"),
    ):
        default = getattr(defaults, name)
        told = f" (default: {default})" if default not in {None, ""} else ""
        description = SimulatorSettings.model_fields[name].description or ""
        parser.add_argument(
            f"--{name.replace('_', '-')}", metavar=metavar, help=f"{description}{told}".replace("%", "%%")
        )
    parser.add_argument(
        "--force", action="store_true", default=False, help="start although a simulator of these symbols seems to run"
    )
    return parser


def _options(chosen: SimulatorSettings, *, force: bool) -> Options:
    try:
        shares = parse_shares(chosen.fault)
    except ConfigError as error:
        raise ConfigError(f"--fault: {error}") from None
    areas = parse_areas(chosen.symbols) if chosen.market == "power" else ()
    return Options(
        symbols=tuple(c.symbol for c in open_contracts(areas, utc_now())) if areas else _symbols(chosen.symbols),
        market=chosen.market,
        interval=chosen.interval,
        seed=chosen.seed,
        count=chosen.count,
        duration=chosen.duration,
        shares=shares,
        stall_seconds=chosen.stall_seconds,
        ledger=chosen.ledger,
        force=force,
        areas=areas,
    )


def _symbols(text: str) -> tuple[str, ...]:
    symbols = tuple(part.strip() for part in text.split(","))
    for symbol in symbols:
        if not is_symbol(symbol):
            raise ConfigError(f"--symbols: {symbol!r} is not 1 to 64 printable ASCII characters")
    if len(set(symbols)) < len(symbols):
        raise ConfigError(f"--symbols: {text!r} names one twice")
    return symbols
