"""The live page: the files of ``orderbook/web``, served from this origin alone."""

from importlib.resources import files
from pathlib import Path
from typing import Final

from starlette.exceptions import HTTPException
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import Scope

WEB: Final = Path(str(files("orderbook").joinpath("web")))


class Page(StaticFiles):
    """Serves ``index.html`` at ``/``; browsers ask each time whether a file is still the same (ETag)."""

    def __init__(self) -> None:
        super().__init__(directory=WEB, html=True)

    async def get_response(self, path: str, scope: Scope) -> Response:
        """One file."""
        try:
            answer = await super().get_response(path, scope)
        except (OSError, ValueError) as error:  # a path too long, or with a zero byte
            raise HTTPException(404, "there is no such file") from error
        answer.headers["Cache-Control"] = "no-cache"
        return answer
