"""Great Expectations, and the only place that knows it: a suite and a table in, what fails out.

Its import takes 4 s of CPU and 160 MB: nothing imports it before a ``Judge`` is made, which only the quality
subprocess does.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Final

import pyarrow as pa

from orderbook.errors import ConfigError, OrderbookError
from orderbook.expectations.suite import Expected

MOST_ROWS: Final = 20  # failing ones that are shown; all are counted
MISSING: Final = "Great Expectations is not installed: pip install 'orderbook[quality]'"


@dataclass(frozen=True, slots=True)
class Finding:
    """What came of one expectation over one table: how many values it saw, how many failed, and where the first do."""

    expected: Expected
    checked: int
    failed: int
    rows: list[int]


class Unjudged(OrderbookError):
    """Great Expectations itself failed over an expectation."""


def require_library() -> None:
    """Raise ``ConfigError`` with the way out where Great Expectations is not installed. Does not import it."""
    if find_spec("great_expectations") is None:
        raise ConfigError(MISSING)


class Judge:
    """Great Expectations in memory: no project folder, no store, no report of its own."""

    def __init__(self) -> None:
        require_library()
        import great_expectations as gx  # noqa: PLC0415 - heavy, and optional
        import pandas as pd  # noqa: PLC0415
        from great_expectations.data_context.types.base import ProgressBarsConfig  # noqa: PLC0415

        self._gx = gx
        self._nullable = {pa.int64(): pd.Int64Dtype(), pa.float64(): pd.Float64Dtype(), pa.bool_(): pd.BooleanDtype()}
        context = gx.get_context(mode="ephemeral")
        context.variables.progress_bars = ProgressBarsConfig(globally=False)
        asset = context.data_sources.add_pandas("arrow").add_dataframe_asset("table")
        self._whole = asset.add_batch_definition_whole_dataframe("whole")

    def judge(self, suite: Sequence[Expected], table: pa.Table) -> list[Finding]:
        """Hold all of ``suite`` against ``table``, in the order of the suite. Raises ``Unjudged``."""
        columns = sorted({value for e in suite for key, value in e.arguments.items() if key.startswith("column")})
        frame = table.select(columns).to_pandas(types_mapper=self._nullable.get)
        expectations = self._gx.ExpectationSuite(
            name="suite", expectations=list(map(self._made, range(len(suite)), suite))
        )
        batch = self._whole.get_batch(batch_parameters={"dataframe": frame})
        wanted = {"result_format": "SUMMARY", "partial_unexpected_count": MOST_ROWS}
        outcome = batch.validate(expectations, result_format=wanted)
        results: list[Any] = outcome.results
        by_place = {result.expectation_config.meta["place"]: result for result in results}
        return [_finding(expected, by_place[place]) for place, expected in enumerate(suite)]

    def _made(self, place: int, expected: Expected) -> Any:
        kind = getattr(self._gx.expectations, expected.kind)
        return kind(**expected.arguments, severity=expected.severity, meta={"place": place})


def _finding(expected: Expected, result: Any) -> Finding:
    found = result.result
    if "unexpected_count" not in found:
        raise Unjudged(f"{expected.name}: {_reason(result.exception_info)}")
    checked = found["element_count"] - found.get("missing_count", 0)
    return Finding(
        expected, checked, found["unexpected_count"], list(found["partial_unexpected_index_list"])[:MOST_ROWS]
    )


def _reason(found: Any) -> str:
    messages = [str(part.get("exception_message")) for part in found.values() if isinstance(part, dict)]
    return "; ".join(messages) or str(found.get("exception_message"))
