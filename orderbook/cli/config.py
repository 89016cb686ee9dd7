"""``orderbook config``: the settings of this shell."""

import os
import sys

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, OutputOption
from orderbook.cli.output import Output, write_records, write_rows
from orderbook.errors import ConfigError

app = typer.Typer(help="The settings of this shell.", epilog="Example: orderbook config show", no_args_is_help=True)


@app.command(epilog="Example: orderbook config show --json")
def show(output: OutputOption = Output.TABLE, as_json: JsonOption = False) -> None:
    """Show every setting: its value with secrets masked, and where it comes from."""
    from orderbook.cli.setting_sources import Setting, setting_list
    from orderbook.config import running_servers, settings

    found = setting_list(settings(), os.environ, running_servers())
    if as_json or output is not Output.TABLE:
        write_records(Setting, found, output, as_json=as_json)
        return
    rows = [[setting.name, "-" if setting.value is None else setting.value, setting.source] for setting in found]
    write_rows(["name", "value", "source"], rows, output)


@app.command(epilog="Example: orderbook config check && orderbook up")
def check() -> None:
    """Find wrong values, misspelt variables, and variables of other programs that win over ours. Exit code 1 if any."""
    from orderbook.cli.setting_sources import problems
    from orderbook.config import settings

    found = problems(os.environ)
    try:
        settings()
    except ConfigError as error:
        told = {line.split(" ", 1)[0] for line in found}
        found += [line for line in str(error).splitlines() if line.split(":", 1)[0] not in told]
    sys.stdout.writelines(f"{line}\n" for line in found)
    if found:
        raise typer.Exit(CHECK_FAILED)
    sys.stderr.write("The settings are fine.\n")
