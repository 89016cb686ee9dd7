"""Where the chaos plays: servers of its own, a proxy before each, and a deployment that knows only the proxies."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from redis import Redis

from orderbook.embedded.folder import DataFolder
from orderbook.embedded.kafka import Kafka
from orderbook.embedded.ports import LOOPBACK, choose_port
from orderbook.embedded.process import Command
from orderbook.embedded.servers import Servers, servers_in
from tests.faults.proxy import Proxy
from tests.listener import add_listener
from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers, database_of, new_data_dir

SERVERS = ("kafka", "postgres", "valkey")


@dataclass(frozen=True, slots=True)
class ProxiedKafka(Kafka):
    """Tells its clients to come through the proxy; who comes by ``port`` is sent there as well."""

    proxy_port: int = 0
    direct_port: int = 0  # of a second listener, past the proxy

    def prepare(self) -> Command:
        # the zero arguments of super() are not for dataclasses with slots
        command = Kafka.prepare(self)
        add_listener(self.folder, "DIRECT", self.direct_servers, "PLAINTEXT", brokers_use="DIRECT")
        properties = self.folder / "server.properties"
        told, proxied = (f"advertised.listeners=PLAINTEXT://{LOOPBACK}:{port}" for port in (self.port, self.proxy_port))
        properties.write_text(properties.read_text().replace(told, proxied))
        return command

    @property
    def direct_servers(self) -> str:
        return f"{LOOPBACK}:{self.direct_port}"


@dataclass(frozen=True)
class Stage:
    """What may be wounded. ``deployment`` runs through the proxies, its own questions go past them."""

    servers: RunningServers
    fleet: Servers
    proxies: dict[str, Proxy]
    deployment: Deployment

    def kill_server(self, name: str) -> None:
        self.fleet.running[name].kill()

    def start_server(self, name: str, *, empty: bool = False) -> None:
        """Start it again; returns before it serves. ``empty``: Valkey has forgotten everything."""
        server = next(each for each in self.fleet.each() if each.name == name)
        if empty:
            shutil.rmtree(self.fleet.valkey.folder / "appendonlydir", ignore_errors=True)
        self.fleet.launch(server)

    def serves(self, name: str) -> bool:
        return next(each for each in self.fleet.each() if each.name == name).is_ready()

    def flush_valkey(self) -> None:
        with Redis.from_url(self.servers.redis_url, socket_timeout=5) as client:
            client.flushall()


@contextmanager
def stage(**settings: str) -> Iterator[Stage]:
    """Servers, proxies and an empty deployment; ``settings`` are environment variables of its processes."""
    path = new_data_dir()
    fleet = servers_in(DataFolder(path), standard_ports=False)  # durable: what was confirmed outlives a SIGKILL
    proxied = choose_port()
    kafka = fleet.kafka
    fleet.kafka = proxied_kafka = ProxiedKafka(
        kafka.folder, kafka.port, kafka.controller_port, kafka.account, proxy_port=proxied, direct_port=choose_port()
    )
    try:
        with fleet, ExitStack() as stack:
            ports = {"kafka": kafka.port, "postgres": fleet.postgres.port, "valkey": fleet.valkey.port}
            listening = {"kafka": proxied, "postgres": choose_port(), "valkey": choose_port()}
            proxies = {name: stack.enter_context(Proxy(ports[name], listening[name])) for name in SERVERS}
            servers = RunningServers.of(fleet, proxied_kafka.direct_servers)
            servers.administer("GRANT pg_read_all_stats TO market")  # to see what the workers' connections do
            template = servers.create_migrated()
            deployment = stack.enter_context(deployment_over(servers, database_of(template), **settings))
            yield Stage(servers, fleet, proxies, _through(deployment, proxies, fleet))
    finally:
        shutil.rmtree(path, ignore_errors=True)


def _through(deployment: Deployment, proxies: dict[str, Proxy], fleet: Servers) -> Deployment:
    at = fleet.addresses
    environment = {
        **deployment.environment,
        "KAFKA_BOOTSTRAP_SERVERS": f"{LOOPBACK}:{proxies['kafka'].port}",
        **{
            name: url.replace(f":{fleet.postgres.port}/", f":{proxies['postgres'].port}/")
            for name, url in deployment.servers.roles(deployment.database_url).items()
        },
        "REDIS_URL": at.redis_url.replace(f":{fleet.valkey.port}/", f":{proxies['valkey'].port}/"),
    }
    return replace(deployment, environment=environment)
