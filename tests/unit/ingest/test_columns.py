"""What the columns let through, against the same rule put for one value."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orderbook.ingest.columns import lines_are_plain

QUOTES = 4
LONGEST = 4_096

inside = st.text(alphabet='"{}ab\n\ré\0 ', max_size=12).map(str.encode) | st.just(b'"a":"b"')
wrapped = inside.map(lambda text: b"{" + text + b"}")
values = st.one_of(st.just(b'{"a":"b"}'), wrapped, inside, st.binary(max_size=6), st.just(b""))
padded = st.builds(lambda value, pad: value[:-1] + b" " * pad + value[-1:], values, st.sampled_from([0, 0, 300, 5_000]))


def is_plain(value: bytes) -> bool:
    return (
        2 <= len(value) <= LONGEST
        and value[:1] == b"{"
        and value[-1:] == b"}"
        and value.count(b'"') == QUOTES
        and value.isascii()
        and b"\n" not in value
        and b"\r" not in value
    )


@given(st.lists(padded, max_size=30))
@settings(max_examples=500)
def test_values_looked_at_together_are_judged_as_each_by_itself(found: list[bytes]) -> None:
    assert lines_are_plain(found, QUOTES).tolist() == [is_plain(value) for value in found]


@pytest.mark.parametrize("count", [QUOTES + 256, QUOTES + 512])
def test_a_count_that_wraps_around_in_a_byte_is_not_taken_for_another(count: int) -> None:
    assert lines_are_plain([b"{" + b'"' * count + b"}"], QUOTES).tolist() == [False]


def test_what_stands_after_the_first_thousands_is_looked_at_too() -> None:
    found = [b'{"a":"b"}'] * 10_000
    found[9_999] = b"{}"
    assert lines_are_plain(found, QUOTES).tolist() == [True] * 9_999 + [False]
