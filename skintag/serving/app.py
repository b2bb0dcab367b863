"""The app: middleware, routes, errors, and the life of what is behind them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Final

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.responses import Response

from skintag.bundle.bundle import Bundle
from skintag.serving.endpoints import Endpoints
from skintag.serving.engine import Engine
from skintag.serving.metrics import Metrics
from skintag.serving.middleware import Guard
from skintag.serving.problems import Problem, request_id_of
from skintag.serving.schemas import BatchLine
from skintag.serving.service import Service
from skintag.serving.settings import Settings
from skintag.serving.short_way import ShortWay
from skintag.serving.watch import load, watch
from skintag.serving.webapp import BUILT, WebApp

_DETAIL: Final = {
    404: "There is nothing at this path: see /api/openapi.json.",
    405: "This path takes other methods.",
}
_UNTOLD: Final[Any] = {
    "tracing": False, "metrics": False, "logs": False, "operation_spans": False, "auto_configure": False,
}  # fmt: skip
"""Of FastAPI's own telemetry, which quotes requests and errors: what is told is in `logs` and `metrics`."""
DESCRIPTION: Final = (
    "What a SkinTag bundle says of a photograph of a skin lesion. A screening aid, not a diagnosis. Pictures stay in "
    "memory while they are answered, and are neither kept nor logged."
)


def create_app(bundle: Bundle | str | Path | None = None, *, settings: Settings | None = None) -> FastAPI:
    """The app over a bundle; it can be mounted in another one.

    Where it is mounted, the outer app's lifespan is the one that runs: enter `app.state.lifespan(app)` in it, so that
    newer bundles are looked for and what is under way is finished at the end. Without that all endpoints work.

    Args:
        bundle: loaded, or its path; None: the one that the settings name. A newer one is looked for only where it is a
            path.
        settings: to run by; None: of the environment.

    Raises:
        DataError: no bundle, or a broken one.
        ValidationError: the environment holds a value that will not do.
    """
    settings = settings or Settings()
    path = None if isinstance(bundle, Bundle) else Path(bundle or settings.bundle)
    engine = Engine.of(bundle, settings.max_pixels) if isinstance(bundle, Bundle) else load(settings, path)
    service = Service(engine, settings, Metrics())
    web = WebApp(Path(settings.web) if settings.web else BUILT, settings.idle_timeout)

    @asynccontextmanager
    async def lifespan(app: Any) -> AsyncIterator[None]:
        ended = threading.Event()
        if path is not None and settings.reload_seconds:
            given = service, path, asyncio.get_running_loop(), ended
            threading.Thread(target=watch, args=given, name="watch", daemon=True).start()
        try:
            yield
        finally:
            ended.set()
            await service.finish(settings.shutdown_timeout)

    app = _app(lifespan, service, Endpoints(service, web))
    app.state.service, app.state.lifespan, app.state.web = service, lifespan, web
    return app


def described() -> FastAPI:
    """The app as OpenAPI describes it, over no bundle."""
    service: Any = SimpleNamespace(settings=Settings.model_construct(), metrics=Metrics(), draining=False)
    return _app(None, service, Endpoints(service, WebApp(BUILT, 1)))


def _middleware(service: Service, endpoints: Endpoints) -> list[Middleware]:
    """From the outermost in."""
    layers = [Middleware(Guard, metrics=service.metrics, draining=lambda: service.draining)]
    if service.settings.cors:
        layers.append(
            Middleware(
                CORSMiddleware,
                allow_origins=list(service.settings.cors),
                allow_methods=["GET", "POST"],
                allow_headers=["x-api-key", "authorization", "x-request-id", "content-type"],
                expose_headers=["x-request-id", "retry-after", "etag"],
                max_age=600,
            )
        )
    return [*layers, Middleware(ShortWay, analyze=endpoints.analyze)]


def _app(lifespan: Any, service: Service, endpoints: Endpoints) -> FastAPI:
    app = FastAPI(
        title="SkinTag",
        version="1",
        description=DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
        telemetry=_UNTOLD,
        middleware=_middleware(service, endpoints),
        exception_handlers={
            Problem: _problem,
            HTTPException: _http_error,
            RequestValidationError: _invalid,
        },
    )
    app.include_router(endpoints.router())
    made = app.openapi

    def openapi() -> dict[str, Any]:
        document = made()
        schemas = document["components"]["schemas"]
        schemas |= _definitions()
        if schemas.pop("HTTPValidationError", None):  # of a path, which is any text: it cannot be wrong
            del schemas["ValidationError"], document["paths"]["/bundle/{path}"]["get"]["responses"]["422"]
        return document

    app.openapi = openapi  # type: ignore[method-assign]
    return app


def _definitions() -> dict[str, Any]:
    """Of lines in a stream, which no route names as its answer."""
    schema = BatchLine.model_json_schema(ref_template="#/components/schemas/{model}")
    return {**schema.pop("$defs", {}), BatchLine.__name__: schema}


async def _problem(request: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response(request_id_of(request))


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    detail = _DETAIL.get(error.status_code, str(error.detail))
    answer = Problem(error.status_code, f"http-{error.status_code}", detail).response(request_id_of(request))
    answer.headers.update(error.headers or {})
    return answer


async def _invalid(request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    said = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
    return Problem(422, "request", f"Expected another request: {said}").response(request_id_of(request))
