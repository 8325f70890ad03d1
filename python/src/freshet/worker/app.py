"""The worker's HTTP: queries as endpoints, probes and metrics."""

from __future__ import annotations

import hmac
import json
import re
import time
from collections.abc import Mapping
from typing import Any
from urllib.parse import parse_qsl

from fastapi import FastAPI, Request, Response

from .. import __version__
from ..tasks import plain
from .pool import Busy, Late
from .query_host import Crashed
from .service import Service

_BODY_MAX = 1024 * 1024
_LOCAL_HOSTS = ("127.0.0.1", "localhost", "[::1]")
_PROBES = ("/livez", "/readyz", "/metrics")


def make_app(service: Service, *, token: str | None = None, is_local: bool = True) -> FastAPI:
    """The application; its answers follow the gateway's: JSON, and problems of RFC 9457."""
    app = FastAPI(title="Freshet worker", version=__version__, docs_url=None, redoc_url=None)

    @app.middleware("http")
    async def guard(request: Request, forward: Any) -> Response:
        if (refusal := _refusal(request, token, is_local)) is not None:
            return refusal
        response: Response = await forward(request)
        return response

    @app.get("/livez")
    async def livez() -> Response:
        return Response("ok\n", media_type="text/plain")

    @app.get("/readyz")
    async def readyz() -> Response:
        if service.problems:
            return Response(
                "".join(f"{name}: {text}\n" for name, text in service.problems.items()), 503, media_type="text/plain"
            )
        return Response("ok\n", media_type="text/plain")

    @app.get("/metrics")
    async def metrics() -> Response:
        return Response(service.metrics.text(), media_type="text/plain; version=0.0.4")

    @app.get("/v1/queries")
    async def queries() -> Response:
        found = [
            {
                "name": query.name,
                "deployment": running.version.name,
                "version": running.version.number,
                "summary": query.summary,
                "timeout": query.timeout,
                "parameters": [plain(parameter) for parameter in query.parameters],
            }
            for running in service.running.values()
            for query in running.queries.values()
        ]
        return _json(200, {"queries": found})

    @app.get("/v1/queries/{name}")
    async def get_query(name: str, request: Request) -> Response:
        given: dict[str, list[Any]] = {}
        for key, value in parse_qsl(request.url.query, keep_blank_values=True):
            given.setdefault(key, []).append(value)
        return await _answer(service, name, given)

    @app.post("/v1/queries/{name}")
    async def post_query(name: str, request: Request) -> Response:
        body = bytearray()
        async for part in request.stream():
            body += part
            if len(body) > _BODY_MAX:
                return _problem(413, "content_too_large", f"the body has more than {_BODY_MAX} bytes", "send less")
        try:
            members = json.loads(bytes(body) or b"{}")
        except ValueError as fault:
            return _problem(400, "body", f"the body is no JSON: {fault}", "send an object with the parameters")
        if not isinstance(members, dict):
            return _problem(400, "body", "the body is no JSON object", "send an object with the parameters")
        given = {
            key: value if isinstance(value, list) else [value] for key, value in members.items() if value is not None
        }
        return await _answer(service, name, given)

    return app


async def _answer(service: Service, name: str, given: Mapping[str, list[Any]]) -> Response:
    found = service.find(name)
    if found is None:
        names = ", ".join(sorted(query for running in service.running.values() for query in running.queries)) or "none"
        return _problem(404, "not_found", f"there is no query {name}", f"queries: {names}")
    query, pool, version = found
    begin = time.perf_counter()
    kills, crashes = pool.counts.kills, pool.counts.crashes
    try:
        answer = await pool.call(query.arguments(given))
        status = int(answer["status"])
        if status == 200:
            response = _json(200, {"query": name, "version": version.number, "result": answer["result"]})
        else:
            response = _problem(
                status, "query", f"{name} failed: {answer['error']}", "the worker's log has the traceback"
            )
    except ValueError as fault:
        response = _problem(400, "parameter", str(fault), "GET /v1/queries lists the parameters")
    except Late as fault:
        response = _problem(
            504, "timeout", f"{name}: {fault}", f"make it faster, or give it a longer timeout than {query.timeout:g} s"
        )
    except Crashed as fault:
        response = _problem(
            500, "crashed", f"{name}: {fault}", "the worker's log says more; --memory bounds what it may use"
        )
    except Busy as fault:
        response = _problem(503, "busy", f"{name}: {fault}", "try again, or give the query more concurrency")
        response.headers["Retry-After"] = "1"
    response.headers["X-Freshet-Query-Version"] = str(version.number)
    metrics = service.metrics
    metrics.add("freshet_query_requests_total", query=name, status=str(response.status_code))
    metrics.add("freshet_query_kills_total", pool.counts.kills - kills, query=name)
    metrics.add("freshet_query_crashes_total", pool.counts.crashes - crashes, query=name)
    metrics.observe("freshet_query_seconds", time.perf_counter() - begin, query=name)
    return response


def _refusal(request: Request, token: str | None, is_local: bool) -> Response | None:
    if request.url.path in _PROBES:
        return None
    if is_local and re.sub(r":[0-9]+$", "", request.headers.get("host", "")) not in _LOCAL_HOSTS:
        return _problem(
            403, "forbidden", "the Host header does not name this machine", "call it as 127.0.0.1, or give a token file"
        )
    if token is not None:
        given = request.headers.get("authorization", "").removeprefix("Bearer ")
        if not hmac.compare_digest(given.encode(), token.encode()):
            return _problem(401, "unauthorized", "the token is missing or wrong", "send Authorization: Bearer TOKEN")
    return None


def _json(status: int, value: Any) -> Response:
    content = json.dumps(value, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(content, status, {"Cache-Control": "no-store"}, "application/json")


def _problem(status: int, code: str, detail: str, fix: str) -> Response:
    members = {
        "type": "about:blank",
        "title": code.replace("_", " "),
        "status": status,
        "detail": detail,
        "code": code,
        "fix": fix,
    }
    return Response(
        json.dumps(members, ensure_ascii=False).encode(),
        status,
        {"Cache-Control": "no-store"},
        "application/problem+json",
    )
