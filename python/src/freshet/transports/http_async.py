"""Connections to a gateway with asyncio, through httpx."""

from __future__ import annotations

from typing import Any

from ..backends import Request, Response
from ..errors import MissingExtra, Unavailable
from .http_settings import HTTPSettings


class AsyncHTTPPool:
    """Kept connections for asyncio."""

    def __init__(self, settings: HTTPSettings) -> None:
        try:
            import httpx
        except ImportError as fault:
            raise MissingExtra("async", "httpx") from fault
        self._settings = settings
        self._httpx = httpx
        tls: Any = settings.tls_context()
        self._client = httpx.AsyncClient(
            timeout=settings.timeout,
            limits=httpx.Limits(max_connections=settings.pool_size, max_keepalive_connections=settings.pool_size),
            verify=True if tls is None else tls,
            trust_env=False,
        )

    async def perform(self, request: Request) -> Response:
        try:
            return await self._exchange(request)
        except (self._httpx.RemoteProtocolError, self._httpx.ReadError, self._httpx.WriteError) as fault:
            # A kept connection that the server has closed in between.
            if not request.is_safe:
                raise self._settings.unreachable(fault) from fault
        try:
            return await self._exchange(request)
        except self._httpx.TransportError as fault:
            raise self._settings.unreachable(fault) from fault

    async def _exchange(self, request: Request) -> Response:
        timeout = self._settings.timeout + request.extra_timeout
        base = self._settings.address.url.rstrip("/")
        url = base.removesuffix(self._settings.target_prefix) + self._settings.target(request)
        try:
            answer = await self._client.request(
                request.method, url, content=request.body, headers=self._settings.headers(request), timeout=timeout
            )
        except self._httpx.PoolTimeout as fault:
            raise Unavailable(
                f"all {self._settings.pool_size} connections are in use", fix="raise pool_size"
            ) from fault
        except self._httpx.TimeoutException as fault:
            raise self._settings.late(timeout) from fault
        except self._httpx.ConnectError as fault:
            raise self._settings.unreachable(fault) from fault
        return Response(
            answer.status_code, {name.lower(): value for name, value in answer.headers.items()}, answer.content
        )

    async def close(self) -> None:
        await self._client.aclose()
