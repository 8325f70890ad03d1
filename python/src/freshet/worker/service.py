"""What a worker runs: the current version of every deployment, exchanged when another one becomes current."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from ..errors import FreshetError
from ..keys import Keyspace
from ..tasks import Query
from . import frames
from .deployments import Deployments, Version
from .metrics import Registry
from .pool import QueryPool
from .query_host import Crashed, QueryHost

log = logging.getLogger("freshet.worker")

_STORE = "store"


@dataclass(frozen=True)
class WorkerSettings:
    """How a worker reaches Redis, and what its children may use.

    `memory` is bytes of address space for the child of a query, `runs` where runs of tasks leave records.
    """

    redis: str
    keys: Keyspace
    memory: int = 4 * 2**30
    start_limit: float = 30.0
    stop_limit: float = 300.0
    poll: float = 1.0
    runs: str | None = None


@dataclass
class Running:
    """A version in service."""

    version: Version
    host: QueryHost | None = None
    pools: Mapping[str, QueryPool] = field(default_factory=dict)
    queries: Mapping[str, Query] = field(default_factory=dict)
    tasks: asyncio.subprocess.Process | None = None
    reader: asyncio.Task[None] | None = None


class Service:
    """Follows the store and keeps its current versions running."""

    def __init__(self, deployments: Deployments, settings: WorkerSettings, metrics: Registry) -> None:
        self._deployments = deployments
        self._settings = settings
        self.metrics = metrics
        self.running: dict[str, Running] = {}
        self.problems: dict[str, str] = {}
        self._failed: dict[str, tuple[int, float]] = {}
        _define(metrics)

    def find(self, query: str) -> tuple[Query, QueryPool, Version] | None:
        for running in self.running.values():
            if query in running.pools:
                return running.queries[query], running.pools[query], running.version
        return None

    async def follow(self, stop: asyncio.Event) -> None:
        """Runs until `stop` is set, then ends everything: queries after their calls, tasks after their runs."""
        while not stop.is_set():
            try:
                await self.refresh()
                self.problems.pop(_STORE, None)
            except (OSError, ValueError, KeyError) as fault:
                # What runs goes on; the store may be readable again the next time.
                if _STORE not in self.problems:
                    log.exception("the store cannot be read")
                self.problems[_STORE] = f"the store cannot be read: {fault}"
            with contextlib.suppress(asyncio.TimeoutError):
                await asyncio.wait_for(stop.wait(), self._settings.poll)
        await asyncio.gather(*(self._end(running) for running in self.running.values()))

    async def refresh(self) -> None:
        """Brings what runs in line with the store."""
        wanted = {name: self._deployments.current_number(name) for name in self._deployments.names()}
        for name in [name for name in self.running if wanted.get(name) is None]:
            log.info("%s is out of service", name)
            await self._end(self.running.pop(name))
        for name, number in wanted.items():
            running = self.running.get(name)
            if number is not None and (running is None or running.version.number != number):
                await self._change(name, number)
                continue
            # A version that did not start is no longer asked for.
            if self._failed.pop(name, None) is not None:
                self.problems.pop(name, None)
            if running is not None and running.host is not None and running.host.is_gone:
                log.error("the process with the queries of %s ended; it is started again", name)
                await self._change(name, running.version.number)
            elif running is not None and running.tasks is not None and running.tasks.returncode is not None:
                log.error(
                    "the process of the tasks of %s ended with %s; it is started again", name, running.tasks.returncode
                )
                await self._start_tasks(running)
        self._measure()

    async def _change(self, name: str, number: int) -> None:
        failed = self._failed.get(name)
        if failed is not None and failed[0] == number and time.monotonic() - failed[1] < 30:
            return
        try:
            version = self._deployments.version(name, number)
            new = await self._start_queries(version)
        except (Crashed, FreshetError) as fault:
            before = self.running.get(name)
            kept = f"; version {before.version.number} stays in service" if before else ""
            self.problems[name] = f"version {number} does not start: {fault}{kept}"
            self._failed[name] = (number, time.monotonic())
            log.error("%s: %s", name, self.problems[name])
            return
        self.problems.pop(name, None)
        self._failed.pop(name, None)
        old, self.running[name] = self.running.get(name), new
        if old is not None:
            # No task runs in two versions at a time: the old one ends first.
            await self._end(old)
        await self._start_tasks(new)
        log.info("%s: version %d is in service", name, number)

    async def _start_queries(self, version: Version) -> Running:
        queries = {query.name: query for query in version.queries}
        if not queries:
            return Running(version)
        settings = self._settings
        command = self._command("queries", version, "--memory", str(settings.memory))
        host = await QueryHost.start(command, settings.start_limit)
        pools = {
            name: QueryPool(partial(host.new_child, name), timeout=query.timeout, concurrency=query.concurrency)
            for name, query in queries.items()
        }
        running = Running(version, host, pools, queries)
        try:
            await asyncio.gather(*(pool.start() for pool in pools.values()))
        except BaseException:
            await _end_queries(running)
            raise
        return running

    async def _start_tasks(self, running: Running) -> None:
        if not running.version.manifest["tasks"]:
            return
        records = ["--runs-store", self._settings.runs] if self._settings.runs else []
        running.tasks = await asyncio.create_subprocess_exec(
            *self._command("tasks", running.version, *records),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            limit=2**20,
            env={**os.environ, "PYTHONUNBUFFERED": "1"},
        )
        running.reader = asyncio.create_task(self._read_tasks(running))

    def _command(self, mode: str, version: Version, *more: str) -> list[str]:
        keys = self._settings.keys
        place = ["--redis", self._settings.redis, "--namespace", keys.namespace, "--key-prefix", keys.prefix]
        return [sys.executable, "-m", "freshet.worker.child", mode, str(version.module), *place, *more]

    async def _read_tasks(self, running: Running) -> None:
        process = running.tasks
        assert process is not None and process.stdout is not None
        name = running.version.name
        try:
            while True:
                message = await frames.read(process.stdout)
                if message.get("ready") is False:
                    self.problems[name] = f"its tasks do not start: {message.get('error')}"
                elif "task" in message:
                    self._note_task(message)
        except (EOFError, ValueError):
            await process.wait()

    def _note_task(self, message: Mapping[str, Any]) -> None:
        task, metrics = str(message["task"]), self.metrics
        if "running" in message:
            metrics.set("freshet_task_running", 1, task=task)
            return
        result = str(message["result"])
        metrics.add("freshet_task_runs_total", task=task, result=result)
        if result not in ("ok", "failed"):
            log.warning("task %s: %s %s", task, result, message.get("error", ""))
            return
        metrics.set("freshet_task_running", 0, task=task)
        metrics.set("freshet_task_duration_seconds", message["elapsed"], task=task)
        metrics.set("freshet_task_delay_seconds", max(0.0, message["late"]), task=task)
        if result == "ok":
            metrics.set("freshet_task_last_success_timestamp_seconds", message["begin"] + message["elapsed"], task=task)
            log.info("task %s: done in %.3f s", task, message["elapsed"])
        else:
            log.error("task %s failed: %s", task, message["error"])
        for kind, series, labels, value in message["series"]:
            name = f"freshet_task_{series}" + ("_total" if kind == "counter" else "")
            if f"{name}" in _TASK_SERIES:
                log.error("task %s: the series %s is the worker's own", task, name)
                continue
            metrics.define(kind, name, "Set by a task.")
            metrics.set(name, value, task=task, **labels)

    def _measure(self) -> None:
        for name, running in self.running.items():
            self.metrics.set("freshet_deployment_version", running.version.number, deployment=name)
            for query, pool in running.pools.items():
                self.metrics.set("freshet_query_processes_ready", pool.ready, query=query)

    async def _end(self, running: Running) -> None:
        await asyncio.gather(self._end_tasks(running), _end_queries(running))
        stays = self.running.get(running.version.name)
        kept = set(stays.queries) if stays is not None and stays is not running else set()
        for query in set(running.queries) - kept:
            self.metrics.drop(query=query)
        if stays is None or stays is running:
            self.metrics.drop(deployment=running.version.name)

    async def _end_tasks(self, running: Running) -> None:
        process = running.tasks
        if process is None or running.reader is None:
            return
        if process.returncode is None and process.stdin is not None:
            process.stdin.close()
            try:
                await asyncio.wait_for(asyncio.shield(running.reader), self._settings.stop_limit)
            except asyncio.TimeoutError:
                log.error(
                    "the tasks of %s did not end within %g s and were ended",
                    running.version.name,
                    self._settings.stop_limit,
                )
                with contextlib.suppress(ProcessLookupError):
                    process.kill()
        await running.reader


async def _end_queries(running: Running) -> None:
    await asyncio.gather(*(pool.close() for pool in running.pools.values()))
    if running.host is not None:
        await running.host.close()


_TASK_SERIES: Mapping[str, tuple[str, str]] = {
    "freshet_task_runs_total": (
        "counter",
        "Runs of a task, by result; elsewhere: another worker ran it; delayed: Redis was away.",
    ),
    "freshet_task_running": ("gauge", "1 while the task runs."),
    "freshet_task_duration_seconds": ("gauge", "Length of the last run."),
    "freshet_task_delay_seconds": ("gauge", "Time from when the last run was due to its begin."),
    "freshet_task_last_success_timestamp_seconds": ("gauge", "End of the last run that did not fail."),
}
_OTHER_SERIES: Mapping[str, tuple[str, str]] = {
    "freshet_query_requests_total": ("counter", "Answered calls, by query and status."),
    "freshet_query_seconds": ("histogram", "Time from the request to its answer."),
    "freshet_query_kills_total": ("counter", "Processes that were ended because their call took too long."),
    "freshet_query_crashes_total": ("counter", "Processes that ended by themselves."),
    "freshet_query_processes_ready": ("gauge", "Processes that wait for a call."),
    "freshet_deployment_version": ("gauge", "The version in service."),
}


def _define(metrics: Registry) -> None:
    for name, (kind, text) in {**_TASK_SERIES, **_OTHER_SERIES}.items():
        metrics.define(kind, name, text)


def series_reference() -> Sequence[tuple[str, str, str]]:
    """Name, kind and meaning of the worker's own series."""
    return [(name, kind, text) for name, (kind, text) in {**_OTHER_SERIES, **_TASK_SERIES}.items()]
