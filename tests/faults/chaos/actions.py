"""What can be done to a pipeline. Each action wounds, says so, and plans its own end."""

import random
import signal
import time
from collections.abc import Callable
from contextlib import suppress

import psutil
import psycopg2
from kafka import KafkaAdminClient
from kafka.errors import KafkaError
from redis.exceptions import RedisError

from tests.faults.chaos.crew import BEATS, SIMULATORS, WORKERS
from tests.faults.chaos.play import LOOK_SECONDS, Play
from tests.faults.chaos.stage import SERVERS
from tests.faults.proxy import Toxic

STOP_SECONDS = 26.0  # longer than a lease, and than the landing's
SEARCH_SECONDS = 40.0
SETTLED_SECONDS = 4.0  # by then the other worker's range has passed, with what the narrow link still held of it
NARROW = {"kafka": 3e4, "postgres": 5e3}  # bytes a second: a range takes seconds to be read, or to be copied
MOST_PARTITIONS = 10
HELD = """SELECT r.id, r.holder_start FROM offset_range r
    JOIN pg_stat_activity a ON a.pid = r.holder_pid AND a.backend_start = r.holder_start WHERE r.state = 'planned'"""
CRASHPOINTS = (
    "after_fetch",
    "after_copy",
    "before_commit",
    "after_commit",
    "drain_before_commit",
    "drain_after_commit",
    "drain_after_projection",
)
TOXICS: tuple[Callable[[random.Random], Toxic], ...] = (
    lambda r: Toxic("latency", r.uniform(0.02, 0.5)),
    lambda r: Toxic("bandwidth", r.uniform(2e4, 5e5)),
    lambda r: Toxic("slow_close", r.uniform(1, 4)),
    lambda _: Toxic("timeout"),
    lambda _: Toxic("reset"),
    lambda _: Toxic("slicer"),
    lambda _: Toxic("down"),
    lambda _: Toxic("lost_commit"),
)


def kill_child(play: Play) -> None:
    """One process of a worker's pool."""
    role = play.random.choice(WORKERS)
    if role not in play.busy and (children := play.crew.children(role)):
        play.kill([play.random.choice(children)], f"a child of {role}")


def kill_worker(play: Play) -> None:
    """A worker's main process; its children live on for a moment."""
    role = play.random.choice(WORKERS)
    process = play.crew.alive.get(role)
    # one that still starts is left alone: on a busy machine nothing would ever run
    if role not in play.busy and process is not None and play.crew.children(role):
        play.kill([psutil.Process(process.pid)], role)


def kill_beat(play: Play) -> None:
    role = play.random.choice(BEATS)
    play.kill(play.crew.session(role), role)


def kill_simulator(play: Play) -> None:
    role = play.random.choice(SIMULATORS)
    play.kill(play.crew.session(role), role)


def kill_at_a_crashpoint(play: Play) -> None:
    """The next process that passes a named place of the code."""
    folder = play.stage.deployment.folder / "crashpoints"
    name = play.random.choice(CRASHPOINTS)
    (folder / name).touch()
    play.note(f"crashpoint {name}")

    def count() -> None:
        play.kills += not (folder / name).exists()
        (folder / name).unlink(missing_ok=True)

    play.later(4, f"crashpoint {name} ends", count)


def kill_all_that_fetch(play: Play) -> bool:
    """For three leases and more, whoever has read a range dies: ranges become suspect. The workers themselves live."""
    if "fetch" in play.busy:
        return False
    path = play.stage.deployment.folder / "crashpoints" / "after_fetch.always"
    path.touch()
    play.note("everybody who has fetched dies")
    seconds = play.random.uniform(35, 45)
    play.occupy("fetch", seconds, path.unlink)
    for role in WORKERS:
        if role not in play.busy:
            play.occupy(role, seconds, lambda: None)
    return True


def stop_worker_in_its_copy(play: Play) -> bool:
    """No timeout of Postgres reaches it there: the drainer must end its connection."""
    return _stop(play, f"{HELD} AND a.state = 'active' AND a.query LIKE 'COPY%'", "postgres")


def stop_worker_that_reads(play: Play) -> bool:
    """While it has a range and no transaction, so that nothing of Postgres' ends it."""
    return _stop(play, f"{HELD} AND a.xact_start IS NULL", "kafka")


