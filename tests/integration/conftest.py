"""A pipeline per test, driven by hand."""

from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

import pytest

from orderbook.config import settings
from orderbook.ingest.validator import Validator
from orderbook.profiles import Profiles, load_profiles
from tests.pipeline import Pipeline, pipeline_over, tick, valid
from tests.servers import Stack
from tests.stray_errors import no_stray_error

__all__ = ["no_stray_error"]


@pytest.fixture
def pipeline(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> Iterator[Pipeline]:
    """A pipeline over a topic of two partitions."""
    monkeypatch.setenv("ORDERBOOK_KAFKA__PARTITIONS", "2")
    settings.cache_clear()
    with pipeline_over(settings()) as made:
        yield made


@pytest.fixture
def landed(pipeline: Pipeline) -> Pipeline:
    """Three ticks, two rejects."""
    pipeline.produce([*valid(3), b'{"broken\x1b', tick(4, bid_price=Decimal(30))])
    pipeline.run()
    return pipeline


@pytest.fixture
def profiles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Profiles]:
    """Rules that take every recorded book, of any age."""
    path = tmp_path / "profiles.toml"
    path.write_text('[[symbols]]\npattern = "*"\nprofile = "historical"\n')
    monkeypatch.setenv("ORDERBOOK_INGEST__PROFILES_FILE", str(path))
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    settings.cache_clear()
    yield load_profiles(path)
    settings.cache_clear()


@pytest.fixture
def old_pipeline(pipeline: Pipeline, profiles: Profiles) -> Pipeline:
    pipeline.judge = Validator(profiles)
    return pipeline.with_policy(max_offsets=20_000)
