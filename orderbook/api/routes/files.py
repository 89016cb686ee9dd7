"""The cold files: what the manifest has, and the bytes of one, by id."""

import re
from collections.abc import Iterator
from typing import Annotated, Final

from fastapi import APIRouter, Header, Path, Request, Response
from pydantic import BaseModel, Field

from orderbook.api.formats import MEDIA_TYPES, Form
from orderbook.api.problems import Problem, answers
from orderbook.api.service import Service, service_of
from orderbook.api.stream import Streamed, from_thread
from orderbook.archive.root import Missing, Root
from orderbook.live.quotes import instant_text
from orderbook.store import manifest
from orderbook.store.manifest import ColdFile

router = APIRouter(prefix="/v1", tags=["files"])

CHUNK: Final = 2**20
_RANGE: Final = re.compile(r"bytes=(\d{0,18})-(\d{0,18})", re.ASCII)


class FileState(BaseModel):
    """A cold file: one day of ticks, or what landed of it later."""

    id: int
    day: str
    rows: int
    bytes: int
    sha256: str
    first_time: str
    last_time: str
    first_symbol: str
    last_symbol: str
    schema_version: int
    live_at: str | None
    problem: str | None = Field(description="what the last verification found")


class Files(BaseModel):
    """The files that are part of the data, oldest day first."""

    files: list[FileState]


FileId = Annotated[int, Path(ge=0, le=2**63 - 1)]


@router.get("/files", responses=answers(), summary="Cold files")
def files(request: Request) -> Files:
    """Each is Parquet, sorted by symbol, event time and place in the log."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        found = manifest.files(snapshot)
    return Files(files=[_state(file) for file in sorted(found, key=lambda file: (file.day, file.id))])


def _state(file: ColdFile) -> FileState:
    return FileState(
        id=file.id,
        day=file.day.isoformat(),
        rows=file.rows,
        bytes=file.size_bytes,
        sha256=bytes(file.sha256).hex(),
        first_time=instant_text(file.first_time),
        last_time=instant_text(file.last_time),
        first_symbol=file.first_symbol,
        last_symbol=file.last_symbol,
        schema_version=file.schema_version,
        live_at=None if file.live_at is None else instant_text(file.live_at),
        problem=file.problem,
    )


_BYTES = {MEDIA_TYPES[Form.PARQUET]: {"schema": {"type": "string", "format": "binary"}}}
_TAG = {"ETag": {"schema": {"type": "string"}, "description": "the file's SHA-256"}}


@router.get(
    "/files/{file_id}",
    responses=answers(404, 416)
    | {
        200: {"description": "the whole file", "content": _BYTES, "headers": _TAG},
        206: {"description": "a part of it", "content": _BYTES, "headers": _TAG},
        304: {"description": "what the client has is the same"},
    },
    response_class=Response,
    summary="The bytes of one cold file",
)
def file_bytes(
    request: Request,
    file_id: FileId,
    wanted: Annotated[str | None, Header(alias="Range", max_length=100, description="one range: bytes=0-1023")] = None,
    if_none_match: Annotated[str | None, Header(max_length=1_000)] = None,
    if_range: Annotated[str | None, Header(max_length=200)] = None,
) -> Response:
    """Found by its id in the manifest: nothing of a request ever becomes a path. The ETag is the file's SHA-256."""
    service = service_of(request)
    service.require_postgres()
    with service.reader.snapshot() as snapshot:
        file = next((file for file in manifest.files(snapshot) if file.id == file_id), None)
    if file is None:
        raise Problem(404, f"there is no cold file {file_id}", "GET /v1/files lists them")
    tag = f'"{bytes(file.sha256).hex()}"'
    headers = {"ETag": tag, "Accept-Ranges": "bytes", "Cache-Control": "private, max-age=31536000, immutable"}
    if if_none_match is not None and tag in {part.strip() for part in if_none_match.split(",")}:
        return Response(status_code=304, headers=headers)
    span = _span(wanted, file.size_bytes) if wanted is not None and if_range in {None, tag} else None
    return _answer(service, file, span, headers)


def _span(wanted: str, size: int) -> tuple[int, int] | None:
    """First byte and the one after the last; None: the whole file, since the header is none that we know."""
    found = _RANGE.fullmatch(wanted.strip())
    if found is None or not (found[1] or found[2]):
        return None
    if not found[1]:
        first, end = max(0, size - int(found[2])), size
    else:
        first, end = int(found[1]), min(size, int(found[2]) + 1) if found[2] else size
    if first >= end:
        told = {"Content-Range": f"bytes */{size}"}
        raise Problem(416, f"the file has {size} bytes", "ask for a range within", headers=told)
    return first, end


def _answer(service: Service, file: ColdFile, span: tuple[int, int] | None, headers: dict[str, str]) -> Response:
    first, end = span or (0, file.size_bytes)
    name = f"ticks-{file.day.isoformat()}-{file.id}.parquet"
    told = headers | {"Content-Length": str(end - first), "Content-Disposition": f'attachment; filename="{name}"'}
    root = Root(service.settings.archive)
    if not root.exists(file.path):
        raise Missing(f"{file.path} is not in the cold root")
    answer = Streamed(from_thread(_read(root, file.path, first, end)), MEDIA_TYPES[Form.PARQUET], told)
    if span is not None:
        answer.status_code = 206
        answer.raw_headers.append((b"content-range", f"bytes {first}-{end - 1}/{file.size_bytes}".encode()))
    return answer


def _read(root: Root, path: str, first: int, end: int) -> Iterator[bytes]:
    with root.opened(path) as source:
        source.seek(first)
        while first < end:
            part = source.read(min(CHUNK, end - first))
            if not part:
                return
            first += len(part)
            yield part
