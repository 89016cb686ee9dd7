"""Options that several commands take."""

from typing import Annotated

import typer

from orderbook.cli.output import Output

OutputOption = Annotated[Output, typer.Option("--output", "-o", help="The form of the result.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Short for --output json.")]
PartitionOption = Annotated[int | None, typer.Option("--partition", min=0, max=2**31 - 1, help="Only this one.")]
WhyOption = Annotated[str, typer.Option("--why", help="The reason, for the record of who did what.")]
LimitOption = Annotated[int, typer.Option("--limit", min=1, max=2**31 - 1, help="At most this many, the newest.")]
SymbolsOption = Annotated[str | None, typer.Option("--symbols", "--symbol", help="Only these, comma-separated.")]
StartOption = Annotated[
    str | None, typer.Option("--from", help="Not before: a time, a date (UTC), or how long ago, such as 2h.")
]
EndOption = Annotated[str | None, typer.Option("--to", help="Before this, written the same way.")]
