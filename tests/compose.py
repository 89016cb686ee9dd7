"""``docker-compose.yml`` and ``Dockerfile`` as Docker reads them."""

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from tests.conftest import skip_at_home
from tests.installed import environment, installed
from tests.processes import ROOT

COMPOSE = ROOT / "docker-compose.yml"
DOCKERFILE = ROOT / "Dockerfile"
BUILD_SECONDS = 900
VARIABLE = re.compile(r"\$(?:(\$)|\{(\w+)(?::-([^}]*))?\})")
TRIED = "import ensurepip, sys, venv; sys.exit(sys.version_info < (3, 11))"
SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0}


def compose(variables: Mapping[str, str]) -> dict[str, Any]:
    """The whole file, with its ``${NAME:-default}`` filled in."""
    read: dict[str, Any] = _filled(yaml.safe_load(COMPOSE.read_text(encoding="utf-8")), variables)
    return read


def _filled(value: Any, variables: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {key: _filled(inner, variables) for key, inner in value.items()}
    if isinstance(value, list):
        return [_filled(inner, variables) for inner in value]
    if isinstance(value, str):
        return VARIABLE.sub(lambda found: found[1] or variables.get(found[2]) or found[3] or "", value)
    return value


def seconds(text: str) -> float:
    """A duration such as ``65s``."""
    number, unit = re.fullmatch(r"(\d+)(ms|s|m)", text).groups()  # type: ignore[union-attr]
    return int(number) * SECONDS[unit]


def instructions() -> list[tuple[str, str]]:
    """What the Dockerfile says, line by line: the word, and the rest."""
    lines = DOCKERFILE.read_text(encoding="utf-8").replace("\\\n", " ").splitlines()
    return [_parted(line) for line in lines if line]


def _parted(line: str) -> tuple[str, str]:
    word, _, rest = line.partition(" ")
    return word, rest.strip()


@dataclass(frozen=True, slots=True)
class Image:
    """What the image holds, in folders of this machine: ``/app``, and the working directory."""

    app: Path
    working_directory: Path
    variables: Mapping[str, str]
    uid: int


@contextmanager
def image() -> Iterator[Image]:
    """Do what the Dockerfile does, with its folders below one of ours; Python is this machine's."""
    with installed() as empty:  # only for its folder, which every user can enter
        here = empty.folder / "image"
        for name in ("src", "srv"):
            (here / name).mkdir(parents=True)
        stages = "\n".join(f"{word} {rest}" for word, rest in instructions()).split("FROM ")[1:]
        (here / "python").write_text(f'#!/bin/sh\nexec {_python_of_all()} "$@"\n')
        (here / "python").chmod(0o755)
        build, final = ([_parted(line) for line in stage.splitlines()[1:]] for stage in stages)
        assert ("WORKDIR", "/src") in build
        for word, rest in build:
            if word == "COPY":
                _copy(rest.split(), here / "src")
            elif word == "RUN":
                _run(rest.replace("/app", str(here / "app")), here / "src", path=str(here))
        assert {("COPY", "--from=build /app /app"), ("WORKDIR", "/srv")} <= set(final)
        _copy(_only(rest for word, rest in final if word == "COPY" and "--from" not in rest).split(), here / "srv")
        pairs = _only(rest for word, rest in final if word == "ENV").replace("/app", str(here / "app"))
        inherited = {"PATH": os.defpath}
        variables = dict(pair.split("=", 1) for pair in pairs.replace("$PATH", inherited["PATH"]).split())
        yield Image(here / "app", here / "srv", variables, int(_only(rest for word, rest in final if word == "USER")))


def _only(found: Iterator[str]) -> str:
    (one,) = found
    return one


def _copy(names: list[str], to: Path) -> None:
    *sources, target = names
    for name in sources:
        source = ROOT / name
        if source.is_dir():
            shutil.copytree(source, to / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            shutil.copy(source, to / target)


def _python_of_all() -> str:
    """A Python that every user can run: one in root's home is not."""
    nobody = {"user": 65534, "group": 65534, "extra_groups": []} if os.geteuid() == 0 else {}
    for found in (sys._base_executable, "/usr/bin/python3"):  # type: ignore[attr-defined]
        with suppress(OSError):
            tried = subprocess.run([found, "-c", TRIED], check=False, capture_output=True, cwd="/", **nobody)  # type: ignore[call-overload]
            if tried.returncode == 0:
                return found
    return skip_at_home("no Python 3.11 or later with venv that every user may run")


def _run(line: str, here: Path, path: str) -> None:
    done = subprocess.run(
        ["sh", "-c", line],
        cwd=here,
        env=environment(PATH=f"{path}{os.pathsep}{os.environ['PATH']}"),
        capture_output=True,
        text=True,
        timeout=BUILD_SECONDS,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
