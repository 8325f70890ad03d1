"""The processes in which deployed queries run: one that loads the module, and its forks that answer calls."""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import select
import signal
import socket
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ..addresses import Address
from ..backends import Commands
from ..client import Client
from ..errors import BadReply, NotFound, NothingPublished, Unavailable
from ..keys import Keyspace
from ..tasks import Query, QueryContext, definitions
from ..transports.redis_pool import RedisPool, RedisSettings
from . import guard
from .frames import Pipe, TooLarge
from .modules import load

_PR_SET_PDEATHSIG = 1


class _ReadOnly:
    """Refuses every command that does more than read."""

    def __init__(self, perform: Callable[[Commands], list[Any]]) -> None:
        self._perform = perform

    def perform(self, step: Commands) -> list[Any]:
        for command in step.commands:
            if command[0].upper() not in guard.READS:
                raise PermissionError(f"a query only reads Redis; {command[0]} is not allowed")
        return self._perform(step)


class QueryHostProcess:
    """Loads the module, forks a child for each that the worker asks for, and ends with the worker."""

    def __init__(self, path: Path, url: str, keys: Keyspace, control: int, memory: int) -> None:
        self._path = path
        self._url = url
        self._keys = keys
        self._memory = memory
        self._control = socket.socket(fileno=control)
        self._pipe = Pipe.of_standard_streams()
        self._queries: dict[str, tuple[Query, Any]] = {}
        self._children: dict[int, int] = {}

    def run(self) -> int:
        # Signals reach the whole group of processes; the worker decides when this one ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        # What redis-py imports late must be there before the guard.
        RedisPool(RedisSettings(Address(self._url))).close()
        guard.install(self._url)
        try:
            self._queries = definitions(load(self._path))[1]
        except BaseException as fault:
            traceback.print_exception(fault)
            self._pipe.write({"ready": False, "error": f"{type(fault).__name__}: {fault}"})
            return 1
        self._pipe.write({"ready": True})
        while self._turn():
            self._reap()
        for pid in self._children.values():
            os.kill(pid, signal.SIGKILL)
        return 0

    def _turn(self) -> bool:
        """Does one thing that the worker asks for; False when the worker is gone."""
        if not select.select([self._control], [], [], 0.1)[0]:
            return True
        data, descriptors, _, _ = socket.recv_fds(self._control, 65536, 1)
        if not data:
            return False
        message = json.loads(data)
        if "start" in message:
            self._start(int(message["start"]), str(message["query"]), descriptors[0])
        elif (pid := self._children.get(int(message["kill"]))) is not None:
            # It has not been waited for, so the number is still that of the child.
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            self._forget(int(message["kill"]))
        return True

    def _start(self, number: int, query: str, descriptor: int) -> None:
        parent = os.getpid()
        pid = guard.fork()
        if pid == 0:
            status = 1
            try:
                self._control.close()
                _end_with(parent)
                self._answer(query, Pipe.of_socket(descriptor))
                status = 0
            except BaseException as fault:
                traceback.print_exception(fault)
            finally:
                os._exit(status)
        os.close(descriptor)
        self._children[number] = pid

    def _reap(self) -> None:
        for number, pid in list(self._children.items()):
            if os.waitpid(pid, os.WNOHANG)[0] == pid:
                self._forget(number)

    def _forget(self, number: int) -> None:
        del self._children[number]
        self._pipe.write({"ended": number})

    # In the child

    def _answer(self, query: str, pipe: Pipe) -> None:
        if self._memory > 0:
            resource.setrlimit(resource.RLIMIT_AS, (self._memory, self._memory))
        _, function = self._queries[query]
        keys = self._keys
        client = Client(self._url, namespace=keys.namespace, key_prefix=keys.prefix, pool_size=2)
        pool = RedisPool(RedisSettings(Address(self._url), pool_size=2))
        context = QueryContext(client, _ReadOnly(pool.perform), keys)
        pipe.write({"ready": True})
        while (call := pipe.read()) is not None:
            try:
                pipe.write({"status": 200, "result": function(context, **call)})
            except TooLarge as fault:
                pipe.write({"status": 500, "error": str(fault)})
            except Exception as fault:
                pipe.write(_failure(fault))


def _failure(fault: BaseException) -> dict[str, Any]:
    statuses: list[tuple[type[BaseException] | tuple[type[BaseException], ...], int]] = [
        ((Unavailable, NothingPublished), 503),
        (NotFound, 404),
        (BadReply, 502),
    ]
    status = next((number for kind, number in statuses if isinstance(fault, kind)), 500)
    if status == 500:
        traceback.print_exception(fault)
    return {"status": status, "error": f"{type(fault).__name__}: {fault}"}


def _end_with(parent: int) -> None:
    """The kernel ends this process when its parent ends, also in the middle of a call."""
    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, int(signal.SIGKILL))
    if os.getppid() != parent:
        os._exit(1)
