"""Nothing is defined that nothing uses, and no two modules import each other."""

from pathlib import Path

import grimp
from vulture.core import Vulture

from tests.repo import unused


def test_every_definition_is_used() -> None:
    assert unused.unused() == []


def test_a_definition_that_nothing_uses_is_found(tmp_path: Path) -> None:
    (tmp_path / "module.py").write_text("FORGOTTEN = 1\n\n\ndef forgotten():\n    return 2\n")
    seen = Vulture()
    seen.scavenge([str(tmp_path)])
    assert {item.name for item in seen.get_unused_code()} == {"FORGOTTEN", "forgotten"}


def test_no_modules_import_each_other() -> None:
    graph = grimp.build_graph("orderbook")
    left = {module: set(graph.find_modules_directly_imported_by(module)) for module in graph.modules}
    while leaves := {module for module, imported in left.items() if not imported & left.keys()}:
        left = {module: imported for module, imported in left.items() if module not in leaves}
    assert left == {}
