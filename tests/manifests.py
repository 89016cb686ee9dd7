"""The manifests of ``deploy/kubernetes``, as objects."""

from collections.abc import Iterator
from typing import Any

import yaml

from tests.processes import ROOT

FOLDER = ROOT / "deploy" / "kubernetes"
WORKLOADS = ("Deployment", "Job")


def manifests() -> list[dict[str, Any]]:
    """Every object that kustomization.yaml names, in its order."""
    listed = yaml.safe_load((FOLDER / "kustomization.yaml").read_text(encoding="utf-8"))["resources"]
    texts = [(FOLDER / name).read_text(encoding="utf-8") for name in listed]
    return [made for text in texts for made in yaml.safe_load_all(text)]


def of_kind(*kinds: str) -> list[dict[str, Any]]:
    """The objects of some kinds."""
    return [made for made in manifests() if made["kind"] in kinds]


def pods() -> dict[str, dict[str, Any]]:
    """The pods' specs, by the name of what makes them."""
    return {made["metadata"]["name"]: made["spec"]["template"]["spec"] for made in of_kind(*WORKLOADS)}


def containers(pod: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Those of a pod, those that run first included."""
    yield from pod.get("initContainers", [])
    yield from pod["containers"]


def told(container: dict[str, Any]) -> dict[str, str]:
    """A container's environment, with what ConfigMap and Secret say."""
    kept = {(made["kind"], made["metadata"]["name"]): made for made in of_kind("ConfigMap", "Secret")}
    found: dict[str, str] = {}
    for source in container["envFrom"]:
        found |= kept["ConfigMap", source["configMapRef"]["name"]]["data"]
    for variable in container["env"]:
        secret = variable.get("valueFrom", {}).get("secretKeyRef")
        found[variable["name"]] = (
            variable["value"] if secret is None else kept["Secret", secret["name"]]["stringData"][secret["key"]]
        )
    return found
