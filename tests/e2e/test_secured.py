"""Everything encrypted and behind passwords: every client gets through, and a wrong proof names the setting."""

import shutil
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from kafka import KafkaAdminClient
from kafka.admin import ScramMechanism, UserScramCredentialUpsertion

from orderbook.embedded.account import server_account
from orderbook.embedded.ports import choose_port
from orderbook.embedded.process import Process, wait_until
from tests.comparison import SAME, compare
from tests.conftest import wait_for
from tests.processes import Deployment, deployment_over
from tests.secure import Certificates, SecureKafka, TlsBefore
from tests.servers import RunningServers, new_data_dir

pytestmark = pytest.mark.matrix  # a Kafka of its own, and eleven processes

USER, PASSWORD = "orderbook", "kept in no log"


@dataclass(frozen=True)
class Secured:
    """The servers, reached by TLS alone; ``proofs`` are the variables with which a client gets in."""

    servers: RunningServers
    certificates: Certificates
    proofs: dict[str, str]
    postgres: TlsBefore


@pytest.fixture(scope="module")
def secured(servers: RunningServers) -> Iterator[Secured]:
    folder = new_data_dir()
    certificates = Certificates(folder)
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        ports = {"upstream": servers.fleet.valkey.port, "port": choose_port()}
        valkey = stack.enter_context(TlsBefore(**ports, context=certificates.server_context()))
        ports = {"upstream": servers.fleet.postgres.port, "port": choose_port()}
        postgres = stack.enter_context(TlsBefore(**ports, context=certificates.server_context(), postgres=True))
        kafka = stack.enter_context(_secure_kafka(folder, certificates))
        proofs = {
            "KAFKA_BOOTSTRAP_SERVERS": kafka.secure_servers,
            "ORDERBOOK_KAFKA__SECURITY_PROTOCOL": "SASL_SSL",
            "ORDERBOOK_KAFKA__SASL_MECHANISM": "SCRAM-SHA-512",
            "ORDERBOOK_KAFKA__SASL_USERNAME": USER,
            "ORDERBOOK_KAFKA__SASL_PASSWORD": PASSWORD,
            "ORDERBOOK_KAFKA__SSL_CAFILE": str(certificates.cafile),
            "REDIS_URL": _through(servers.redis_url, valkey.port).replace("redis://", "rediss://"),
            "ORDERBOOK_REDIS__SSL_CAFILE": str(certificates.cafile),
        }
        yield Secured(replace(servers, kafka_bootstrap=kafka.bootstrap_servers), certificates, proofs, postgres)


@pytest.fixture
def deployment(secured: Secured, migrated_template: str) -> Iterator[Deployment]:
    """Its processes know only the encrypted ways in; the test's own questions take the plain ones."""
    with deployment_over(secured.servers, migrated_template) as made:
        tls = f"?sslmode=verify-full&sslrootcert={secured.certificates.cafile}"
        roles = {
            name: _through(url, secured.postgres.port) + tls
            for name, url in secured.servers.roles(made.database_url).items()
        }
        yield replace(made, environment={**made.environment, **secured.proofs, **roles})


@contextmanager
def _secure_kafka(folder: Path, certificates: Certificates) -> Iterator[SecureKafka]:
    kafka = SecureKafka(
        folder / "kafka",
        choose_port(),
        choose_port(),
        server_account(),
        secure_port=choose_port(),
        certificates=certificates,
    )
    process = Process(kafka.prepare(), folder / "kafka.log")
    process.start()
    try:
        wait_until(kafka.is_ready, process, 60)
        user = UserScramCredentialUpsertion(USER, ScramMechanism.SCRAM_SHA_512, PASSWORD)
        with closing(KafkaAdminClient(bootstrap_servers=kafka.bootstrap_servers)) as admin:
            assert admin.alter_user_scram_credentials([user]) == {USER: None}
        yield kafka
    finally:
        process.stop()


def _through(url: str, port: int) -> str:
    return url.replace(f":{urlsplit(url).port}/", f":{port}/")


