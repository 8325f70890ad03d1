"""Parquet files as CSV, for programs that do not read Parquet."""

from __future__ import annotations

import contextlib
import csv
import io
import queue
import threading
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from ..errors import FreshetError
from .places import Place, place

_BATCH_ROWS = 1 << 16
_BATCHES_AHEAD = 2
_FOOTERS_AT_A_TIME = 16
# Years of four digits, in seconds since 1970: others have no text in ISO 8601.
_TIMES = range(-62_167_219_200, 253_402_300_800)
_UNITS = {"s": 1, "ms": 10**3, "us": 10**6, "ns": 10**9}


@dataclass(frozen=True)
class _File:
    """A Parquet file with the types of its columns, and what its folders say."""

    at: Place
    types: dict[str, Any]
    folders: dict[str, str | None]

    @property
    def columns(self) -> list[str]:
        return [*self.types, *(name for name in self.folders if name not in self.types)]


def write_rows(
    paths: Sequence[str | Path],
    write: Callable[[Any], Any],
    *,
    columns: Sequence[str] | None = None,
    flat: bool = False,
    filesystem: Any = None,
) -> int:
    """Writes the rows of Parquet files as CSV (RFC 4180, UTF-8) with a header, and returns how many there are.

    A path is a file or a directory, whose `name=value` folders become columns; names that begin with `.` or `_` are
    left out. Text is quoted, a missing value is an empty field, times are ISO 8601 and end in `Z` unless they have no
    zone. A column that some of the files lack is missing in their rows. `columns` selects; `flat` leaves out lists
    and other nested columns, which are an error otherwise.
    """
    files = [file for path in paths for file in _files(place(path, filesystem, extra="parquet"))]
    names = _selected(files, columns, flat)
    header = io.StringIO()
    csv.writer(header, lineterminator="\n").writerow(names)
    write(header.getvalue().encode())
    count = 0
    batches = ((file, batch) for file in files for batch in _batches(file, names))
    for its_file, batch in _ahead(batches, _BATCHES_AHEAD):
        write(_text(its_file, names, batch))
        count += batch.num_rows
    return count


# Files


def _files(at: Place) -> list[_File]:
    """The file, or those below the directory in the order of their names."""
    import pyarrow.fs

    if not at.is_directory:
        return [_file(at, [])]
    infos = at.filesystem.get_file_info(pyarrow.fs.FileSelector(at.path, recursive=True))
    below = sorted(
        info.path[len(at.path) :].strip("/") for info in infos if info.type == pyarrow.fs.FileType.File and info.size
    )
    names = [name for name in below if not any(part.startswith((".", "_")) for part in name.split("/"))]
    if not names:
        raise FreshetError(f"there are no files in {at.name}", fix="give a directory of Parquet files")
    with ThreadPoolExecutor(_FOOTERS_AT_A_TIME) as threads:
        return list(threads.map(lambda name: _file(at.child(name), name.split("/")[:-1]), names))


def _file(at: Place, folders: Sequence[str]) -> _File:
    import pyarrow
    import pyarrow.parquet

    try:
        schema = pyarrow.parquet.read_schema(at.path, filesystem=at.filesystem)
    except pyarrow.ArrowInvalid as fault:
        raise FreshetError(
            f"{at.name} is not a Parquet file", fix="give Parquet files, or directories of them"
        ) from fault
    except OSError as fault:
        raise FreshetError(f"{at.name} cannot be read: {_one_line(fault)}") from fault
    if len(set(schema.names)) < len(schema.names):
        raise FreshetError(f"{at.name} has several columns of one name", fix="write it again with other names")
    pairs = (folder.partition("=") for folder in folders if "=" in folder)
    # As Hive and Spark write them.
    keys = {unquote(key): None if value == "__HIVE_DEFAULT_PARTITION__" else unquote(value) for key, _, value in pairs}
    return _File(at, {field.name: field.type for field in schema}, keys)


# Columns


def _selected(files: Sequence[_File], columns: Sequence[str] | None, flat: bool) -> list[str]:
    """The names of the columns to write; all must be there and fit into a field of text."""
    have = dict.fromkeys(name for file in files for name in file.columns)
    names = list(have) if columns is None else list(dict.fromkeys(columns))
    missing = [name for name in names if name not in have]
    if missing or not names:
        what = f"there is no column {missing[0]}" if missing else "no column is selected"
        raise FreshetError(what, fix=f"columns: {', '.join(have)}")
    nested = {name: file for file in files for name, kind in file.types.items() if _is_nested(kind)}
    if flat and columns is None:
        names = [name for name in names if name not in nested] or names
    for name in names:
        if name in nested:
            others = [each for each in have if each not in nested]
            raise FreshetError(
                f"the column {name} of {nested[name].at.name} holds {nested[name].types[name]}, which CSV cannot",
                fix=f"select columns, such as --columns {','.join(others[:3])}",
            )
    return names


