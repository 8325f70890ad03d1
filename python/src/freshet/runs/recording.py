"""Writes the record of a job while it runs."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import math
import os
import secrets
import socket
import stat
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any

from .. import __version__
from ..errors import FreshetError
from .records import make_id, numbers, process_scope
from .redaction import redacted, value
from .store import AlreadyRun, RunStore, open_place

log = logging.getLogger("freshet.runs")

HEARTBEAT_SECONDS = 30.0


def record(
    name: str,
    store: RunStore | str | Path | None,
    *,
    settings: Mapping[str, Any] | None = None,
    idempotency_key: str | None = None,
    inputs: Sequence[str | Path] = (),
) -> Run:
    """A run to use with `with`: its record is written at the start, every half minute, and at the end.

    With an idempotency key the job runs once: `AlreadyRun` has the record of the run that has done or does it; a failed
    or interrupted one gives the key back. The same key with another name or other settings is an error. A store that
    cannot be written costs a warning, and with a key an error. With None as the store nothing is written.
    """
    opened = RunStore(open_place(store)) if isinstance(store, (str, Path)) else store
    return Run(name, opened, settings or {}, idempotency_key, inputs)


class Run:
    """A job that runs: `metric`, `series`, `input` and `artifact` say what came of it. Threads may share it."""

    def __init__(
        self,
        name: str,
        store: RunStore | None,
        settings: Mapping[str, Any] | None = None,
        idempotency_key: str | None = None,
        inputs: Sequence[str | Path] = (),
    ) -> None:
        if idempotency_key is not None and store is None:
            raise FreshetError("an idempotency key needs a store of runs", fix="name one")
        self._store = store
        self._lock = threading.Lock()
        self._end = threading.Event()
        self._thread: threading.Thread | None = None
        self._result: dict[str, Any] = {}
        self._inputs = tuple(inputs)
        self._is_kept = False
        self._cpu_before = 0.0
        started = _now()
        self._record: dict[str, Any] = {
            "id": make_id(started, name, secrets.randbits(24)),
            "kind": name,
            "state": "running",
            "version": __version__,
            "started_ms": started,
            "updated_ms": started,
            "cores": _cores(),
            "host": socket.gethostname(),
            "process": os.getpid(),
            "process_scope": process_scope(),
            "settings": {key: value(_text(each), key) for key, each in sorted((settings or {}).items())},
            "inputs": [],
            "artifacts": [],
        }
        if idempotency_key is not None:
            self._record["idempotency_key"] = idempotency_key

    @property
    def id(self) -> str:
        return str(self._record["id"])

    # What happens

    def metric(self, name: str, value: float, *, interval: tuple[float, float] | None = None) -> None:
        """A number of the result, with its 95 % interval if there is one. Setting it again replaces it."""
        with self._lock:
            self._result[name] = _number(value)
            if interval is not None:
                intervals = self._result.setdefault("intervals_95", {})
                intervals[name] = [_number(bound) for bound in interval]

    def has_metric(self, name: str) -> bool:
        with self._lock:
            return name in self._result

    def series(self, name: str, values: Sequence[float]) -> None:
        """Numbers in a row, such as the loss after each step."""
        with self._lock:
            self._result[name] = [_number(each) for each in values]

    def artifact(self, path: str | Path, *, name: str | None = None) -> None:
        """Something that the job has written: a file, or the address of an object."""
        text = str(path)
        is_remote = "://" in text and not text.startswith("file://")
        entry: dict[str, Any] = {"name": name or text.rstrip("/").rpartition("/")[2]}
        entry["location"] = redacted(text) if is_remote else str(Path(text.removeprefix("file://")).absolute())
        if not is_remote:
            with contextlib.suppress(OSError):
                state = Path(entry["location"]).stat()
                if stat.S_ISREG(state.st_mode):
                    entry |= {"bytes": state.st_size, "modified_ms": state.st_mtime_ns // 1_000_000}
        with self._lock:
            self._record["artifacts"].append(entry)

    def input(self, path: str | Path) -> None:
        """Something that the job reads. Files are hashed, so that two runs can be known to have read the same."""
        entry: dict[str, Any] = {"path": redacted(str(path))}
        with contextlib.suppress(OSError):
            if Path(path).is_file():
                entry |= _digest(Path(path))
        with self._lock:
            if entry not in self._record["inputs"]:
                self._record["inputs"].append(entry)

    def note(self, message: str) -> None:
        """What is noteworthy about the run; an error that ends it takes its place."""
        with self._lock:
            self._record["message"] = redacted(message)

    # From start to end

    def __enter__(self) -> Run:
        started = _now()
        self._record |= {"started_ms": started, "updated_ms": started, "process": os.getpid()}
        self._record["id"] = make_id(started, self._record["kind"], secrets.randbits(24))
        self._cpu_before = _cpu_seconds()
        if self._store is None:
            return self
        key = self._record.get("idempotency_key")
        try:
            self._store.save(self._json())
            self._is_kept = True
            if key is not None:
                self._claim(self._store, key)
        except AlreadyRun:
            raise
        except (FreshetError, OSError, ValueError) as fault:
            if key is not None:
                self._forget()
                raise
            log.warning("the run %s leaves no record in %s: %s", self.id, self._store.name, fault)
            return self
        for path in self._inputs:
            self.input(path)
        self._thread = threading.Thread(target=self._show_life, name=f"run {self.id}", daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._end.set()
        with self._lock:
            ended = _now()
            self._record |= {"ended_ms": ended, "updated_ms": ended, "cpu_seconds": _cpu_seconds() - self._cpu_before}
            if (peak := _peak_memory_bytes()) is not None:
                self._record["peak_memory_bytes"] = peak
            self._record["state"] = _state(fault)
            if fault is not None and self._record["state"] != "done":
                self._record["message"] = redacted(f"{type(fault).__name__}: {fault}".removesuffix(": "))
        if self._store is None or not self._is_kept:
            return
        try:
            with self._lock:
                self._store.save(self._json())
        except (FreshetError, OSError) as problem:
            log.warning("the end of the run %s is not recorded in %s: %s", self.id, self._store.name, problem)

    def _claim(self, store: RunStore, key: str) -> None:
        holder = store.claim(self._record)
        if holder is None:
            return
        self._forget()
        if (
            holder.kind != self._record["kind"]
            or holder.data.get("command")
            or holder.settings != self._record["settings"]
        ):
            raise FreshetError(
                f"the idempotency key {key} belongs to {holder.id}, which is another job or has other settings",
                fix="use another key, or free it with `freshet runs clean`",
            )
        raise AlreadyRun(holder, key)

    def _forget(self) -> None:
        """Removes a record whose job does not run."""
        self._is_kept = False
        if self._store is not None:
            with contextlib.suppress(FreshetError, OSError):
                self._store.remove(self.id)

    def _show_life(self) -> None:
        assert self._store is not None
        while not self._end.wait(HEARTBEAT_SECONDS):
            with self._lock:
                if self._end.is_set():
                    return
                self._record["updated_ms"] = _now()
                # The next one may be written.
                with contextlib.suppress(FreshetError, OSError):
                    self._store.save(self._json())

    def _json(self) -> dict[str, Any]:
        """The members in the order in which all programs write them."""
        record = dict(self._record)
        record["seconds"] = (record.get("ended_ms", record["updated_ms"]) - record["started_ms"]) / 1000
        record["result"] = self._result
        record["metrics"] = numbers(self._result)
        if not record["inputs"]:
            del record["inputs"]
        return {name: record[name] for name in _ORDER if name in record}


_ORDER = (
    "id",
    "kind",
    "state",
    "version",
    "started_ms",
    "updated_ms",
    "ended_ms",
    "seconds",
    "cpu_seconds",
    "cores",
    "peak_memory_bytes",
    "host",
    "process",
    "process_scope",
    "idempotency_key",
    "message",
    "inputs",
    "metrics",
    "result",
    "artifacts",
    "settings",
)


# Parts


def _state(fault: BaseException | None) -> str:
    if fault is None or (isinstance(fault, SystemExit) and fault.code in (None, 0)):
        return "done"
    return "cancelled" if isinstance(fault, KeyboardInterrupt) else "failed"


def _now() -> int:
    return time.time_ns() // 1_000_000


def _number(value: Any) -> float | int | None:
    """A number as JSON has it; NumPy's become Python's, and what is not finite becomes null."""
    if hasattr(value, "item"):
        value = value.item()
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        raise TypeError(f"{value!r} is no number")
    return value if math.isfinite(value) else None


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "none" if value is None else str(value)


def _digest(path: Path) -> dict[str, Any]:
    digest, size = hashlib.sha256(), 0
    with path.open("rb") as file:
        while piece := file.read(1 << 18):
            digest.update(piece)
            size += len(piece)
    return {"bytes": size, "sha256": digest.hexdigest()}


def _cores() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_seconds() -> float:
    """Of this process and of the ended ones that it has started."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


def _peak_memory_bytes() -> int | None:
    try:
        import resource
    except ImportError:
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