@pytest.mark.parametrize("client", ["confluent", "kafka-python"])
def test_every_client_gets_through_tls_and_passwords_and_what_is_sent_is_stored(
    deployment: Deployment, secured: Secured, client: str
) -> None:
    deployment.worker(ORDERBOOK_KAFKA__CLIENT=client)
    deployment.beat()
    flower = deployment.start("flower", f"celery -A orderbook flower --port={choose_port()}")
    simulator = deployment.simulator("--count 600 --interval 0.001 --fault malformed:2%")
    wait_for(lambda: simulator.exit_code is not None, 60, what="the simulator has sent all")
    assert simulator.exit_code == 0, simulator.last_lines()
    deployment.wait_for_prefix(deployment.ends(), 60)
    assert compare(deployment.sent, deployment.database_url) == SAME
    relayed = "SELECT count(*) > 0 AND bool_and(relayed_at IS NOT NULL) FROM quarantine"
    wait_for(lambda: deployment.rows(relayed)[0][0], 30, what="rejects are relayed")
    for command in ("orderbook audit --deep", "orderbook topics describe", "orderbook status"):
        done = deployment.run(command)
        assert done.returncode == 0, done.stdout + done.stderr
    doctor = deployment.run("orderbook doctor").stdout
    for check in ("kafka", "redis", "postgres"):
        assert f"ok    {check}" in doctor, doctor
    assert flower.exit_code is None, flower.last_lines()
    assert secured.postgres.in_the_clear == 0
    assert PASSWORD not in deployment.logs()


WRONG = {
    "Kafka's password": ({"ORDERBOOK_KAFKA__SASL_PASSWORD": "guessed"}, "kafka", "ORDERBOOK_KAFKA__SASL_USERNAME"),
    "Kafka's authority": ({"ORDERBOOK_KAFKA__SSL_CAFILE": "stranger"}, "kafka", "ORDERBOOK_KAFKA__SSL_CAFILE"),
    "the broker's authority": ({"ORDERBOOK_REDIS__SSL_CAFILE": "stranger"}, "redis", "ORDERBOOK_REDIS__SSL_CAFILE"),
    "no authority of the broker": ({"ORDERBOOK_REDIS__SSL_CAFILE": ""}, "redis", "ORDERBOOK_REDIS__SSL_CAFILE"),
    "the broker's password": ({"REDIS_URL": "guessed"}, "redis", "REDIS_URL"),
    "Postgres' authority": ({"ORDERBOOK_DATABASE__READER_URL": "stranger"}, "postgres", "DATABASE__READER_URL"),
    "Postgres' password": ({"ORDERBOOK_DATABASE__READER_URL": "guessed"}, "postgres", "DATABASE__READER_URL"),
}


@pytest.mark.parametrize(("changes", "check", "named"), WRONG.values(), ids=WRONG.keys())
def test_a_wrong_proof_is_refused_and_the_doctor_names_the_setting(
    deployment: Deployment, secured: Secured, changes: dict[str, str], check: str, named: str
) -> None:
    wrong = {name: _spoilt(deployment.environment[name], how, secured) for name, how in changes.items()}
    spoilt = replace(deployment, environment={**deployment.environment, **wrong})
    done = spoilt.run("orderbook doctor")
    print(f"\n{done.stdout}")
    assert done.returncode == 3, done.stdout
    told = done.stdout.partition(f"away  {check}")[2].partition("\nok ")[0]
    assert named in told


def _spoilt(value: str, how: str, secured: Secured) -> str:
    if how == "stranger":
        return value.replace(str(secured.certificates.cafile), str(secured.certificates.strangers_cafile))
    if how == "guessed" and "://" in value:
        return value.replace(f":{urlsplit(value).password}@", ":guessed@")
    return how


def test_a_broker_of_a_bare_rediss_url_is_verified(secured: Secured, deployment: Deployment) -> None:
    unverified = {**deployment.environment, "ORDERBOOK_REDIS__SSL_CAFILE": ""}
    done = replace(deployment, environment=unverified).run("celery -A orderbook inspect ping --timeout 3", 30)
    assert done.returncode != 0
    assert "CERTIFICATE_VERIFY_FAILED" in done.stdout + done.stderr


def test_what_sasl_needs_is_asked_for_before_anything_starts(deployment: Deployment) -> None:
    half = {**deployment.environment, "ORDERBOOK_KAFKA__SASL_PASSWORD": ""}
    done = replace(deployment, environment=half).run("orderbook status")
    assert (done.returncode, "ORDERBOOK_KAFKA__SASL_PASSWORD" in done.stderr) == (2, True), done.stderr


def test_a_simulator_with_a_wrong_password_says_so_on_its_screen(deployment: Deployment) -> None:
    wrong = {**deployment.environment, "ORDERBOOK_KAFKA__SASL_PASSWORD": "guessed"}
    simulator = replace(deployment, environment=wrong).simulator("--count 1")
    wait_for(lambda: "ORDERBOOK_KAFKA__SASL_USERNAME" in simulator.last_lines(), 60, what="the setting is named")
    assert "guessed" not in simulator.last_lines()
