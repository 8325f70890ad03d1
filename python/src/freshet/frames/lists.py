"""Lists of many users as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from typing import Any

from ..client import Client
from .tables import convert

_BATCH_USERS = 500


def lists(client: Client, users: Iterable[str], n: int = 10, *, form: str = "pandas") -> Any:
    """The lists of users with the columns `user`, `rank`, `item`, `score`, `source`, `epoch`."""
    import pyarrow

    columns: dict[str, list[Any]] = {name: [] for name in ("user", "rank", "item", "score", "source", "epoch")}
    for batch in _batches(iter(users)):
        for found in client.recommend_many(batch, n):
            for entry in found:
                row = (found.user, entry.rank, entry.item, entry.score, entry.source, found.epoch)
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    types = (pyarrow.string(), pyarrow.int32(), pyarrow.string(), pyarrow.float32(), pyarrow.string(), pyarrow.int64())
    arrays = {name: pyarrow.array(values, kind) for (name, values), kind in zip(columns.items(), types, strict=True)}
    return convert(pyarrow.table(arrays), form)


def _batches(users: Iterator[str]) -> Iterator[Sequence[str]]:
    while batch := list(islice(users, _BATCH_USERS)):
        yield batch
