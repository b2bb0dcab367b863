"""The endpoints: what each takes, answers and refuses."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Coroutine
from typing import Any, Final, TypeVar

from fastapi import APIRouter, Request
from starlette.exceptions import HTTPException
from starlette.responses import Response, StreamingResponse

from skintag.bundle.manifest import MANIFEST
from skintag.serving.documents import BATCH, FILE, FORM, METRICS_TEXT, NDJSON, RETRY, WEB, errors
from skintag.serving.files import Served
from skintag.serving.guards import ApiKey, RateLimit, client_of
from skintag.serving.logs import log
from skintag.serving.metrics import MEDIA_TYPE
from skintag.serving.middleware import INTERNAL, Gone
from skintag.serving.problems import Problem, request_id_of
from skintag.serving.schemas import Analysis, Health, Model
from skintag.serving.service import Service
from skintag.serving.streams import Held, Stream
from skintag.serving.text import to_json
from skintag.serving.uploads import ClientDisconnect, Form, Limits, Memory, crop_of, held, parts_of, read_form
from skintag.serving.webapp import FOR_EVER, Pieces, WebApp, unchanged

T = TypeVar("T")
_POSTED: Final = ("api/analyze", "api/analyze/batch")


class Endpoints:
    """What the routes call.

    Args:
        service: that answers.
        web: the web app.
    """

    def __init__(self, service: Service, web: WebApp) -> None:
        self._service, self._web, s = service, web, service.settings
        self._key = ApiKey(s)
        self._rate = RateLimit(s.rate_per_minute, s.rate_burst, s.rate_clients)
        self._memory = Memory(s.memory_bytes)
        self._one = Limits(s.max_image_bytes, s.max_image_bytes, 1, s.idle_timeout, s.body_timeout)
        self._several = Limits(
            s.max_image_bytes, s.max_body_bytes, min(s.max_images, s.queue), s.idle_timeout, s.body_timeout
        )
        service.metrics.memory.set_function(lambda: self._memory.held)

    def router(self) -> APIRouter:
        """The routes, with what OpenAPI is told of each."""
        router = APIRouter()
        add, problem = router.add_api_route, errors
        add("/api/analyze", self.analyze, methods=["POST"], response_model=Analysis, tags=["analysis"],
            openapi_extra=FORM, responses=problem(400, 401, 408, 413, 415, 422, 429, 500, 503),
            summary="What the model says of a photograph", operation_id="analyze")  # fmt: skip
        add("/api/analyze/batch", self.batch, methods=["POST"], response_class=StreamingResponse, tags=["analysis"],
            openapi_extra=BATCH, responses={**NDJSON, **problem(400, 401, 408, 413, 415, 422, 429, 500, 503)},
            summary="What it says of several, as each is done", operation_id="analyze_batch")  # fmt: skip
        add("/api/health", self.health, methods=["GET"], response_model=Health, tags=["state"],
            summary="Whether the process lives", operation_id="health")  # fmt: skip
        add("/api/ready", self.ready, methods=["GET"], response_model=Health, responses=problem(503), tags=["state"],
            summary="Whether a bundle is loaded and tested, and takes pictures", operation_id="ready")  # fmt: skip
        add("/api/model", self.model, methods=["GET"], response_model=Model, responses=problem(401), tags=["model"],
            summary="The bundle in use: card, figures, thresholds, taxonomy", operation_id="model")  # fmt: skip
        add("/metrics", self.metrics, methods=["GET"], responses={**METRICS_TEXT, **problem(401)}, tags=["state"],
            response_class=Response, summary="For Prometheus", operation_id="metrics")  # fmt: skip
        add("/bundle/{path:path}", self.file, methods=["GET"], responses={**FILE, **problem(401, 404)},
            response_class=Response, tags=["model"], summary="A file of the bundle that a phone needs",
            operation_id="bundle_file")  # fmt: skip
        add("/bundle/{path:path}", self.file, methods=["HEAD"], include_in_schema=False)
        for path, asked in (
            ("/api/health", self.health),
            ("/api/ready", self.ready),
            ("/api/model", self.model),
            ("/metrics", self.metrics),
        ):
            add(path, asked, methods=["HEAD"], include_in_schema=False)
        add("/{path:path}", self.web, methods=["GET", "HEAD"], responses=WEB, response_class=Response,
            include_in_schema=False)  # fmt: skip
        return router

    async def analyze(self, request: Request) -> Response:
        """One photograph, JPEG, PNG, WebP, BMP or TIFF (HEIC where the server has pillow-heif), and a crop if wanted.

        Nothing of it is kept: it stays in memory until it is answered, and no longer.
        """
        self._key.check(request)
        self._rate.take(client_of(request))
        parts = parts_of(self._one, "image", ("crop",), self._memory)
        with held(self._memory, parts):
            form = await self._form(request, parts, self._one)
            crop = crop_of(form.fields.get("crop"))
            with self._service.admission():
                answer = await self._while_there(request, self._service.analyse(form.files[0], crop))
        return Response(to_json(answer), media_type="application/json")

    async def batch(self, request: Request) -> Response:
        """Several photographs; a line of JSON for each, in the order sent, as soon as it is done."""
        self._key.check(request)
        self._rate.take(client_of(request))
        parts = parts_of(self._several, "images", (), self._memory)
        stream = Held([held(self._memory, parts)])
        try:
            form = await self._form(request, parts, self._several)
            if len(form.files) > 1:
                self._rate.take(client_of(request), len(form.files) - 1)
            stream.hold(self._service.admission(len(form.files)))
        except BaseException:
            stream.close()
            raise
        lines = self._lines(form, request_id_of(request), stream)
        return Stream(lines, media_type="application/x-ndjson", background=None, held=stream)

    async def health(self) -> Response:
        """200 as long as the process answers."""
        return Response(to_json({"status": "ok"}), media_type="application/json")

    async def ready(self) -> Response:
        """503 where it is asked to end. A bundle that does not pass its test is never taken into use."""
        if self._service.draining or self._service.closed:
            raise Problem(503, "ending", "The server is ending: ask another one.", retry_after=RETRY)
        return Response(to_json({"status": "ok"}), media_type="application/json")

    async def model(self, request: Request) -> Response:
        """What the app shows of the model, and what decides."""
        self._key.check(request)
        said = self._service.current.about
        return Response(said, media_type="application/json", headers={"cache-control": "no-cache"})

    async def metrics(self, request: Request) -> Response:
        """Counts and times; nothing of any picture."""
        self._key.check(request)
        return Response(self._service.metrics.text(), headers={"content-type": MEDIA_TYPE})

    async def file(self, request: Request, path: str) -> Response:
        """A file as the manifest names it; with `?v=<its SHA-256>` it may be kept for ever."""
        self._key.check(request)
        found, version = self._service.current.served.get(path), request.query_params.get("v")
        if found is None or (version is not None and version != found[1]):
            other = "" if found is None else " with this v: a newer bundle is served"
            raise Problem(
                404, "no-file", f"No such file is served{other}. To do: read /bundle/{MANIFEST} again."
            )
        data, digest = found
        kept = FOR_EVER if version is not None and path != MANIFEST else "no-cache"
        headers = {"etag": f'"{digest}"', "cache-control": kept}
        if unchanged(request, headers["etag"]):
            return Response(status_code=304, headers=headers)
        patience = self._service.settings.idle_timeout
        return Pieces(data, patience=patience, media_type=Served.media_type(path), headers=headers)

    async def web(self, request: Request, path: str) -> Response:
        """The web app."""
        if path.split("/")[0] not in ("api", "bundle"):
            answer = await self._web.answer(request, path)
            if answer is not None:
                return answer
            if not path:
                return Response(
                    "The API is at /api; the web app is not built: make app\n", media_type="text/plain"
                )
        if path in _POSTED:
            raise HTTPException(405, headers={"allow": "POST"})
        raise HTTPException(404)

    async def _form(self, request: Request, parts: Any, limits: Limits) -> Form:
        try:
            with self._service.arrival():
                return await read_form(request, parts, limits)
        except ClientDisconnect as error:
            self._service.metrics.abandoned.inc()
            raise Gone from error

    async def _while_there(self, request: Request, work: Coroutine[Any, Any, T]) -> T:
        """What the work gives, as long as the client is there: else it is cancelled, and costs no inference."""
        task, gone = asyncio.ensure_future(work), asyncio.ensure_future(_disconnect(request))
        try:
            await asyncio.wait((task, gone), return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                return task.result()
            self._service.metrics.abandoned.inc()
            raise Gone
        finally:
            task.cancel()
            gone.cancel()

    async def _lines(self, form: Form, request_id: str | None, stream: Held) -> AsyncIterator[bytes]:
        tasks = [asyncio.ensure_future(self._service.analyse(data, None)) for data in form.files]
        form.files.clear()
        try:
            for index, task in enumerate(tasks):
                try:
                    line: dict[str, Any] = {"index": index, "analysis": await task}
                except Problem as problem:
                    line = {"index": index, "error": problem.to_json(request_id)}
                except Exception as error:
                    log("failed", logging.ERROR, error=error, request_id=request_id)
                    line = {"index": index, "error": INTERNAL.to_json(request_id)}
                yield to_json(line) + b"\n"
        finally:
            for task in tasks:
                task.cancel()
            stream.close()


async def _disconnect(request: Request) -> None:
    while (await request.receive())["type"] != "http.disconnect":
        pass


__all__ = ["Endpoints"]
