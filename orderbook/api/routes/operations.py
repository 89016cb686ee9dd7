"""Whether this process lives, whether it can serve, and how the pipeline stands."""

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic import BaseModel

from orderbook.api.measured import exposition
from orderbook.api.problems import Problem, answers
from orderbook.api.service import service_of
from orderbook.api.status import SourceState, Status, sources_of, status_of

router = APIRouter(tags=["operations"])


class Alive(BaseModel):
    """This process answers."""

    status: str = "ok"


class Ready(BaseModel):
    """Every service answers."""

    status: str = "ready"
    sources: dict[str, SourceState]


@router.get("/healthz", responses=answers(), summary="Whether this process lives")
async def healthz() -> Alive:
    """Says nothing about the services behind it: a restart would not mend them."""
    return Alive()


@router.get("/readyz", responses=answers(), summary="Whether every service behind it answers")
async def readyz(request: Request) -> Ready:
    """503 names each service that is away, as the watchers found it at most a few seconds ago."""
    sources = sources_of(service_of(request))
    away = {name: state.error for name, state in sources.items() if not state.up}
    if away:
        told = "; ".join(f"{name} is away: {error}" for name, error in away.items())
        raise Problem(
            503,
            told,
            "start it, or see orderbook doctor",
            sources={name: state.model_dump() for name, state in sources.items()},
        )
    return Ready(sources=sources)


@router.get("/v1/status", responses=answers(), summary="How the pipeline stands")
async def status(request: Request, response: Response) -> Status:
    """Always 200: a service that is away is named in ``sources``, and what only it knows is null."""
    response.headers["Cache-Control"] = "no-store"
    return status_of(service_of(request))


@router.get(
    "/metrics",
    responses=answers() | {200: {"content": {"text/plain": {"schema": {"type": "string"}}}}},
    response_class=Response,
    summary="What this process measures of itself, for Prometheus",
)
def metrics(request: Request) -> Response:
    """Of the requests to this process, and its live clients; the pipeline's own metrics are served by the exporter."""
    return Response(exposition(service_of(request).hub), headers={"Content-Type": CONTENT_TYPE_LATEST})
