"""The page's own arithmetic, in the browser that runs it."""

import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from playwright.sync_api import Page

DECIMALS = st.decimals(min_value=-(10**8), max_value=10**8, places=9, allow_nan=False, allow_infinity=False)


def run(page: Page, module: str, body: str, argument: Any = None) -> Any:
    """What ``body`` returns, with the module's exports as ``m`` and the argument as ``a``."""
    return page.evaluate(f"async (a) => {{ const m = await import('/{module}'); {body} }}", argument)


def plain(number: Decimal) -> str:
    return format(number, "f")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(pairs=st.lists(st.tuples(DECIMALS, DECIMALS), min_size=1, max_size=30))
def test_a_difference_of_prices_is_exact(modules: Page, pairs: list[tuple[Decimal, Decimal]]) -> None:
    texts = [[plain(a), plain(b)] for a, b in pairs]
    found = run(modules, "format.js", "return a.map(([x, y]) => m.difference(x, y));", texts)
    assert [Decimal(text) for text in found] == [a - b for a, b in pairs]


@pytest.mark.parametrize(
    ("exact", "decimals", "shown"),
    [
        ("27.53", 3, "27.530"),
        ("27", 2, "27.00"),
        ("-12.5", 2, "\N{MINUS SIGN}12.50"),
        ("0.123456789", 3, "0.123456789"),
        (None, 3, "\N{EN DASH}"),
    ],
)
def test_a_price_keeps_every_digit(modules: Page, exact: str | None, decimals: int, shown: str) -> None:
    assert run(modules, "format.js", "return m.price(a[0], a[1]);", [exact, decimals]) == shown


@pytest.mark.parametrize(
    ("seconds", "shown"),
    [
        (0.34, "0.3 s"),
        (9.96, "9.9 s"),
        (10, "10 s"),
        (119.9, "119 s"),
        (120, "2 min"),
        (7200, "2 h"),
        (172800, "2 d"),
        (-1, "0.0 s"),
    ],
)
def test_an_age_is_told_in_the_unit_that_fits(modules: Page, seconds: float, shown: str) -> None:
    assert run(modules, "format.js", "return m.age(a);", seconds) == shown


def test_coverage_is_never_rounded_up_to_complete(modules: Page) -> None:
    assert run(modules, "format.js", "return [0.99999, 1, null].map(m.percent);") == ["99.99 %", "100 %", "\N{EN DASH}"]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(count=st.integers(1, 400), capacity=st.integers(1, 50))
