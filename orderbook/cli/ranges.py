"""``orderbook ranges``: the ledger."""

import sys
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated

import typer

from orderbook.cli.failures import CHECK_FAILED
from orderbook.cli.options import JsonOption, LimitOption, OutputOption, PartitionOption, WhyOption
from orderbook.cli.output import Output, write_fields, write_json, write_records
from orderbook.errors import Refused

if TYPE_CHECKING:
    from orderbook.store.ledger.operator import Held

app = typer.Typer(
    help="The ledger: which offsets are planned, done or lost.",
    epilog="Example: orderbook ranges ls --state planned",
    no_args_is_help=True,
)


RangeId = Annotated[int, typer.Argument(metavar="ID", min=1, max=2**63 - 1, help="The first column of `ranges ls`.")]


class State(StrEnum):
    """Of a range."""

    PLANNED = "planned"
    DONE = "done"
    LOST = "lost"


@app.command("ls", epilog="Example: orderbook ranges ls --state lost --json")
def list_them(
    state: Annotated[State | None, typer.Option(help="Only these.")] = None,
    partition: PartitionOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    as_json: JsonOption = False,
) -> None:
    """List ranges, newest first. `range` is topic/partition/first-last, both offsets included."""
    from orderbook.store.reader import Reader
    from orderbook.store.readers.ledger import RangeRow, list_ranges

    with Reader() as reader, reader.snapshot() as connection:
        found = list_ranges(connection, state=state.value if state else None, partition=partition, limit=limit)
    write_records(RangeRow, found, output, as_json=as_json)


@app.command(epilog="Example: orderbook ranges show 1207")
def show(
    range_id: RangeId,
    as_json: JsonOption = False,
) -> None:
    """Show all that the ledger knows of one range, and what its holder does now."""
    from orderbook.store.reader import Reader
    from orderbook.store.readers.ledger import show_range

    with Reader() as reader, reader.snapshot() as connection:
        found = show_range(connection, range_id)
    if found is None:
        raise Refused(f"there is no range {range_id} (finished neighbours are merged after a while)")
    if as_json:
        write_json(found)
    else:
        write_fields(found)


@app.command(epilog="Example: orderbook ranges resume 3")
def resume(
    partitions: Annotated[list[int] | None, typer.Argument(metavar="[PARTITION]...", min=0, help="Which.")] = None,
    all_of_them: Annotated[bool, typer.Option("--all", help="All that are halted.")] = False,
    new_generation: Annotated[
        bool,
        typer.Option("--new-generation", help="Adopt the topic that Kafka has now; what is open in the old is lost."),
    ] = False,
    accept: Annotated[
        bool, typer.Option("--accept", help="Take what is planned into quarantine, however much is rejected.")
    ] = False,
    why: WhyOption = "",
) -> None:
    """Let halted partitions go on, once their cause is mended. Their alarms are acknowledged.

    A re-created topic is another log under the same name, so it takes --new-generation, which adopts all of its
    partitions from where they begin now. What was open in the old one becomes `lost` with an alarm, except for what a
    worker still holds: then the exit code is 1, and running the command again finishes it.
    """
    if [bool(partitions), all_of_them, new_generation].count(True) != 1 and not (all_of_them and new_generation):
        raise typer.BadParameter("name partitions, or --all, or --new-generation (which means all)")
    if new_generation and accept:
        raise typer.BadParameter("--accept is for a log that goes on, --new-generation for one that was replaced")
    if new_generation:
        _adopt(why)
    else:
        _resume(partitions, accept=accept, why=why)


@app.command(epilog="Example: orderbook ranges retry 1207")
def retry(range_id: RangeId, why: WhyOption = "") -> None:
    """Make an open range due at once, its failed attempts forgotten."""
    from orderbook.cli.services import operator
    from orderbook.config import settings
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.store.ledger.range_verbs import retry as make_due

    with operator_engine(settings().database) as engine:
        make_due(engine, range_id, operator(why))
    sys.stdout.write(f"range {range_id} is due now\n")


@app.command(epilog='Example: orderbook ranges confirm 1207 --why "retention was too short, see the incident"')
def confirm(range_id: RangeId, why: WhyOption = "") -> None:
    """Note that you know of a lost range: its alarm ends. The range stays lost, and stays in the ledger."""
    from orderbook.cli.services import operator
    from orderbook.config import settings
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.store.ledger.range_verbs import confirm_lost

    with operator_engine(settings().database) as engine:
        ended = confirm_lost(engine, range_id, operator(why))
    sys.stdout.write(f"range {range_id} is confirmed as lost ({ended} alarms ended)\n")


def _resume(partitions: list[int] | None, *, accept: bool, why: str) -> None:
    from orderbook.cli.services import operator
    from orderbook.config import settings
    from orderbook.store.ledger.operator import operator_engine
    from orderbook.store.ledger.operator import resume as let_go_on

    with operator_engine(settings().database) as engine:
        _tell(let_go_on(engine, partitions or None, operator(why), accept=accept))


def _adopt(why: str) -> None:
    from orderbook.cli.services import operator, topic_client
    from orderbook.config import settings
    from orderbook.store.ledger.operator import adopt, give_up_older, operator_engine

    with topic_client() as topic:
        bounds = topic.bounds(topic.identity().partitions)
        identity = topic.identity()  # asked last: it vouches for the bounds
    with operator_engine(settings().database) as engine:
        halted = adopt(
            engine,
            cluster_id=identity.cluster_id,
            topic=settings().kafka.topic,
            topic_id=identity.topic_id,
            origins={number: at.start for number, at in bounds.items()},
            by=operator(why),
        )
        held = give_up_older(engine)
    _tell(halted)
    sys.stderr.write(f"The ledger reads topic id {identity.topic_id}.\n")
    if held:
        _tell_held(held)
        raise typer.Exit(CHECK_FAILED)


def _tell(halted: dict[int, str]) -> None:
    if not halted:
        sys.stderr.write("No partition was halted.\n")
    for partition, reason in halted.items():
        sys.stdout.write(f"partition {partition} goes on (was halted: {reason})\n")


def _tell_held(held: "list[Held]") -> None:
    for found in held:
        until = f"until {found.until:%H:%M:%S} UTC at the latest" if found.until else "by a landing that is being ended"
        sys.stderr.write(
            f"generation {found.generation}, partition {found.partition}: {found.ranges} ranges of the old topic are "
            f"held {until}\n"
        )
    sys.stderr.write("Run the same command again to give them up.\n")
