"""``orderbook up``: everything on this machine, step by step, then kept running until somebody stops it."""

import logging
import os
import shutil
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext, suppress
from dataclasses import dataclass, field

from rich.console import Console

from orderbook.config import settings
from orderbook.embedded import pipeline
from orderbook.embedded.board import Board
from orderbook.embedded.claim import claimed, stop_orphans
from orderbook.embedded.figures import FigureReader, ServerFigures
from orderbook.embedded.folder import DataFolder
from orderbook.embedded.interrupts import Interrupts, Stopping
from orderbook.embedded.pipeline import Typed
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.embedded.process import Command, Process, wait_until
from orderbook.embedded.servers import START_SECONDS, Server, Servers, servers_in
from orderbook.embedded.services import announced, write_targets
from orderbook.embedded.supervisor import Supervised, Supervisor

STEP_SECONDS = 600.0  # a migration of a large table takes its time
TEND_SECONDS = 0.25
FLOWER_PORT = 5555
RESETTABLE = ("kafka", "valkey", "postgres", "logs", "passwords.json")

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the command line asked for. ``areas``: those whose power contracts are listed."""

    folder: DataFolder
    reset: bool = False
    servers_only: bool = False
    over_own_servers: bool = False  # start none
    simulator: bool = True
    simulator_flags: tuple[str, ...] = ()
    areas: str = ""


def run(wishes: Wishes) -> None:
    """Start everything, look after it, stop it. Returns after a clean stop.

    Raises ``AlreadyRunning`` where the folder is in use, and what kept a step from succeeding; nothing runs on then.
    """
    console, folder = Console(stderr=True, highlight=False), wishes.folder
    folder.make()
    with claimed(folder), Interrupts() as interrupts:
        _log_to(folder)
        up = Up(wishes, console, interrupts, Supervisor(folder))
        up.say(f"orderbook up in {folder.path} (pid {os.getpid()}); logs in {folder.log('*')}")
        for name in stop_orphans(folder):
            up.say(f"stopped {name}, which a killed `orderbook up` had left running")
        if wishes.reset:
            up.say("starting from nothing: the data of before is deleted")
            reset(folder)
        servers = None if wishes.over_own_servers else servers_in(folder)
        up.metrics_port = choose_port(settings().metrics.port)
        up.api_port = choose_port(settings().api.port)
        lent = {"ORDERBOOK_METRICS__PORT": str(up.metrics_port), "ORDERBOOK_API__PORT": str(up.api_port)}
        if servers is not None:
            lent[pipeline.ROOT] = pipeline.cold_root(os.environ, folder)
        with announced(folder, servers.addresses if servers else None, **lent):
            up.run(servers)


def reset(folder: DataFolder) -> None:
    """Delete what ``up`` keeps in the folder, and nothing else that may lie there."""
    for name in RESETTABLE:
        path = folder.path / name
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    folder.make()


@dataclass
class Up:
    """One run, in a folder that is ours."""

    wishes: Wishes
    console: Console
    interrupts: Interrupts
    supervisor: Supervisor
    began: float = field(default_factory=time.monotonic)
    reader: FigureReader | None = None
    links: str = ""
    metrics_port: int = 0
    api_port: int = 0

    def run(self, servers: Servers | None) -> None:
        """Start, look after, stop: returns, or raises, when nothing runs any more. None: over servers of one's own."""
        try:
            if servers is None:
                environment, source = self._over_own()
            else:
                environment, source = self._start_servers(servers)
            self._start_all_else(environment, source)
            self._look_after()
        except Stopping:
            pass
        finally:
            self._stop()

    def say(self, text: str) -> None:
        """A line of progress, on the terminal and in the log."""
        log.info(text)
        with suppress(OSError):  # the terminal may be gone; the log has it
            self.console.print(text, markup=False, soft_wrap=True)

    def _over_own(self) -> tuple[dict[str, str], ServerFigures]:
        self.say("Kafka, Redis and Postgres are your own; none is started here")
        environment = pipeline.own_environment(os.environ, self.wishes.folder)
        for typed in pipeline.steps(environment):
            with self._step(typed):
                pass
        return environment, ServerFigures(settings().database, settings().kafka)

    def _start_servers(self, servers: Servers) -> tuple[dict[str, str], ServerFigures]:
        environment = pipeline.child_environment(os.environ, self.wishes.folder, servers.addresses)
        migrations, topic = pipeline.steps(environment)
        with ThreadPoolExecutor(1) as aside:
            kafka_command = aside.submit(servers.kafka.prepare)  # formatting takes a second: beside the rest
            self._await(servers.valkey, self._launch(servers.valkey), servers.valkey.port)
            self._await(servers.postgres, self._launch(servers.postgres), servers.postgres.port)
            with self._step(migrations):
                kafka = self._launch(servers.kafka, kafka_command.result())
        self._await(servers.kafka, kafka, servers.kafka.port)
        with self._step(topic):
            pass
        return environment, ServerFigures.of_embedded(servers.addresses, settings().kafka.topic)

    def _start_all_else(self, environment: Mapping[str, str], source: ServerFigures) -> None:
        self.reader = FigureReader(source)
        self.reader.start()
        if not self.wishes.servers_only:
            self._start_pipeline(environment)
        self.say(f"up after {self._age():.1f} s; Ctrl-C stops it")

    def _start_pipeline(self, environment: Mapping[str, str]) -> None:
        address, port = settings().flower_address, choose_port(FLOWER_PORT)
        environment, places = self._places(environment)
        places["flower"] = f"{address}:{port}"
        commands = [
            pipeline.api(environment, self.api_port, f"http://{places['flower']}"),
            *pipeline.celery(environment, address, port),
            pipeline.exporter(environment, self.metrics_port),
        ]
        if self.wishes.simulator:
            environment[pipeline.AREAS] = self.wishes.areas
            commands.insert(0, pipeline.simulator(environment, self.wishes.simulator_flags))
        for typed in commands:
            self.supervisor.start(typed.command, typed.text)
            self._say_step(typed.command.name, typed.text)
        write_targets(places)
        page = f"live page http://{LOOPBACK}:{self.api_port}"
        self.links = f"{page} · Flower http://{address}:{port} · metrics http://{places['orderbook']}/metrics"

    def _places(self, environment: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """The environment with free ports for metrics, and what is to be scraped, by job."""
        options = settings().metrics
        places = {"orderbook": f"{options.address}:{self.metrics_port}"}
        if not settings().api.keys.get_secret_value():  # of a key it knows the hash alone
            places["api"] = f"{LOOPBACK}:{self.api_port}"
        changed = dict(environment)
        for job, wished in (("worker", options.worker_port), ("simulator", options.simulator_port)):
            if options.enabled and (job != "simulator" or self.wishes.simulator):
                port = choose_port(wished)
                changed[f"ORDERBOOK_METRICS__{job.upper()}_PORT"] = str(port)
                places[job] = f"{options.address}:{port}"
        return changed, places

    def _launch(self, server: Server, command: Command | None = None) -> Supervised:
        return self.supervisor.start(command or server.prepare(), server.text, server.prepare)

    def _await(self, server: Server, child: Supervised, port: int) -> None:
        wait_until(server.is_ready, child.process, START_SECONDS, self.interrupts.pause)
        server.settle()
        self._say_step(server.name, f"{server.text} on port {port}")

    @contextmanager
    def _step(self, typed: Typed) -> Iterator[None]:
        """Run a command beside the block; leave when it has succeeded."""
        process = Process(typed.command, self.wishes.folder.log(typed.command.name))
        try:
            process.start()
            yield
            wait_until(lambda: process.exit_code == 0, process, STEP_SECONDS, self.interrupts.pause)
        finally:
            process.stop()
        self._say_step(typed.command.name, typed.text)

    def _look_after(self) -> None:
        footer = f"{self.links} · Ctrl-C stops" if self.links else "Ctrl-C stops"
        board = Board(self.console, self.supervisor, self.reader, footer) if self.console.is_terminal else None
        with board or nullcontext():
            is_first_row_told = self.wishes.servers_only
            while True:
                for child in self.supervisor.tend():
                    self.say(
                        f"{child.name} ended with {child.last_exit}; it is started again (see {child.process.log})"
                    )
                if not is_first_row_told and self.reader is not None and self.reader.has_new_rows:
                    self.say(f"first row in ticks after {self._age():.1f} s")
                    is_first_row_told = True
                if board is not None:
                    board.draw()
                self.interrupts.pause(TEND_SECONDS)

    def _stop(self) -> None:
        if self.reader is not None:
            self.reader.end()
        self.supervisor.stop(lambda: self.interrupts.is_urgent, lambda name: self.say(f"stopping {name}"))
        self.say("stopped")

    def _say_step(self, name: str, text: str) -> None:
        self.say(f"{self._age():5.1f} s  {name:<10} {text}")

    def _age(self) -> float:
        return time.monotonic() - self.began


def _log_to(folder: DataFolder) -> None:
    handler = logging.FileHandler(folder.log("up"))
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    root = logging.getLogger()
    root.handlers[:] = [handler]  # nothing but the board and our own lines on the terminal
    root.setLevel(logging.INFO)
    logging.getLogger("kafka").setLevel(logging.CRITICAL)  # in an outage it writes many lines a second
