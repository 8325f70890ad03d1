"""When a task is due. No clock: the time is passed in. All times are milliseconds since 1970."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass

from ..tasks import Task


@dataclass(frozen=True)
class Run:
    """A run: the time that it stands for, a multiple of the task's period, and when it begins."""

    due: int
    begin: int


def next_run(task: Task, last_due: int | None, now: int) -> Run:
    """The next run of a task whose last one stood for `last_due`, or that has never run."""
    period = max(1, round(task.every * 1000))
    newest = now // period * period
    later = Run(newest + period, newest + period + delay(task, newest + period))
    if last_due is None:
        return later if task.catch_up == "skip" else Run(newest, now)
    # If the clock was set back, what was done ahead of time is not done again; but no more than one period waits.
    outstanding = min(last_due, newest + period) + period
    if outstanding >= newest:
        run = Run(outstanding, outstanding + delay(task, outstanding))
        if run.begin >= now:
            return run
    if task.catch_up == "skip":
        return later
    return Run(outstanding if task.catch_up == "all" else newest, now)


def delay(task: Task, due: int) -> int:
    """From 0 to the jitter, spread over tasks and runs, the same for every worker."""
    digest = hashlib.sha256(f"{task.name}\0{due}".encode()).digest()
    return int(task.every * 1000 * task.jitter * int.from_bytes(digest[:8], "big") / 2**64)
