"""Connections to a gateway with the standard library alone."""

from __future__ import annotations

import http.client
import queue
import select
import ssl
import threading
from urllib.parse import urlsplit

from ..backends import Request, Response
from ..errors import BadReply, FreshetError, Unavailable
from .http_settings import MAX_ANSWER_BYTES, HTTPSettings


class HTTPPool:
    """Kept connections that threads may share: each carries one request at a time."""

    def __init__(self, settings: HTTPSettings) -> None:
        self._settings = settings
        self._tls = settings.tls_context()
        self._free: queue.LifoQueue[http.client.HTTPConnection] = queue.LifoQueue()
        self._places = threading.Semaphore(settings.pool_size)
        self._is_closed = False

    def perform(self, request: Request) -> Response:
        if self._is_closed:
            raise FreshetError("the client is closed")
        timeout = self._settings.timeout + request.extra_timeout
        if not self._places.acquire(timeout=timeout):
            raise Unavailable(f"all {self._settings.pool_size} connections are in use", fix="raise pool_size")
        try:
            return self._perform(request, timeout)
        finally:
            self._places.release()

    def _perform(self, request: Request, timeout: float) -> Response:
        connection, is_kept = self._connection(timeout)
        try:
            response = self._exchange(connection, request)
        except (http.client.BadStatusLine, ConnectionError) as fault:
            # A kept connection that the server has closed in between; http.client reports it by an empty status line.
            connection.close()
            if not (is_kept and request.is_safe):
                raise self._settings.unreachable(fault) from fault
            connection = self._new_connection(timeout)
            response = self._exchange_or_fail(connection, request, timeout)
        except Exception as fault:
            connection.close()
            raise self._error(fault, timeout) from fault
        if connection.sock is not None and not self._is_closed:
            self._free.put(connection)
        return response

    def _exchange_or_fail(self, connection: http.client.HTTPConnection, request: Request, timeout: float) -> Response:
        try:
            return self._exchange(connection, request)
        except Exception as fault:
            connection.close()
            raise self._error(fault, timeout) from fault

    def _error(self, fault: Exception, timeout: float) -> Exception:
        if isinstance(fault, FreshetError):
            return fault
        if isinstance(fault, TimeoutError):
            return self._settings.late(timeout)
        if isinstance(fault, ssl.SSLCertVerificationError):
            return Unavailable(
                f"the certificate of {self._settings.address.redacted} is not trusted: {fault}", fix="give ca_file"
            )
        if isinstance(fault, (OSError, http.client.HTTPException)):
            return self._settings.unreachable(fault)
        return fault

    def _exchange(self, connection: http.client.HTTPConnection, request: Request) -> Response:
        connection.request(
            request.method, self._settings.target(request), body=request.body, headers=self._settings.headers(request)
        )
        answer = connection.getresponse()
        body = answer.read(MAX_ANSWER_BYTES + 1)
        if len(body) > MAX_ANSWER_BYTES:
            raise BadReply(f"the answer has more than {MAX_ANSWER_BYTES} bytes")
        return Response(answer.status, {name.lower(): value for name, value in answer.getheaders()}, body)

    def _connection(self, timeout: float) -> tuple[http.client.HTTPConnection, bool]:
        while True:
            try:
                connection = self._free.get_nowait()
            except queue.Empty:
                return self._new_connection(timeout), False
            # Between two answers nothing arrives but the end of the connection.
            if connection.sock is None or select.select([connection.sock], [], [], 0)[0]:
                connection.close()
                continue
            connection.sock.settimeout(timeout)
            return connection, True

    def _new_connection(self, timeout: float) -> http.client.HTTPConnection:
        parts = urlsplit(self._settings.address.url)
        host = parts.hostname or "127.0.0.1"
        if self._tls is not None:
            return http.client.HTTPSConnection(host, parts.port, timeout=timeout, context=self._tls)
        return http.client.HTTPConnection(host, parts.port, timeout=timeout)

    def close(self) -> None:
        self._is_closed = True
        while True:
            try:
                self._free.get_nowait().close()
            except queue.Empty:
                return
