"""Tables in files: Parquet, delimited text, JSON lines."""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from .places import Place, place

# Ids are text, also where all of them look like numbers: 007 is not 7.
ID_COLUMNS = frozenset(
    "user item similar user_id item_id userId itemId customer_id visitor_id product_id sku event_id id".split()  # noqa: SIM905
)
_BATCH_LINES = 50_000


def read(
    path: str | Path, *, form: str = "pandas", columns: Sequence[str] | None = None, filesystem: Any = None
) -> Any:
    """A table from a file or a directory of Parquet files.

    Columns with ids are text. `columns` names those to read. Of a directory every `.parquet` file is read, and
    `name=value/` folders become columns.
    """
    at = place(path, filesystem)
    is_parquet = at.is_directory or _suffix(at) == ".parquet"
    return convert(_parquet(at, columns) if is_parquet else _text(at, _suffix(at), columns), form)


def convert(table: Any, form: str) -> Any:
    """An Arrow table as it is, or as a data frame."""
    if form == "arrow":
        return table
    if form != "pandas":
        raise ValueError(f"form is pandas or arrow, not {form!r}")
    return table.to_pandas()


def arrow_table(frame: Any) -> Any:
    """A data frame or an Arrow table as the latter."""
    import pyarrow

    return frame if isinstance(frame, pyarrow.Table) else pyarrow.Table.from_pandas(frame, preserve_index=False)


def _suffix(at: Place) -> str:
    return Path(at.path.removesuffix(".gz")).suffix.lower()


def _parquet(at: Place, columns: Sequence[str] | None) -> Any:
    import pyarrow
    import pyarrow.dataset

    try:
        found = pyarrow.dataset.dataset(
            at.path,
            filesystem=at.filesystem,
            format="parquet",
            partitioning=pyarrow.dataset.HivePartitioning.discover(infer_dictionary=False),
            # What is still being written, and what other tools leave behind.
            ignore_prefixes=[".", "_"],
        )
        return found.to_table(columns=None if columns is None else list(columns))
    except (pyarrow.ArrowException, OSError) as fault:
        raise FreshetError(f"{at.name} cannot be read as Parquet: {fault}") from fault


def _text(at: Place, suffix: str, columns: Sequence[str] | None) -> Any:
    if suffix in (".jsonl", ".ndjson", ".json"):
        table = _json_lines(at)
        return table if columns is None else table.select(list(columns))
    if suffix not in (".csv", ".tsv", ".txt"):
        raise FreshetError(
            f"{at.name} has no known format", fix="name it .parquet, .csv, .tsv or .jsonl, plain or with .gz"
        )
    return delimited(at, "," if suffix == ".csv" else "\t", columns=columns)


def delimited(
    at: Place, delimiter: str, *, names: Sequence[str] | None = None, columns: Sequence[str] | None = None
) -> Any:
    """A table from delimited text; `names` are those of the columns if there is no header."""
    import pyarrow
    import pyarrow.csv

    try:
        with at.open() as stream:
            return pyarrow.csv.read_csv(
                stream,
                read_options=pyarrow.csv.ReadOptions(column_names=None if names is None else list(names)),
                parse_options=pyarrow.csv.ParseOptions(delimiter=delimiter, newlines_in_values=True),
                convert_options=pyarrow.csv.ConvertOptions(
                    column_types={name: pyarrow.string() for name in ID_COLUMNS},
                    include_columns=None if columns is None else list(columns),
                    # An id may be NULL or NA; only what is empty is absent.
                    null_values=[""],
                    strings_can_be_null=True,
                ),
            )
    except (pyarrow.ArrowException, OSError) as fault:
        raise FreshetError(f"{at.name} cannot be read: {fault}") from fault


def _json_lines(at: Place) -> Any:
    import io

    import pyarrow

    tables: list[Any] = []
    with at.open() as stream:
        lines = enumerate(io.TextIOWrapper(io.BufferedReader(stream), encoding="utf-8"), 1)
        while rows := _rows(at, lines):
            tables.append(pyarrow.Table.from_pylist(rows, schema=_schema(rows)))
    if not tables:
        return pyarrow.table({})
    return pyarrow.concat_tables(tables, promote_options="permissive")


def _rows(at: Place, lines: Iterable[tuple[int, str]]) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = []
    for number, line in lines:
        if not line.strip():
            continue
        try:
            row = json.loads(line)
        except ValueError as fault:
            raise FreshetError(f"{at.name}, line {number}: {fault}") from fault
        if not isinstance(row, dict):
            raise FreshetError(f"{at.name}, line {number}: it is no JSON object")
        rows.append({name: _id(value) if name in ID_COLUMNS else value for name, value in row.items()})
        if len(rows) == _BATCH_LINES:
            break
    return rows


def _id(value: Any) -> Any:
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _schema(rows: Sequence[dict[str, Any]]) -> Any:
    """The type of each column over all rows; integers and fractions together are doubles."""
    import pyarrow

    fields = []
    for name in dict.fromkeys(name for row in rows for name in row):
        values = [row.get(name) for row in rows]
        if name in ID_COLUMNS:
            fields.append(pyarrow.field(name, pyarrow.string()))
            continue
        kinds = {type(value) for value in values if value is not None}
        if kinds == {int, float}:
            fields.append(pyarrow.field(name, pyarrow.float64()))
        elif len(kinds) > 1:
            raise FreshetError(
                f"the column {name} has values of several types: {', '.join(sorted(kind.__name__ for kind in kinds))}"
            )
        else:
            fields.append(pyarrow.field(name, pyarrow.array(values).type))
    return pyarrow.schema(fields)
