"""The live page's files: short, from this origin alone, loaded all at once, its vendored part with its licence."""

import re

import pytest

from tests.repo.test_tree import LONGEST
from tests.repo.tree import ROOT

WEB = ROOT / "orderbook" / "web"
VENDOR = WEB / "vendor"
OURS = sorted(path for path in WEB.rglob("*") if path.suffix in {".js", ".html"} and VENDOR not in path.parents)
INDEX = (WEB / "index.html").read_text(encoding="utf-8")


@pytest.mark.parametrize("path", [path for path in OURS if path.suffix == ".js"], ids=lambda path: path.name)
def test_a_module_is_read_in_one_sitting(path: object) -> None:
    assert len((WEB / str(path)).read_text(encoding="utf-8").splitlines()) < LONGEST


def test_every_module_is_loaded_with_the_page() -> None:
    """One that only another's import names would be asked for when that has come: five rounds one after the other."""
    named = set(re.findall(r'<(?:link rel="modulepreload" href|script type="module" src)="([^"]+)"', INDEX))
    assert named == {path.relative_to(WEB).as_posix() for path in WEB.rglob("*.js")}


def test_nothing_is_inline() -> None:
    assert re.findall(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=", INDEX) == []


def test_no_file_names_another_origin() -> None:
    texts = {path.name: path.read_text(encoding="utf-8") for path in [*OURS, WEB / "page.css", WEB / "icon.svg"]}
    allowed = "http://www.w3.org/2000/svg"  # a name, not an address
    found = {name: re.findall(r"(?:https?:)?//[\w-]+\.[\w.-]+[^\s'\"`)]*", text) for name, text in texts.items()}
    assert {name: urls for name, urls in found.items() if set(urls) - {allowed}} == {}


def test_what_is_vendored_says_its_version_and_licence() -> None:
    for folder in (path for path in VENDOR.iterdir() if path.is_dir()):
        assert "Permission is hereby granted" in (folder / "LICENSE").read_text(encoding="utf-8")
        version = re.search(r"\d+\.\d+\.\d+", (folder / "README.md").read_text(encoding="utf-8"))
        assert version is not None
        assert f"v{version[0]}" in (folder / "uPlot.esm.js").read_text(encoding="utf-8")[:600]
