"""``/docs``: the description as a plain page of our own. No script, no style from elsewhere."""

from html import escape
from typing import Any

from fastapi import APIRouter, Request, Response

router = APIRouter(include_in_schema=False)

STYLE = """
:root { color-scheme: light dark; font: 16px/1.5 system-ui, sans-serif; }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; }
code, .path { font-family: ui-monospace, monospace; font-size: .9em; }
details { border-top: 1px solid #8884; padding: .6rem 0; } summary { cursor: pointer; }
.method { display: inline-block; width: 3.5rem; font-weight: 600; } .quiet { opacity: .75; }
table { border-collapse: collapse; margin: .5rem 0; width: 100%; } td, th { text-align: left; vertical-align: top; }
td, th { padding: .2rem .8rem .2rem 0; } pre { white-space: pre-wrap; font: inherit; }
"""


@router.get("/docs.css")
def style() -> Response:
    """The page's style."""
    return Response(STYLE, media_type="text/css")


@router.get("/docs")
def docs(request: Request) -> Response:
    """The description, to read."""
    schema = request.app.openapi()
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        "<title>orderbook API</title><link rel=stylesheet href=/docs.css>",
        f"<h1>{escape(schema['info']['title'])} <span class=quiet>{escape(schema['info']['version'])}</span></h1>",
        f"<pre>{escape(schema['info']['description'])}</pre>",
        "<p>For programs: <a href=/openapi.json>openapi.json</a></p>",
    ]
    for path, operations in schema["paths"].items():
        parts += [_operation(path, method, told) for method, told in operations.items()]
    return Response("\n".join(parts), media_type="text/html")


def _operation(path: str, method: str, told: dict[str, Any]) -> str:
    rows = "".join(
        f"<tr><td><code>{escape(one['name'])}</code><td class=quiet>{escape(_type(one['schema']))}"
        f"<td>{escape(one.get('description', ''))}"
        for one in told.get("parameters", ())
    )
    table = f"<table><tr><th>parameter<th>type<th>meaning{rows}</table>" if rows else ""
    answers = ", ".join(status for status in told["responses"] if status.startswith(("2", "3")))
    return (
        f"<details><summary><span class=method>{method.upper()}</span><span class=path>{escape(path)}</span> "
        f"<span class=quiet>{escape(told.get('summary', ''))}</span></summary>"
        f"<pre>{escape(told.get('description', ''))}</pre>{table}"
        f"<p class=quiet>answers {answers}, or a problem</details>"
    )


def _type(schema: dict[str, Any]) -> str:
    if "enum" in schema:
        return " | ".join(map(str, schema["enum"]))
    if "anyOf" in schema:
        return " | ".join(kind for kind in map(_type, schema["anyOf"]) if kind != "null")
    if "items" in schema:
        return f"{_type(schema['items'])}, …"
    return str(schema.get("type") or schema.get("$ref", "").rpartition("/")[2])
