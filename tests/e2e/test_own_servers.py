"""``orderbook up`` over Kafka, Redis and Postgres of one's own: it starts none, and runs the rest."""

from collections.abc import Callable
from pathlib import Path

from tests.processes import Deployment, deployment_over
from tests.servers import RunningServers
from tests.terminal import running_up

Eventually = Callable[..., None]
COUNT = 300


def test_with_three_addresses_no_server_is_started(
    servers: RunningServers, data_dir: Path, tmp_path: Path, eventually: Eventually
) -> None:
    with (
        deployment_over(servers, "template0") as deployment,  # an empty database: `up` brings the schema
        running_up(data_dir, tmp_path, **_addresses(deployment)) as up,
    ):
        up.shows("up after")
        assert "none is started here" in up.screen
        typed = [" ".join(child.cmdline()) for child in up.living()]
        programs = [line.partition(" ")[0] for line in typed]  # of one that has just ended, nothing
        assert not [name for name in programs if any(server in name for server in ("java", "postgres", "valkey"))]
        assert not [line for line in typed if "orderbook.simulator" in line]
        assert sorted(path.name for path in data_dir.iterdir() if path.is_dir()) == ["logs"]
        made = deployment.run(f"python -m orderbook.simulator --count {COUNT} --interval 0.001")
        assert made.returncode == 0, made.stderr
        eventually(lambda: deployment.rows("SELECT count(*) FROM ticks") == [(COUNT,)], 60)
        up.shows("first row in ticks after")
        assert up.run("orderbook", "audit").returncode == 0
        up.press_ctrl_c()
        assert up.process.wait(100) == 0, up.screen
        eventually(lambda: not up.living())


def _addresses(deployment: Deployment) -> dict[str, str]:
    ours = ("KAFKA_", "DATABASE_", "REDIS_", "ORDERBOOK_")
    return {name: value for name, value in deployment.environment.items() if name.startswith(ours)}
