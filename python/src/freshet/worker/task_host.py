"""Runs the tasks of a deployment, each in a thread of its own, so that none overlaps with itself."""

from __future__ import annotations

import json
import logging
import os
import signal
import threading
import time
import traceback
import types
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any

from ..addresses import Address
from ..backends import Commands
from ..client import Client
from ..errors import FreshetError
from ..keys import Keyspace
from ..runs import RunStore, record
from ..tasks import Task, TaskContext, definitions
from ..transports.redis_pool import RedisPool, RedisSettings
from .frames import Pipe
from .schedule import next_run

_STATE = "_state"
_RETRY_SECONDS = 5.0
_RUNS_KEPT = 1000
_RUNS_BETWEEN_PRUNES = 50

log = logging.getLogger("freshet.worker")


class TaskHost:
    """The child of the worker in which tasks run. It ends when the worker says so or goes away, after running tasks."""

    def __init__(self, pipe: Pipe, url: str, keys: Keyspace, runs: RunStore | None = None) -> None:
        self._pipe = pipe
        self._url = url
        self._keys = keys
        self._runs = runs
        self._pool = RedisPool(RedisSettings(Address(url), timeout=5.0))
        self._stop = threading.Event()
        self._write_lock = threading.Lock()
        self._ended: dict[str, int] = {}

    def run(self, load: Callable[[], types.ModuleType]) -> int:
        # Ctrl-C reaches the whole group of processes; the worker decides when this one ends.
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, lambda *_: self._stop.set())
        try:
            tasks, _ = definitions(load())
        except BaseException as fault:
            traceback.print_exception(fault)
            self._tell({"ready": False, "error": f"{type(fault).__name__}: {fault}"})
            return 1
        self._tell({"ready": True})
        threads = [
            threading.Thread(target=self._loop, args=(task, function), name=task.name)
            for task, function in tasks.values()
        ]
        for thread in threads:
            thread.start()
        threading.Thread(target=self._watch_worker, daemon=True).start()
        for thread in threads:
            while thread.is_alive():
                thread.join(0.2)
        return 0

    def _watch_worker(self) -> None:
        """The end of standard input is the word to stop; it also comes when the worker was killed."""
        while self._pipe.read() is not None:
            pass
        self._stop.set()

    def _loop(self, task: Task, function: Callable[..., Any]) -> None:
        keys = self._keys
        client = Client(self._url, namespace=keys.namespace, key_prefix=keys.prefix, timeout=5.0)
        context = TaskContext(client, self._pool, keys, task.name)
        context.stopping = self._stop
        last_due: int | None = None
        is_known = False
        while not self._stop.is_set():
            try:
                if not is_known:
                    last_due, is_known = self._last_due(task), True
                run = next_run(task, last_due, _now())
                if self._stop.wait(max(0, run.begin - _now()) / 1000):
                    break
                if self._claim(task, run.due):
                    context.due = run.due / 1000
                    self._run_once(task, function, context, run.due)
                else:
                    self._tell({"task": task.name, "result": "elsewhere"})
                last_due = run.due
            except FreshetError as fault:
                # Redis is away: the due time is kept, and the catch-up rule decides afterwards.
                self._tell({"task": task.name, "result": "delayed", "error": str(fault)})
                self._stop.wait(min(_RETRY_SECONDS, task.every))
        client.close()

    def _run_once(self, task: Task, function: Callable[..., Any], context: TaskContext, due: int) -> None:
        begin = time.time()
        self._tell({"task": task.name, "running": begin})
        error = ""
        try:
            with record(task.name, self._runs, settings=_settings(task, due)) as context.run:
                function(context)
                _note_gauges(context)
        except Exception as fault:
            traceback.print_exception(fault)
            error = f"{type(fault).__name__}: {fault}"
        elapsed = time.time() - begin
        result = "failed" if error else "ok"
        self._tell(
            {
                "task": task.name,
                "result": result,
                "error": error,
                "begin": begin,
                "elapsed": elapsed,
                "late": begin - due / 1000,
                "series": [[kind, name, dict(labels), value] for (kind, name, labels), value in context.series.items()],
            }
        )
        self._prune(task)
        state = {"due_ms": due, "begin": begin, "elapsed": elapsed, "result": result, "error": error}
        self._pool.perform(Commands([("SET", self._keys.task(task.name, _STATE), json.dumps(state))]))

    def _prune(self, task: Task) -> None:
        """Now and then removes the oldest records; a listing after each short run would cost more than the run."""
        self._ended[task.name] = ended = self._ended.get(task.name, 0) + 1
        if self._runs is None or ended % _RUNS_BETWEEN_PRUNES != 1:
            return
        try:
            self._runs.prune(task.name, _RUNS_KEPT)
        except (FreshetError, OSError) as fault:
            log.warning("old records of %s are not removed: %s", task.name, fault)

    def _last_due(self, task: Task) -> int | None:
        (text,) = self._pool.perform(Commands([("GET", self._keys.task(task.name, _STATE))]))
        return None if text is None else int(json.loads(text)["due_ms"])

    def _claim(self, task: Task, due: int) -> bool:
        """Whether this worker runs what is due; of several workers one does."""
        lifetime = max(round(task.every * 2000), 3_600_000)
        key = self._keys.task(task.name, f"_claim:{due}")
        (reply,) = self._pool.perform(
            Commands([("SET", key, f"{os.uname().nodename}:{os.getpid()}", "NX", "PX", str(lifetime))])
        )
        return reply is not None

    def _tell(self, message: dict[str, Any]) -> None:
        with self._write_lock:
            try:
                self._pipe.write(message)
            except (OSError, ValueError):
                # The worker is gone. What runs is finished, nothing new begins.
                self._stop.set()


def _now() -> int:
    return time.time_ns() // 1_000_000


def _settings(task: Task, due: int) -> dict[str, Any]:
    return {
        "task.due": datetime.fromtimestamp(due / 1000, timezone.utc).isoformat(timespec="milliseconds"),
        "task.every": f"{task.every:g}s",
        "task.catch_up": task.catch_up,
    }


def _note_gauges(context: TaskContext) -> None:
    """Gauges without labels are figures of the run, too; one that the task has noted itself stays."""
    for (kind, name, labels), value in context.series.items():
        if kind == "gauge" and not labels and not context.run.has_metric(name):
            context.run.metric(name, value)
