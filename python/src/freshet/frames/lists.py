"""Lists of many users as one table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from ..client import Client
from ..errors import FreshetError
from .tables import convert, read

_BATCH_USERS = 500


def _schema() -> Any:
    import pyarrow

    text = pyarrow.string()
    return pyarrow.schema(
        {
            "user": text,
            "rank": pyarrow.int32(),
            "item": text,
            "score": pyarrow.float32(),
            "source": text,
            "epoch": pyarrow.int64(),
        }
    )


def lists(client: Client, users: Iterable[str], n: int = 10, *, form: str = "pandas") -> Any:
    """The lists of users with the columns `user`, `rank`, `item`, `score`, `source`, `epoch`."""
    import pyarrow

    schema = _schema()
    columns: dict[str, list[Any]] = {name: [] for name in schema.names}
    for batch in _batches(iter(users)):
        for found in client.recommend_many(batch, n):
            for entry in found:
                row = (found.user, entry.rank, entry.item, entry.score, entry.source, found.epoch)
                for column, value in zip(columns.values(), row, strict=True):
                    column.append(value)
    return convert(pyarrow.table(columns, schema=schema), form)


def read_lists(path: str | Path, *, form: str = "pandas", filesystem: Any = None) -> Any:
    """The lists that `freshet export lists` wrote, with the columns of `lists`, whatever the format of the file."""
    import pyarrow

    schema = _schema()
    table = read(path, form="arrow", filesystem=filesystem)
    missing = [name for name in schema.names if name not in table.column_names]
    if missing:
        raise FreshetError(
            f"{path} has no column {missing[0]}, but {', '.join(table.column_names)}",
            fix="give a file of freshet export lists",
        )
    try:
        return convert(table.select(schema.names).cast(schema), form)
    except pyarrow.ArrowException as fault:
        raise FreshetError(f"{path} has no lists: {fault}", fix="give a file of freshet export lists") from fault


def _batches(users: Iterator[str]) -> Iterator[Sequence[str]]:
    while batch := list(islice(users, _BATCH_USERS)):
        yield batch
