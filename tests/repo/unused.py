"""What nothing uses: ``python -m tests.repo.unused`` prints it, and fails where there is any.

Fields are left out: a row, a message or a page is made of them, and their readers are elsewhere.
"""

import sys

from vulture.core import Item, Vulture

from tests.repo.tree import ROOT, named

OURS = ("orderbook", "tests", "migrations", "celeryconfig.py", "flowerconfig.py")
CALLED_BY_OTHERS = [  # functions that a framework finds by their decorator
    *("@app.*", "@router.*", "@*.connect", "@shared_task", "@field_validator", "@model_validator", "@pytest.*"),
    *("@given", "@rule", "@invariant", "@initialize", "@precondition", "@event.*", "@computed_field"),
]
CALLED_BY_NAME = [
    *("test_*", "pytest_*", "bench_summary"),  # pytest, and its plugin of ours
    *("log_message", "do_GET", "do_HEAD", "do_PUT", "handle_starttag", "handle_data"),  # http.server, html.parser
    "teardown",  # Hypothesis' state machines
    *("upgrade", "downgrade", "branch_labels", "depends_on", "down_revision"),  # Alembic
    *("settings_customise_sources", "get_field_value"),  # pydantic-settings
]
DEFINITIONS = {"function", "method", "class", "property", "import"}


def unused() -> list[str]:
    """Every definition of the package that neither it nor a test uses: place and name."""
    seen = Vulture(ignore_names=CALLED_BY_NAME, ignore_decorators=CALLED_BY_OTHERS)
    seen.scavenge([str(ROOT / place) for place in OURS])
    found = [item for item in seen.get_unused_code() if item.typ in DEFINITIONS or _is_constant(item)]
    return [f"{named(item.filename)}:{item.first_lineno}: {item.name}" for item in found]


def _is_constant(item: Item) -> bool:
    line = item.filename.read_text(encoding="utf-8").splitlines()[item.first_lineno - 1]
    return item.typ == "variable" and line.startswith(item.name) and item.name.isupper()


def main() -> int:
    """Print them; 1 where there are any."""
    lines = unused()
    sys.stdout.writelines(f"{line}\n" for line in lines)
    return 1 if lines else 0


if __name__ == "__main__":
    sys.exit(main())