def test_a_ring_holds_the_newest_rows_in_order(modules: Page, count: int, capacity: int) -> None:
    body = """const ring = new m.Ring(2, a[1]);
        for (let n = 0; n < a[0]; n += 1) ring.push(n, -n);
        return ring.since(0, a[0] / 2).map((column) => [...column]);"""
    first = max(count - capacity, -(-count // 2))
    kept = list(range(first, count))
    assert run(modules, "ring.js", body, [count, capacity]) == [kept, [-n for n in kept]]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(cuts=st.lists(st.integers(1, 200), max_size=12), line=st.sampled_from(["\n", "\r\n"]))
def test_events_are_whole_however_the_stream_is_cut(modules: Page, cuts: list[int], line: str) -> None:
    frames = [["id: b-1-1", "event: ticks", 'data: {"symbol":"Größe"}', ""], [": beat", ""], ["data: a", "data: b", ""]]
    stream = [*"".join(f"{text}{line}" for frame in frames for text in frame).encode()]
    body = """const bytes = new Uint8Array(a.stream);
        const cuts = [...new Set(a.cuts)].sort((x, y) => x - y).filter((at) => at < bytes.length);
        const body = new ReadableStream({ start(out) {
            let from = 0;
            for (const to of [...cuts, bytes.length]) { out.enqueue(bytes.slice(from, to)); from = to; }
            out.close();
        } });
        const found = [];
        for await (const event of m.events(body)) if (event) found.push([event.id, event.event, event.data]);
        return found;"""
    assert run(modules, "sse.js", body, {"stream": stream, "cuts": cuts}) == [
        ["b-1-1", "ticks", '{"symbol":"Größe"}'],
        ["b-1-1", "message", "a\nb"],
    ]


INSTRUMENT = """const one = new m.Instrument('TTF-GAS');
    const quote = (at, sequence = at) => ({ symbol: 'TTF-GAS', at, sequence, place: `1/0/${sequence}`, bid: '1.5',
        ask: '1.525', bidSize: '1', askSize: '2' });"""


def test_a_symbol_never_goes_backwards(modules: Page) -> None:
    body = f"""{INSTRUMENT}
        const taken = [[100, 1], [90, 2], [100, 1], [100, 3], [101, 4]].map(([at, id]) => one.take(quote(at, id), at));
        return [taken, one.quote.sequence, one.tape.length];"""
    assert run(modules, "book.js", body) == [[True, False, False, True, True], 4, 3]


def test_what_is_stored_takes_the_place_of_what_the_stream_left_out(modules: Page) -> None:
    body = f"""{INSTRUMENT}
        for (const at of [10, 20, 30, 40]) one.take(quote(at), at);
        one.remember([15, 20, 25, 30].map((at) => quote(at)));
        return [[...one.history.since(0, 0)[0]], one.tape.map((tick) => tick.at), one.quote.at];"""
    assert run(modules, "book.js", body) == [[10, 15, 20, 25, 30, 40], [40, 30, 25, 20, 15], 40]


def test_a_symbol_is_stale_after_ten_of_its_own_intervals(modules: Page) -> None:
    body = f"""{INSTRUMENT}
        one.describe({{ profile: 'default', unit: null, isOpen: true, rate: NaN, patience: 30000 }});
        for (let at = 0; at <= 60000; at += 1000) one.take(quote(at), at);
        const slow = [60000, 69000, 71000].map((at) => one.state(at));
        one.describe({{ profile: 'default', unit: null, isOpen: true, rate: NaN, patience: 5000 }});
        return [slow, one.state(66000), one.silence];"""
    assert run(modules, "book.js", body) == [["live", "live", "stale"], "stale", 5000]


def test_a_gap_is_told_for_a_minute_or_until_it_is_filled(modules: Page) -> None:
    body = f"""{INSTRUMENT}
        const gap = (key, isOpen) => ({{ key, isOpen, found: 1000, kind: 'gap', from: 1, to: 2 }});
        const states = [];
        const look = (at) => {{ one.take(quote(at), at); states.push(one.state(at)); }};
        look(1000); one.notice(gap('1', true)); look(2000);
        one.notice(gap('1', false)); look(3000);
        one.notice(gap('2', true)); look(60999); look(61001);
        return states;"""
    assert run(modules, "book.js", body) == ["live", "gap", "live", "gap", "live"]


def test_a_result_of_a_hundred_thousand_rows_is_a_few_elements(modules: Page) -> None:
    body = """const rows = Array.from({ length: 100000 }, (_, n) => [n, `row ${n}`]);
        const here = document.getElementById('here');
        here.style.height = '400px';
        const element = m.grid([{ name: 'n', isNumber: true }, { name: 'text' }], rows, 'Result');
        here.replaceChildren(element);
        const settled = () => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
        await settled();
        const first = element.innerText.includes('row 0');
        element.scrollTop = element.scrollHeight;
        await settled();
        return [first, element.innerText.includes('row 99999'), element.querySelectorAll('.row').length < 60];"""
    assert run(modules, "grid.js", body) == [True, True, True]


def test_a_csv_field_is_quoted_where_it_must_be(modules: Page) -> None:
    answer = {"columns": [{"name": "a,b"}], "rows": [['say "no"'], [None], ["x\ny"], [1.5]]}
    found = "".join(run(modules, "snippets.js", "return m.csv(a);", answer))
    assert found == '"a,b"\r\n"say ""no"""\r\n\r\n"x\ny"\r\n1.5\r\n'


def test_an_address_says_where_its_reader_is(modules: Page) -> None:
    body = """const hash = m.hashOf('live', ['A/B C'], { range: '5m', filter: '', sql: null });
        const { tab, path, params } = m.parse(hash);
        return [hash, tab, path, params.get('range')];"""
    assert run(modules, "route.js", body) == ["#/live/A%2FB%20C?range=5m", "live", ["A/B C"], "5m"]


def test_what_holds_the_pipeline_up_is_named(modules: Page) -> None:
    part = {"halted": None, "drained": 0.5, "open": 2, "held": 1, "end": 10, "partition": 0}
    calm = {"down": [], "partitions": [part], "lagSeconds": 0.4, "alarms": [], "links": {}}
    late = calm | {"lagSeconds": 20}
    cases = [
        calm,
        late,
        late | {"partitions": [part | {"drained": 60}]},
        late | {"partitions": [part | {"open": 0}]},
        calm | {"partitions": [part | {"halted": "breaker"}]},
        late | {"down": [{"name": "kafka", "sentence": "Kafka is away: no answer"}]},
    ]
    found = run(modules, "flow.js", "return a.map((status) => m.holdup(status));", json.loads(json.dumps(cases)))
    assert found == [None, "workers", "drainer", "drainer", "drainer", "kafka"]


def test_bytes_are_shown_as_they_are(modules: Page) -> None:
    body = """const bytes = m.fromBase64(a);
        return [m.dump(bytes, false), m.utf8(bytes)];"""
    dumped, text = run(modules, "hex.js", body, "eyJzeW1ib2wiOiL/In0AAQ==")
    assert dumped.splitlines()[0] == '000000  7b 22 73 79 6d 62 6f 6c 22 3a 22 ff 22 7d 00 01  {"symbol":"·"}··'
    assert text is None


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2026-01-05 08:30:00", "2026-01-05T08:30:00.000Z"),
        ("2026-01-05T08:30:00.123456Z", "2026-01-05T08:30:00.123Z"),
        (" 2026-01-05 08:30 ", "2026-01-05T08:30:00.000Z"),
        ("2026-01-05", "2026-01-05T00:00:00.000Z"),
        ("2026-13-05", None),
        ("2026-01-05 24:00", None),
        ("yesterday", None),
        ("", None),
    ],
)
def test_an_instant_is_read_as_people_write_it(modules: Page, text: str, instant: str | None) -> None:
    body = "const ms = m.instantIn(a); return Number.isNaN(ms) ? null : new Date(ms).toISOString();"
    assert run(modules, "extent.js", body, text) == instant


