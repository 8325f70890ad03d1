"""The record of a run as JSON, in the form that all programs of Freshet read and write."""

from __future__ import annotations

import errno
import functools
import json
import math
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

STATES = ("running", "done", "failed", "cancelled", "rejected", "interrupted")
SILENCE_MAX_MS = 120_000
"""A running record that was not written for longer is that of a process that is gone."""

_ID = re.compile(r"[0-9T.]{19}Z(-[A-Za-z0-9]+)+-[0-9a-fA-F]{6}")


def is_id(text: str) -> bool:
    return _ID.fullmatch(text) is not None


def slug(kind: str) -> str:
    """The kind as it stands in an id."""
    return "-".join(re.findall(r"[a-z0-9]+", kind.lower()))


def make_id(started_ms: int, kind: str, random: int) -> str:
    """Such as `20261128T203015.123Z-train-9f3a1c`; the order of the ids is the order in time."""
    time = datetime.fromtimestamp(started_ms // 1000, timezone.utc).strftime("%Y%m%dT%H%M%S")
    words = slug(kind)
    if not words:
        raise ValueError(f"{kind!r} has no letter and no digit; name the run after what it does")
    return f"{time}.{started_ms % 1000:03d}Z-{words}-{random & 0xFFFFFF:06x}"


def kind_of(run_id: str) -> str:
    """The kind that an id names, with `-` between its words."""
    return "-".join(run_id.split("-")[1:-1])


@dataclass(frozen=True)
class Record:
    """What a job did. `data` is the whole object, also with what this version does not know."""

    id: str
    kind: str
    state: str
    data: Mapping[str, Any]

    @classmethod
    def parse(cls, text: bytes, now_ms: int) -> Record:
        """The record in its JSON; raises ValueError for what is none."""
        data = json.loads(text)
        if not isinstance(data, dict):
            raise ValueError("a record is an object")
        for name, kind in (("id", str), ("kind", str), ("state", str), ("started_ms", int)):
            if not isinstance(data.get(name), kind):
                raise ValueError(f"a record has {name}")
        if not is_id(data["id"]) or data["state"] not in STATES:
            raise ValueError(f"{data['id']!r} in the state {data['state']!r} is no run")
        state, alive = data["state"], data.get("updated_ms") or data["started_ms"]
        if state == "running" and (now_ms - alive > SILENCE_MAX_MS or _is_gone(data)):
            state = "interrupted"
        return cls(data["id"], data["kind"], state, {**data, "state": state})

    @property
    def started(self) -> datetime:
        return datetime.fromtimestamp(self.data["started_ms"] / 1000, timezone.utc)

    @property
    def seconds(self) -> float:
        """From start to end, or to the last sign of life."""
        begin = self.data["started_ms"]
        return float(self.data.get("ended_ms", self.data.get("updated_ms", begin)) - begin) / 1000

    @property
    def message(self) -> str | None:
        """Why it failed, or what is noteworthy."""
        return self.data.get("message")

    @property
    def settings(self) -> Mapping[str, str]:
        return self.data.get("settings") or {}

    @property
    def result(self) -> Any:
        return self.data.get("result")

    @property
    def metrics(self) -> dict[str, float]:
        """The numbers of the result by their path, such as `beside.popularity.recall_at_10`."""
        return numbers(self.result)


def numbers(result: Any) -> dict[str, float]:
    """The numbers of a result by their path; what is in lists has no name and is left out, as are settings."""
    found: dict[str, float] = {}

    def collect(value: Any, path: str) -> None:
        if isinstance(value, Mapping):
            for name, member in value.items():
                if name not in ("settings", "fixed_settings"):
                    collect(member, f"{path}.{name}" if path else name)
        elif isinstance(value, (int, float)) and not isinstance(value, bool) and path and math.isfinite(value):
            found[path] = value

    collect(result, "")
    return dict(sorted(found.items()))


@functools.cache
def process_scope() -> str | None:
    """Where the number of a process has a meaning: the start of the machine and its namespace, if they are told."""
    try:
        start = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
        return f"{start} {Path('/proc/self/ns/pid').readlink()}"
    except OSError:
        return None


def _is_gone(data: Mapping[str, Any]) -> bool:
    """Whether the process of a running record, if it can be seen from here, has ended."""
    process, scope = data.get("process"), data.get("process_scope")
    if scope is None or scope != process_scope() or not isinstance(process, int) or not 0 < process < 2**31:
        return False
    try:
        os.kill(process, 0)
    except OSError as fault:
        return fault.errno == errno.ESRCH
    return False
