"""Kubernetes' manifests by its own schemas; and what schemas do not say: who finds whom, and with which rights.

KEDA's schema is in no package: the fields that are used are held to what its documentation of version 2 lists.
"""

import copy
import re
import shutil
import subprocess
from typing import Any

import pytest
import yaml
from kubernetes_validate import ValidationError, validate

import celeryconfig
from orderbook.config import Settings
from tests.manifests import FOLDER, WORKLOADS, containers, manifests, of_kind, pods, told
from tests.repo.settings_table import setting_names
from tests.repo.tree import ROOT

VERSIONS = ("1.30", "1.34")
ALL = manifests()
KEDA = [made for made in ALL if made["apiVersion"] == "keda.sh/v1alpha1"]
CORE = [made for made in ALL if made not in KEDA]
PODS = pods()
ROLE_OF = {
    "migrate": "owner",
    "worker": "ingest",
    "beat": "ingest",
    "api": "reader",
    "exporter": "reader",
    "flower": "reader",
}
SCALED_OBJECT = {
    "scaleTargetRef",
    "minReplicaCount",
    "maxReplicaCount",
    "pollingInterval",
    "cooldownPeriod",
    "triggers",
}
KAFKA_TRIGGER = {
    *("bootstrapServers", "bootstrapServersFromEnv", "consumerGroup", "consumerGroupFromEnv", "topic", "topicFromEnv"),
    *("lagThreshold", "activationLagThreshold", "offsetResetPolicy", "allowIdleConsumers", "limitToPartitionsWithLag"),
    *("scaleToZeroOnInvalidOffset", "excludePersistentLag", "version", "partitionLimitation", "sasl", "tls"),
}


def name_of(made: dict[str, Any]) -> str:
    return f"{made['kind']}/{made['metadata']['name']}"


def named(kind: str, name: str) -> dict[str, Any]:
    return next(made for made in of_kind(kind) if made["metadata"]["name"] == name)


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("made", CORE, ids=name_of)
def test_a_manifest_is_valid_by_its_schema(made: dict[str, Any], version: str) -> None:
    validate(made, version, strict=True)


def test_a_misspelt_field_is_found() -> None:
    worker = copy.deepcopy(named("Deployment", "worker"))
    worker["spec"]["template"]["spec"]["terminationGracePeriod"] = 70
    with pytest.raises(ValidationError, match="terminationGracePeriod"):
        validate(worker, VERSIONS[-1], strict=True)


def test_every_file_is_applied() -> None:
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    assert sorted(listed) == sorted(path.name for path in FOLDER.glob("*.yaml") if path.name != "kustomization.yaml")


