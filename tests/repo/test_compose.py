"""What can be said of the containers without Docker: the file's schema, and the rules that every service keeps."""

import json
import re
from importlib.resources import files
from typing import Any

import pytest
from jsonschema import Draft202012Validator

import celeryconfig
from tests.compose import VARIABLE, compose, instructions, seconds
from tests.repo.settings_table import setting_names
from tests.repo.tree import ROOT

SCHEMA = json.loads((files("check_jsonschema") / "builtin_schemas/vendor/compose-spec.json").read_text("utf-8"))
FILE = compose({})
SERVICES: dict[str, dict[str, Any]] = FILE["services"]
OURS = {name: service for name, service in SERVICES.items() if "build" in service}
PINNED = re.compile(r"[\w./-]+:[\w.-]*\d+\.\d+[\w.-]*")
KEEPS = {"kafka", "redis", "postgres", "s3", "prometheus", "grafana"}  # what outlives a container
LIVES_LONG = set(OURS) - {"migrate"}
OF_ENV_FILES = {"COMPOSE_PROFILES"}  # Docker's own
S3_ENV = dict(
    line.split("=", 1)
    for line in (ROOT / "deploy" / "s3.env").read_text(encoding="utf-8").splitlines()
    if line and line[0] != "#"
)


def faults_of(file: Any) -> list[str]:
    return [error.message for error in Draft202012Validator(SCHEMA).iter_errors(file)]


def test_the_file_is_valid_by_the_compose_schema() -> None:
    assert faults_of(FILE) == []


def test_a_misspelt_key_is_found() -> None:
    assert faults_of({"services": {"a": {"image": "a:1.0", "stop_grace_perid": "5s"}}}) != []


def test_images_are_pinned() -> None:
    bases = [rest.split()[0] for word, rest in instructions() if word == "FROM"]
    assert bases
    found = [service["image"] for service in SERVICES.values()] + bases
    assert [image for image in found if not PINNED.fullmatch(image)] == []


def test_the_image_has_the_version_of_the_package() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert {service["image"] for service in OURS.values()} == {f"orderbook:{version[1]}"}


def test_ports_are_published_on_loopback_only() -> None:
    found = [port for service in SERVICES.values() for port in service.get("ports", [])]
    assert found
    assert [port for port in found if not port.startswith("127.0.0.1:")] == []


def test_what_is_kept_is_kept_in_named_volumes() -> None:
    mounts = {name: [v for v in service.get("volumes", []) if v[0] != "."] for name, service in SERVICES.items()}
    assert {name for name, found in mounts.items() if found} == KEEPS
    assert {volume.partition(":")[0] for found in mounts.values() for volume in found} == set(FILE["volumes"])


def test_files_of_ours_are_mounted_to_be_read_only() -> None:
    mounts = [volume for service in SERVICES.values() for volume in service.get("volumes", []) if volume[0] == "."]
    assert mounts
    for mount in mounts:
        source, _, mode = mount.split(":")
        assert mode == "ro"
        assert (ROOT / source).exists()


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_may_do_as_little_as_possible(name: str) -> None:
    service = OURS[name]
    assert service["read_only"] is True
    assert service["cap_drop"] == ["ALL"]
    assert service["security_opt"] == ["no-new-privileges:true"]
    assert service["init"] is True  # else nobody reaps, and no signal has a default
    assert "user" not in service  # the image's, which is nobody on the host


def test_the_image_runs_as_nobody_by_number() -> None:
    (user,) = [rest for word, rest in instructions() if word == "USER"]
    assert int(user) >= 10_000  # Kubernetes believes only numbers
    assert any(word == "RUN" and f"--uid {user}" in rest for word, rest in instructions())


@pytest.mark.parametrize("name", OURS)
def test_a_service_of_ours_has_the_time_it_needs_to_stop(name: str) -> None:
    grace = seconds(OURS[name]["stop_grace_period"])
    assert grace >= (celeryconfig.task_time_limit if name == "worker" else 10)
    assert grace >= (celeryconfig.worker_soft_shutdown_timeout if name == "worker" else 10)


@pytest.mark.parametrize("name", SERVICES)
def test_who_is_waited_for_can_become_ready(name: str) -> None:
    depends = SERVICES[name].get("depends_on", {})
    conditions = depends if isinstance(depends, dict) else {each: {"condition": "service_started"} for each in depends}
    for other, how in conditions.items():
        assert other in SERVICES
        assert how["condition"] != "service_healthy" or "healthcheck" in SERVICES[other]
        assert how["condition"] != "service_completed_successfully" or SERVICES[other]["restart"] == "no"


def test_what_runs_for_long_and_serves_says_whether_it_is_well() -> None:
    assert {name for name in LIVES_LONG if OURS[name].get("ports")} <= {n for n in OURS if "healthcheck" in OURS[n]}


@pytest.mark.parametrize("name", OURS)
def test_what_a_service_of_ours_is_told_are_settings(name: str) -> None:
    usual = {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}
    assert set(OURS[name]["environment"]) - usual <= setting_names()


def test_monitoring_and_s3_are_profiles() -> None:
    profiles = {name: service.get("profiles", []) for name, service in SERVICES.items()}
    assert {name for name, found in profiles.items() if "monitoring" in found} == {"exporter", "prometheus", "grafana"}
    assert {name for name, found in profiles.items() if "s3" in found} == {"s3"}


def test_prometheus_scrapes_services_at_the_ports_they_have() -> None:
    text = (ROOT / "monitoring" / "prometheus.yml").read_text(encoding="utf-8")
    targets = re.findall(r'targets: \["(\w+):\d+"\]', text)
    assert set(targets) == {"exporter", "worker", "simulator", "flower", "api"}
    assert set(targets) <= set(SERVICES)


def test_the_file_for_s3_says_only_what_is_asked_for() -> None:
    text = (ROOT / "docker-compose.yml").read_text(encoding="utf-8")
    asked = {found[2] for found in VARIABLE.finditer(text) if found[2]}
    assert set(S3_ENV) - OF_ENV_FILES <= asked
    assert S3_ENV["COMPOSE_PROFILES"] in SERVICES["s3"]["profiles"]
    with_s3 = compose(S3_ENV)["services"]
    told = with_s3["worker"]["environment"]
    assert told["ORDERBOOK_ARCHIVE__ROOT"] == "s3://orderbook/cold"
    assert told["ORDERBOOK_ARCHIVE__ENDPOINT_URL"] == "http://s3:80"
    assert "/data/orderbook " in with_s3["s3"]["entrypoint"][2]
    assert told["AWS_ACCESS_KEY_ID"] == with_s3["s3"]["environment"]["S3PROXY_IDENTITY"]
    assert told["AWS_SECRET_ACCESS_KEY"] == with_s3["s3"]["environment"]["S3PROXY_CREDENTIAL"]
