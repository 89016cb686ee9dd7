"""The summary of a range: all columns at once, equal to looking at each row."""

import json
from datetime import timedelta

import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from orderbook.completeness.summary import HOUR_MICROSECONDS, Summariser
from orderbook.profiles import Profile, Profiles, load_profiles
from orderbook.sequence import Section, SymbolSummary, decoded, encoded
from orderbook.store.ledger.landing import TICKS
from orderbook.tick import from_microseconds

PROFILES = Profiles(
    [
        ("UP-*", Profile("up", sequence="increasing", stale_after_seconds=0.000005)),
        ("ANY-*", Profile("any", sequence="none")),
    ],
    Profile("default", stale_after_seconds=0.000005),
)
START = 498_720 * HOUR_MICROSECONDS - 20

rows = st.lists(
    st.tuples(
        st.sampled_from(["A", "B", "UP-C", "ANY-D"]), st.integers(0, 6) | st.integers(0, 2**63 - 1), st.integers(0, 40)
    ),
    max_size=60,
)


def table(found: list[tuple[int, str, int, int]]) -> pa.Table:
    """Offset, symbol, id, and time after ``START``, in two chunks as a landing may have them."""
    columns = {name: [] for name in TICKS.names}  # type: ignore[var-annotated]
    for offset, symbol, number, at in found:
        values = {"symbol": symbol, "sequence_id": number, "kafka_offset": offset,
                  "event_time": from_microseconds(START + at),
                  "received_time": from_microseconds(START + at + 1_000 - 10 * at)}  # fmt: skip
        for name in TICKS.names:
            columns[name].append(values.get(name))
    whole = pa.Table.from_pydict(columns, TICKS)
    half = whole.num_rows // 2
    return pa.concat_tables([whole.slice(half), whole.slice(0, half)])


def plain(found: list[tuple[int, str, int, int]]) -> dict[str, tuple[list[Section], dict[int, int]]]:
    """The same, row by row."""
    result: dict[str, tuple[list[Section], dict[int, int]]] = {}
    for offset, symbol, number, after in found:
        at, profile = START + after, PROFILES.of(symbol)
        sections, hours = result.setdefault(symbol, ([], {}))
        hours[at // HOUR_MICROSECONDS] = hours.get(at // HOUR_MICROSECONDS, 0) + 1
        step = number - sections[-1].last if sections else None
        fits = step is not None and {"+1": step == 1, "increasing": step > 0, "none": True}[profile.sequence]
        if fits and (profile.stale_after_seconds is None or at - plain.last[symbol] <= 5):  # type: ignore[attr-defined]
            old = sections[-1]
            sections[-1] = old._replace(last_offset=offset, last=number, last_time=max(at, old.last_time))
        else:
            sections.append(Section(offset, offset, number, number, at, at))
        plain.last[symbol] = at  # type: ignore[attr-defined]
    return result


@given(rows)
def test_a_summary_is_what_looking_at_each_row_finds(found: list[tuple[str, int, int]]) -> None:
    plain.last = {}  # type: ignore[attr-defined]
    numbered = [(offset * 2, *row) for offset, row in enumerate(found)]
    summaries = Summariser(PROFILES).summarise(table(numbered))
    assert {s.symbol: (s.sections, dict(s.hours)) for s in summaries} == plain(numbered)
    assert all(s.rule == PROFILES.of(s.symbol).sequence for s in summaries)


def test_a_healthy_range_is_one_section_a_symbol() -> None:
    found = [(n, "AB"[n % 2], n // 2, n) for n in range(1_000)]
    text = Summariser(load_profiles(None))(table(found)).sequences
    assert [len(summary[2]) for summary in json.loads(text)] == [1, 1]
    assert len(text) < 400


@given(rows)
def test_of_each_symbols_skews_the_smallest_is_kept(found: list[tuple[str, int, int]]) -> None:
    numbered = [(offset, *row) for offset, row in enumerate(found)]
    expected = {symbol: min(1_000 - 10 * at for s, _, at in found if s == symbol) for symbol, _, _ in found}
    assert json.loads(Summariser(PROFILES)(table(numbered)).skews) == expected


def test_a_summary_comes_back_from_its_json() -> None:
    summary = [SymbolSummary("TFM FMH0024!", "+1", [Section(1, 2, 3, 4, 5, 6)], [(7, 8)])]
    assert decoded(json.loads(encoded(summary))) == summary


def test_no_ticks_no_summary() -> None:
    assert Summariser(PROFILES)(TICKS.empty_table()) == ("[]", "{}")
    assert timedelta(microseconds=HOUR_MICROSECONDS) == timedelta(hours=1)