def _is_nested(kind: Any) -> bool:
    import pyarrow

    return bool(pyarrow.types.is_nested(_stored(kind)))


def _stored(kind: Any) -> Any:
    """The type of the values, however they are wrapped and encoded."""
    import pyarrow

    if pyarrow.types.is_dictionary(kind):
        return _stored(kind.value_type)
    return _stored(kind.storage_type) if isinstance(kind, pyarrow.BaseExtensionType) else kind


# Rows


def _batches(file: _File, names: Sequence[str]) -> Iterator[Any]:
    """The columns that are in the file itself."""
    import pyarrow
    import pyarrow.parquet

    try:
        # Without buffering ahead, which would hold all row groups.
        with pyarrow.parquet.ParquetFile(file.at.path, filesystem=file.at.filesystem, pre_buffer=False) as opened:
            yield from opened.iter_batches(_BATCH_ROWS, columns=[name for name in names if name in file.types])
    except (pyarrow.ArrowException, OSError) as fault:
        raise FreshetError(f"{file.at.name} cannot be read: {_one_line(fault)}") from fault


def _ahead(values: Iterator[Any], count: int) -> Iterator[Any]:
    """The values, of which the next ones are made while one is in use."""
    ready: queue.Queue[tuple[Any, BaseException | None]] = queue.Queue(count)
    end = object()
    is_over = threading.Event()

    def fill() -> None:
        try:
            for value in values:
                ready.put((value, None))
                if is_over.is_set():
                    return
        except BaseException as fault:
            ready.put((end, fault))
        else:
            ready.put((end, None))

    thread = threading.Thread(target=fill, daemon=True)
    thread.start()
    try:
        while True:
            value, fault = ready.get()
            if fault is not None:
                raise fault
            if value is end:
                return
            yield value
    finally:
        is_over.set()
        # Whatever it waits to hand over, so that it sees the end.
        while thread.is_alive():
            with contextlib.suppress(queue.Empty):
                ready.get(timeout=0.05)


def _text(file: _File, names: Sequence[str], batch: Any) -> Any:
    """A batch as lines of CSV."""
    import pyarrow
    import pyarrow.csv

    columns = []
    for name in names:
        if name not in file.types:
            value = pyarrow.scalar(file.folders.get(name), pyarrow.string())
            columns.append(pyarrow.repeat(value, batch.num_rows))
            continue
        try:
            columns.append(_cells(batch.column(name)))
        except (pyarrow.ArrowInvalid, OverflowError) as fault:
            what = "bytes that are not UTF-8" if "UTF8" in str(fault) else f"a value without a text: {_one_line(fault)}"
            raise FreshetError(f"the column {name} of {file.at.name} has {what}", fix="select other columns") from fault
    lines = pyarrow.BufferOutputStream()
    options = pyarrow.csv.WriteOptions(include_header=False, batch_size=_BATCH_ROWS)
    pyarrow.csv.write_csv(pyarrow.record_batch(columns, names=list(names)), lines, options)
    return lines.getvalue()


def _cells(column: Any) -> Any:
    """A column in a type to which Arrow's writer gives the right text."""
    import pyarrow

    types = pyarrow.types
    if isinstance(column.type, pyarrow.BaseExtensionType):
        column = column.storage
    if types.is_dictionary(column.type):
        column = column.dictionary_decode()
    kind = column.type
    if types.is_timestamp(kind):
        return _times(column)
    if types.is_string(kind):
        # Files do not promise that text is UTF-8, and reading does not check it.
        column.validate(full=True)
    elif "binary" in str(kind) or str(kind) in ("large_string", "string_view"):
        return column.cast(pyarrow.binary()).cast(pyarrow.string())
    return column


def _times(column: Any) -> Any:
    import pyarrow
    import pyarrow.compute

    unit, zone = column.type.unit, column.type.tz
    limits = pyarrow.compute.min_max(column.cast(pyarrow.int64()))
    seconds = [each.as_py() // _UNITS[unit] for each in limits.values() if each.is_valid]
    if any(each not in _TIMES for each in seconds):
        raise OverflowError("a time beyond the year 9999")
    # The instant in UTC. Arrow's own text of times with a zone costs ten times as much.
    texts = column.cast(pyarrow.timestamp(unit)).cast(pyarrow.string())
    texts = pyarrow.compute.binary_replace_slice(texts, 10, 11, "T")
    return texts if zone is None else pyarrow.compute.binary_join_element_wise(texts, "Z", "")


def _one_line(fault: Exception) -> str:
    return " ".join(str(fault).split())