def _stop(play: Play, held: str, through: str) -> bool:
    """Stop a worker with its children while it holds a range; a narrow link makes it hold one for longer."""
    proxy, link = play.stage.proxies[through], f"link to {through}"
    if link in play.busy or any(worker in play.busy for worker in WORKERS):
        return False
    gives_up_at = time.monotonic() + SEARCH_SECONDS
    proxy.apply(Toxic("bandwidth", NARROW[through]))
    while time.monotonic() < gives_up_at:
        play.crew.keep_alive()
        if not _held(play, held):
            time.sleep(LOOK_SECONDS)
            continue
        role = play.random.choice(WORKERS)
        stopped = play.crew.session(role)
        play.crew.signal(stopped, signal.SIGSTOP)
        proxy.heal()
        if _still_held(play, held):
            play.note(f"stop {role}, which holds a range, for {STOP_SECONDS} s")
            for spared in ("postgres", "link to postgres"):  # else its connection ends before its lease does
                if spared not in play.busy:
                    play.occupy(spared, STOP_SECONDS, lambda: None)
            play.occupy(role, STOP_SECONDS, lambda s=stopped: play.crew.signal(s, signal.SIGCONT) and None)
            return True
        play.crew.signal(stopped, signal.SIGCONT)
        proxy.apply(Toxic("bandwidth", NARROW[through]))
    proxy.heal()
    play.note("no worker stood still with a range")
    return False


def _held(play: Play, held: str) -> set[tuple]:
    with suppress(psycopg2.Error):
        return set(play.stage.deployment.rows(held))
    return set()


def _still_held(play: Play, held: str) -> bool:
    before = _held(play, held)
    time.sleep(SETTLED_SECONDS if before else 0)
    return bool(before & _held(play, held))


def stop_beat(play: Play) -> None:
    role = play.random.choice(BEATS)
    if role in play.busy:
        return
    stopped = play.crew.session(role)
    play.crew.signal(stopped, signal.SIGSTOP)
    play.note(f"stop {role}")
    play.occupy(role, play.random.uniform(3, 15), lambda: play.crew.signal(stopped, signal.SIGCONT) and None)


def kill_server(play: Play) -> None:
    """With SIGKILL; it comes back in a while. Valkey may have forgotten everything."""
    name = play.random.choice(SERVERS)
    if name in play.busy:
        return
    play.stage.kill_server(name)
    play.kills += 1
    empty = name == "valkey" and play.random.random() < 0.5
    play.note(f"kill {name}{', emptied' if empty else ''}")
    play.occupy(name, play.random.uniform(0.1, 5), lambda: play.stage.start_server(name, empty=empty))


def kill_backend(play: Play) -> None:
    """One of Postgres' processes: all others end with it, and it recovers by itself."""
    if "postgres" in play.busy:
        return
    with suppress(psutil.Error):
        main = psutil.Process(play.stage.fleet.running["postgres"].pid)
        if children := main.children():
            play.kill([play.random.choice(children)], "a process of postgres")


def flush_valkey(play: Play) -> None:
    with suppress(RedisError):
        play.stage.flush_valkey()
        play.note("FLUSHALL")


def spoil_link(play: Play) -> None:
    """Between all processes and one server."""
    name = play.random.choice(SERVERS)
    if f"link to {name}" in play.busy:
        return
    toxic = play.random.choice(TOXICS)(play.random)
    proxy = play.stage.proxies[name]
    proxy.apply(toxic)
    play.note(f"link to {name}: {toxic.kind} {toxic.amount:.3g}")
    play.occupy(f"link to {name}", play.random.uniform(1, 12), proxy.heal)


def grow_partitions(play: Play) -> None:
    """One partition more."""
    with suppress(KafkaError):
        admin = KafkaAdminClient(bootstrap_servers=play.stage.servers.kafka_bootstrap, bootstrap_timeout_ms=2000)
        try:
            topic = play.stage.deployment.topic
            count = len(admin.describe_topics([topic])[0]["partitions"])
            if count < MOST_PARTITIONS:
                admin.create_partitions({topic: count + 1})
                play.note(f"{count + 1} partitions")
        finally:
            admin.close()


WEIGHTED: dict[Callable[[Play], object], float] = {
    kill_child: 6,
    kill_worker: 1.5,
    kill_beat: 1,
    kill_simulator: 0.7,
    kill_at_a_crashpoint: 8,
    kill_all_that_fetch: 0.1,
    stop_worker_in_its_copy: 0.4,
    stop_worker_that_reads: 0.4,
    stop_beat: 0.5,
    kill_server: 1.5,
    kill_backend: 0.5,
    flush_valkey: 1,
    spoil_link: 4,
    grow_partitions: 0.3,
}
# What a long run does from these parts of its time on, until it was possible: else it might never be drawn
SCHEDULED: tuple[tuple[float, Callable[[Play], bool]], ...] = (
    (0.1, kill_all_that_fetch),
    (0.3, stop_worker_that_reads),
    (0.45, stop_worker_in_its_copy),
    (0.6, stop_worker_that_reads),
    (0.75, stop_worker_in_its_copy),
)
# What shows a planted bug soonest; the draws are the seed's all the same.
SCENES: dict[str, dict[Callable[[Play], object], float]] = {
    "no_cursor_lock": {kill_at_a_crashpoint: 1, kill_child: 1},
    "check_then_act": {stop_worker_that_reads: 1},
    "on_conflict_do_nothing": {kill_at_a_crashpoint: 2, kill_child: 1},
}