def test_kustomize_makes_the_same_objects() -> None:
    program = shutil.which("kubectl")
    if program is None:
        pytest.skip("kubectl is not installed; no CI needs it")
    done = subprocess.run([program, "kustomize", FOLDER], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    made = list(yaml.safe_load_all(done.stdout))
    assert sorted(map(name_of, made)) == sorted(map(name_of, ALL))
    assert {each["metadata"].get("namespace") for each in made if each["kind"] != "Namespace"} == {"orderbook"}


def test_nothing_but_the_image_and_its_version_is_run() -> None:
    version = re.search(r'^version = "(.+)"', (ROOT / "pyproject.toml").read_text(encoding="utf-8"), re.MULTILINE)
    assert version is not None
    assert {c["image"] for pod in PODS.values() for c in containers(pod)} == {f"orderbook:{version[1]}"}
    images = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["images"]
    assert images == [{"name": "orderbook", "newTag": version[1]}]


@pytest.mark.parametrize("name", PODS)
def test_a_pod_may_do_as_little_as_possible(name: str) -> None:
    pod = PODS[name]
    assert pod["securityContext"]["runAsNonRoot"] is True
    assert f"\nUSER {pod['securityContext']['runAsUser']}\n" in (ROOT / "Dockerfile").read_text(encoding="utf-8")
    assert pod["automountServiceAccountToken"] is False
    assert pod["enableServiceLinks"] is False
    for container in containers(pod):
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["volumeMounts"] == [{"name": "tmp", "mountPath": "/tmp"}]
    assert pod["volumes"] == [{"name": "tmp", "emptyDir": {}}]
    assert all({"requests", "limits"} <= set(container["resources"]) for container in pod["containers"])


@pytest.mark.parametrize("name", PODS)
def test_a_container_is_told_settings_and_no_more_rights_than_its_role(name: str) -> None:
    for container in containers(PODS[name]):
        environment = told(container)
        assert set(environment) - {"AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"} <= setting_names()
        role = ROLE_OF[name]
        user = "market" if role == "owner" else f"market_{role}"
        assert environment["DATABASE_URL"].startswith(f"postgresql://{user}:")


@pytest.mark.parametrize("name", [name for name in PODS if "initContainers" in PODS[name]])
def test_who_needs_the_schema_waits_for_it(name: str) -> None:
    (first,) = PODS[name]["initContainers"]
    assert first["command"] == ["orderbook", "db", "current"]  # exit code 1 until it is the code's own


def test_exactly_one_beat_runs() -> None:
    spec = named("Deployment", "beat")["spec"]
    assert spec["replicas"] == 1
    assert spec["strategy"] == {"type": "Recreate"}  # never two, not even while it is replaced


def test_a_worker_has_the_time_it_needs_to_stop() -> None:
    assert PODS["worker"]["terminationGracePeriodSeconds"] > celeryconfig.task_time_limit


@pytest.mark.parametrize("kind", [*WORKLOADS, "Service", "PodDisruptionBudget"])
def test_selectors_find_pods(kind: str) -> None:
    labels = {m["metadata"]["name"]: m["spec"]["template"]["metadata"]["labels"] for m in of_kind(*WORKLOADS)}
    found = of_kind(kind)
    assert found
    for made in found:
        selector = made["spec"].get("selector", labels.get(made["metadata"]["name"]))
        assert selector.get("matchLabels", selector) == labels[made["metadata"]["name"]]


def test_ports_that_are_named_are_there_and_are_those_that_are_served() -> None:
    served = {"api": Settings().api.port, "exporter": Settings().metrics.port, "worker": Settings().metrics.worker_port}
    ports = {
        name: {p["name"]: p["containerPort"] for p in pod["containers"][0].get("ports", [])}
        for name, pod in PODS.items()
    }
    for name, port in {**served, "flower": 5555}.items():
        assert list(ports[name].values()) == [port]
    for service in of_kind("Service"):
        assert service["spec"]["ports"][0]["targetPort"] in ports[service["metadata"]["name"]]
    for made in of_kind("Deployment"):
        scraped = made["spec"]["template"]["metadata"].get("annotations", {}).get("prometheus.io/port")
        assert scraped is None or int(scraped) in ports[made["metadata"]["name"]].values()


def test_all_that_serves_is_probed_and_no_probe_of_life_asks_another_service() -> None:
    probes = {name: pod["containers"][0].get("livenessProbe") for name, pod in PODS.items()}
    assert {name for name, probe in probes.items() if probe is not None} == {"worker", "api", "exporter", "flower"}
    paths = {probe["httpGet"]["path"] for probe in probes.values() if probe}
    assert paths == {"/healthz", "/metrics", "/healthcheck"}
    assert PODS["api"]["containers"][0]["readinessProbe"]["httpGet"]["path"] == "/readyz"


def test_secrets_in_git_are_placeholders() -> None:
    (secret,) = of_kind("Secret")
    for key, value in secret["stringData"].items():
        assert value == "" or "change-me" in value, key


def test_workers_are_scaled_on_the_lag_of_the_group() -> None:
    (scaled,) = KEDA
    spec = scaled["spec"]
    assert set(spec) <= SCALED_OBJECT
    target = named("Deployment", spec["scaleTargetRef"]["name"])
    assert "replicas" not in target["spec"]  # two masters would fight over it
    assert 1 <= spec["minReplicaCount"] <= spec["maxReplicaCount"]
    (trigger,) = spec["triggers"]
    assert set(trigger) == {"type", "metadata"}
    assert trigger["type"] == "kafka"
    metadata = trigger["metadata"]
    assert set(metadata) <= KAFKA_TRIGGER
    assert all(isinstance(value, str) for value in metadata.values())
    environment = told(PODS["worker"]["containers"][0])
    assert metadata["bootstrapServersFromEnv"] in environment
    assert metadata["topic"] == environment["ORDERBOOK_KAFKA__TOPIC"]
    assert metadata["consumerGroup"] == environment["ORDERBOOK_KAFKA__GROUP_ID"]
    assert int(metadata["lagThreshold"]) >= Settings().drain.max_offsets
    assert spec["maxReplicaCount"] > 1
    assert metadata["allowIdleConsumers"] == "true"
    assert "limitToPartitionsWithLag" not in metadata  # KEDA refuses it beside allowIdleConsumers


def test_budgets_leave_room_to_evict() -> None:
    budgets = {made["metadata"]["name"]: made["spec"] for made in of_kind("PodDisruptionBudget")}
    assert set(budgets) == {"worker", "api"}
    assert budgets["worker"]["maxUnavailable"] < KEDA[0]["spec"]["minReplicaCount"]
    assert budgets["api"]["minAvailable"] < named("Deployment", "api")["spec"]["replicas"]
