"""A run as one HTML file: no script, no font, no request. Readable at a glance, dark and light. Pure."""

from collections.abc import Iterable, Iterator, Sequence
from html import escape
from typing import Final

from orderbook.store.expectation_runs import ExpectationResult, ExpectationRun

_STYLE: Final = """
:root { color-scheme: light dark; --ink: #1b1f24; --paper: #fff; --dim: #59636e; --line: #d1d9e0; --soft: #f6f8fa;
  --good: #1a7f37; --bad: #c62828; --warn: #9a6700 }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --paper: #0d1117; --dim: #9198a1; --line: #3d444d;
  --soft: #151b23; --good: #3fb950; --bad: #ff7b72; --warn: #d29922 } }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--ink); background: var(--paper); margin: 2rem auto;
  max-width: 76rem; padding: 0 1rem }
h1 { font-size: 1.4rem; margin: 0 } h2 { font-size: 1.1rem; margin: 2.2rem 0 .6rem } h3 { font-size: 1rem; margin: 0 }
.verdict { border-left: .5rem solid; padding: .3rem 0 .3rem 1rem; margin-bottom: 1.2rem }
.verdict strong { font-size: 1.6rem; display: block }
.tiles { display: flex; flex-wrap: wrap; gap: .7rem; margin: 0; padding: 0; list-style: none }
.tiles li { background: var(--soft); border: 1px solid var(--line); border-radius: 6px; padding: .5rem .9rem }
.tiles b { display: block; font-size: 1.25rem; font-variant-numeric: tabular-nums }
.tiles span, .dim { color: var(--dim) }
.wide { overflow-x: auto }
table { border-collapse: collapse; font-variant-numeric: tabular-nums }
th, td { padding: .22rem .7rem; text-align: left; border-bottom: 1px solid var(--line); white-space: nowrap }
th { color: var(--dim); font-weight: 600 }
td.n { text-align: right } td.told { white-space: normal; min-width: 20rem }
section.failing { border: 1px solid var(--line); border-left: .35rem solid var(--bad); border-radius: 6px;
  padding: .8rem 1rem; margin: .8rem 0 }
section.failing p { margin: .3rem 0 .7rem }
.good { color: var(--good) } .bad { color: var(--bad) } .warn { color: var(--warn) }
""".strip()
_POLICY: Final = "default-src 'none'; style-src 'unsafe-inline'"
_MARKS: Final = {
    True: '<td class="good">✓ holds</td>',
    False: '<td class="bad">✗ fails</td>',
    None: '<td class="dim">not judged</td>',
}
_VERDICTS: Final = {
    "passed": ("good", "Every expectation holds"),
    "failed": ("bad", "Expectations fail"),
    "empty": ("warn", "No tick to judge"),
    "error": ("bad", "The run broke off"),
}


def page(run: ExpectationRun, results: Sequence[ExpectationResult]) -> str:
    """The file's text; ``results`` are those of ``run``."""
    title = f"Expectations of {_window(run)}"
    failing = [result for result in results if result.passed is False]
    parts = [
        "<!doctype html>",
        f'<html lang="en"><head><meta charset="utf-8"><title>{escape(title)}</title>',
        f'<meta http-equiv="Content-Security-Policy" content="{escape(_POLICY)}">',
        '<meta name="viewport" content="width=device-width, initial-scale=1">',
        f"<style>{_STYLE}</style></head><body><header>",
        *_head(run, title, failing),
        "</header><main>",
        *(_failing(result) for result in failing),
        *_all(results),
        "</main></body></html>",
    ]
    return "\n".join(parts) + "\n"


def _window(run: ExpectationRun) -> str:
    if run.scope == "day":
        return f"{run.window_start:%Y-%m-%d} (UTC)"
    return f"{run.window_start:%Y-%m-%d %H:%M} to {run.window_end:%H:%M} (UTC)"


def _head(run: ExpectationRun, title: str, failing: Sequence[ExpectationResult]) -> Iterator[str]:
    kind, verdict = _VERDICTS[run.outcome]
    if failing:
        verdict = f"{len(failing)} of {run.passed + run.failed} expectations fail"
    yield f'<h1>{escape(title)}</h1><div class="verdict {kind}"><strong>{escape(verdict)}</strong>'
    yield f"{escape(run.detail)}</div>"
    critical = sum(result.severity == "critical" for result in failing)
    seconds = (run.finished_at - run.started_at).total_seconds()
    tiles = [
        (f"{run.ticks:,}", "ticks judged"),
        (f"{run.passed:,}", "expectations hold"),
        (f"{len(failing):,}", f"fail, {critical} of them critical"),
        (f"{seconds:.1f} s", f"run {run.id}, begun {run.started_at:%Y-%m-%d %H:%M:%S} UTC"),
    ]
    shown = "".join(f"<li><b>{escape(value)}</b><span>{escape(what)}</span></li>" for value, what in tiles)
    yield f'<ul class="tiles">{shown}</ul>'


def _failing(result: ExpectationResult) -> str:
    shown = len(result.rows)
    first = f", the first {shown}:" if shown < result.failed else ":"
    where = f'<span class="dim">{escape(_where(result))}</span>'
    return "\n".join(
        [
            f'<section class="failing" id="{escape(_name(result))}">',
            f'<h3><span class="bad">✗ {escape(result.name)}</span> {where}</h3>',
            f"<p>Expected: {escape(result.told)}. {result.failed:,} of {result.checked:,} fail{first}</p>",
            _rows(result.rows),
            "</section>",
        ]
    )


def _rows(rows: Sequence[dict[str, str | None]]) -> str:
    if not rows:
        return ""
    body = "".join(f"<tr>{_cells(row.values())}</tr>" for row in rows)
    heads = "".join(f"<th>{escape(name)}</th>" for name in rows[0])
    return f'<div class="wide"><table><thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table></div>'


def _cells(values: Iterable[str | None]) -> str:
    return "".join('<td class="dim">null</td>' if value is None else f"<td>{escape(value)}</td>" for value in values)


def _all(results: Sequence[ExpectationResult]) -> Iterator[str]:
    if not results:
        return
    yield '<h2>All expectations</h2><div class="wide"><table><thead><tr><th></th><th>expectation</th><th>profile</th>'
    yield "<th>severity</th><th>checked</th><th>failed</th><th>what is expected</th></tr></thead><tbody>"
    for result in results:
        mark = _MARKS[result.passed]
        name, told = escape(result.name), escape(result.told)
        linked = f'<a href="#{escape(_name(result))}">{name}</a>' if result.passed is False else name
        yield f"<tr>{mark}<td>{linked}</td><td>{escape(result.profile or '')}</td><td>{result.severity}</td>"
        yield f'<td class="n">{result.checked:,}</td><td class="n">{result.failed:,}</td>'
        yield f'<td class="told">{told}</td></tr>'
    yield "</tbody></table></div>"


def _name(result: ExpectationResult) -> str:
    return f"{result.name}.{result.profile}" if result.profile else result.name


def _where(result: ExpectationResult) -> str:
    return f"{result.severity}, profile {result.profile}" if result.profile else result.severity
