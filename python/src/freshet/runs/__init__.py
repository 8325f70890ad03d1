"""Records of runs: what a job did, in the store that `freshet runs` and `freshet compare` read.

>>> from freshet import runs
>>> with runs.record("nightly features", "run-records", settings={"day": "2026-11-28"}) as run:
...     run.metric("rows", 12_345)
>>> runs.open("run-records").frame()

A store is a directory, which needs nothing but Python, or `s3://BUCKET/PREFIX`, which needs pyarrow.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from .recording import Run, record
from .records import Record
from .store import AlreadyRun, RunStore, open_place

__all__ = ["AlreadyRun", "Record", "Run", "RunStore", "open", "record"]


def open(store: str | Path, *, filesystem: Any = None) -> RunStore:  # noqa: A001
    """The store of runs that `runs.store` of the engine names, or `<instance.data_dir>/run-records`."""
    return RunStore(open_place(store, filesystem))