def test_a_range_is_overlooked_in_no_more_bars_than_a_screen_shows(modules: Page) -> None:
    spans = [60_000, 600_000, 3_600_000, 86_400_000, 30 * 86_400_000, 400 * 86_400_000]
    assert run(modules, "extent.js", "return a.map(m.intervalFor);", spans) == ["1s", "1s", "5s", "5m", "1h", "1d"]


def test_ticks_of_a_replay_that_the_log_has_twice_are_both_shown(modules: Page) -> None:
    raw = {
        "symbol": "TTF-GAS", "event_time": "2026-01-05T08:30:00.000001Z", "received_time": "2026-01-05T08:30:00Z",
        "bid_price": "1.5", "ask_price": None, "bid_volume": "1", "ask_volume": None, "sequence_id": 7, "run": "r",
    }  # fmt: skip
    body = """const { Instrument } = await import('/book.js');
        const one = new Instrument('TTF-GAS');
        for (const number of [1, 2, 2]) one.take(m.replayed(a, number), 0);
        return one.tape.map((quote) => quote.place);"""
    assert run(modules, "wire.js", body, raw) == ["r/2", "r/1"]


def test_a_feed_whose_symbols_are_all_stale_is_stale(modules: Page) -> None:
    body = """
        const book = new m.Book();
        const quote = (symbol) => ({ symbol, at: 1_000, place: `${symbol}/1`, bid: '27', ask: '28' });
        book.take([quote('A'), quote('B')], 1_000);
        for (const one of book.instruments.values()) one.describe({ isOpen: true, rate: 10, patience: 30_000 });
        const after = (ms) => [book.state(1_000 + ms), book.of('A').state(1_000 + ms)];
        const found = [after(1_000), after(10_000)];
        book.take([{ ...quote('B'), at: 10_500, place: 'B/2' }], 10_500);
        return [...found, after(10_000)];
    """
    assert run(modules, "book.js", body) == [["live", "live"], ["stale", "stale"], ["live", "stale"]]
