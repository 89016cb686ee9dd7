"""The settings table of README.md: ``python -m tests.repo.settings_table`` prints it."""

from orderbook.cli.setting_sources import Setting, setting_list
from orderbook.config import WELL_KNOWN, Settings

HEADER = ("variable", "default", "meaning")
UNDOCUMENTED = "ORDERBOOK_CRASHPOINTS"  # for tests only


def default_settings() -> list[Setting]:
    """Every setting with its default, in the order of their declaration."""
    return setting_list(Settings.model_construct(), {}, {})


def setting_names() -> set[str]:
    """Every variable that sets something, the well-known names included."""
    return {setting.name for setting in default_settings()} | set(WELL_KNOWN)


def documented() -> list[tuple[str, str, str]]:
    """The rows of the table: variables as code, the well-known name beside ours."""
    known = {f"ORDERBOOK_{'__'.join(path).upper()}": name for name, path in WELL_KNOWN.items()}
    return [
        (
            f"`{setting.name}`" + (f", `{known[setting.name]}`" if setting.name in known else ""),
            "" if setting.value in {None, ""} else f"`{setting.value}`",
            setting.meaning,
        )
        for setting in default_settings()
        if setting.name != UNDOCUMENTED
    ]


def table() -> str:
    """The table in Markdown."""
    rows = [HEADER, ("---",) * 3, *documented()]
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


if __name__ == "__main__":
    print(table())
