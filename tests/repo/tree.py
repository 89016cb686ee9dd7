"""The files of this repository that people write."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
PLACES = ("orderbook", "migrations", "tests", "monitoring", "deploy", "docs", ".ci")


def written_files(*suffixes: str) -> list[Path]:
    """Every file of the repository's own, at its top and in its folders; of some suffixes, if any are named."""
    found = [path for path in ROOT.iterdir() if path.is_file() and path.name != ".git"]  # one, in a worktree of git
    found += [path for place in PLACES for path in (ROOT / place).rglob("*") if path.is_file()]
    artifacts = ROOT / "tests" / "artifacts"
    return sorted(
        path
        for path in found
        if "__pycache__" not in path.parts
        and artifacts not in path.parents
        and (not suffixes or path.suffix in suffixes)
    )


def named(path: Path) -> str:
    """The path as it stands in the repository."""
    return path.relative_to(ROOT).as_posix()


def package_modules() -> list[str]:
    """Every module of the package, dotted."""
    files = [path.relative_to(ROOT).with_suffix("") for path in (ROOT / "orderbook").rglob("*.py")]
    return sorted(".".join(path.parts[:-1] if path.name == "__init__" else path.parts) for path in files)
