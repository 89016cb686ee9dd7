"""What a failure becomes on the terminal: one line on standard error and an exit code, never a traceback.

Exit codes: 0 fine, 1 a check failed, 2 usage, 3 a service is unreachable.
"""

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from orderbook.errors import BadQuery, ConfigError, OrderbookError, Unavailable

CHECK_FAILED = 1
USAGE = 2
UNREACHABLE = 3


class Commands(TyperGroup):
    """The root of all commands: turns every ``OrderbookError`` into a line and an exit code."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except OrderbookError as error:
            sys.stderr.write(f"orderbook: {one_line(error)}\n")
            raise typer.Exit(exit_code(error)) from None


def exit_code(error: OrderbookError) -> int:
    """What a shell is told."""
    if isinstance(error, Unavailable):
        return UNREACHABLE
    return USAGE if isinstance(error, ConfigError | BadQuery) else CHECK_FAILED


def one_line(error: OrderbookError) -> str:
    """The error's text without line breaks; wrong settings keep a line each, since each names a variable."""
    if isinstance(error, ConfigError):
        return str(error)
    return " ".join(str(error).split())
