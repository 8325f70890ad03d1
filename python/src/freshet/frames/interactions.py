"""Interactions as data frames, and data frames as files that `freshet train` and `freshet produce` read."""

from __future__ import annotations

import gzip
import io
import json
import os
import re
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from .archive import archived, is_archive
from .places import Place, place
from .tables import arrow_table, convert, delimited, read

# Names of columns, as docs/files.md has them, without `_` and in lower case.
_NAMES: Mapping[str, tuple[str, ...]] = {
    "user": ("userid", "user", "customerid", "visitorid", "userpseudoid", "reviewerid", "anonymousid", "uid"),
    "item": (
        "itemid",
        "productid",
        "item",
        "movieid",
        "sku",
        "articleid",
        "asin",
        "bookid",
        "trackid",
        "videoid",
        "newsid",
    ),
    "value": (
        "rating",
        "eventvalue",
        "value",
        "quantity",
        "overall",
        "stars",
        "plays",
        "weight",
        "score",
        "count",
        "strength",
    ),
    "time": ("timestamp", "eventtime", "time", "ts", "eventtimestamp", "date", "createdat"),
    "type": ("eventtype", "eventname", "event", "feedbacktype", "behavior", "interactiontype", "type", "actiontype"),
    "id": ("eventid", "messageid"),
    "op": ("op", "operation"),
}
_POSITIONS = ("user", "item", "value", "time")
_WRITTEN = {
    "user": "user_id",
    "item": "item_id",
    "value": "event_value",
    "time": "timestamp",
    "type": "event_type",
    "id": "event_id",
    "op": "op",
}
_KEPT_EXAMPLES = 3
_OPERATIONS = frozenset(["add", "once", "set", "delete"])


class InvalidRows(FreshetError, ValueError):
    """Rows that the engine would reject; `reasons` has their number by reason, `examples` some of their positions."""

    def __init__(self, reasons: Mapping[str, int], examples: Mapping[str, list[int]]) -> None:
        parts = [
            f"{count} x {reason} (rows {', '.join(map(str, examples[reason]))})" for reason, count in reasons.items()
        ]
        super().__init__(
            f"rows that cannot be used: {'; '.join(parts)}", fix="correct them, or leave them out with on_bad='drop'"
        )
        self.reasons = dict(reasons)
        self.examples = {reason: list(rows) for reason, rows in examples.items()}


@dataclass(frozen=True)
class Written:
    """What was written, and by reason how many rows were left out."""

    path: Path
    rows: int
    users: int
    items: int
    pairs: int
    begin: Any
    end: Any
    dropped: Mapping[str, int] = field(default_factory=dict)


def interactions(
    path: str | Path,
    *,
    since: date | str | None = None,
    until: date | str | None = None,
    topics: Iterable[str] | None = None,
    columns: Mapping[str, str] | Sequence[str] | None = None,
    with_forgotten: bool = False,
    form: str = "pandas",
    filesystem: Any = None,
) -> Any:
    """Interactions of a file, or of the archive of an engine.

    Of a file, with the columns `user`, `item`, and as far as they are there `value`, `time`, `type`, `id`, `op`. They
    are recognised by their names, as by `freshet`; of text without a header they are user, item, value, time.
    `columns` names them: `{"user": "member", "item": "article"}`. Ids are text, times are UTC.

    Of an archive, with the columns that it has, or those in `columns`, by topic, partition and offset. `since` and
    `until` are the first and the last day of the folders to read, as dates or `2026-01-31`. What users did before they
    were forgotten is left out, also if they were forgotten on a later day, unless `with_forgotten`.
    """
    at = place(path, filesystem)
    if at.is_directory and is_archive(at):
        if isinstance(columns, Mapping):
            raise FreshetError("the columns of an archive have names of their own", fix="give those to read as a list")
        return archived(
            at,
            since=since,
            until=until,
            topics=topics,
            columns=columns,
            with_forgotten=with_forgotten,
            form=form,
        )
    if since is not None or until is not None or topics is not None or with_forgotten:
        raise FreshetError(
            f"{at.name} is no archive", fix="leave out since, until, topics and with_forgotten, or give an archive"
        )
    if columns is not None and not isinstance(columns, Mapping):
        raise FreshetError("columns of a file are named by field", fix='write {"user": "member"}')
    header = None if at.is_directory else _first_line(at)
    if header is not None and columns is None and not _recognised(header):
        if not 2 <= len(header) <= 4:
            raise FreshetError(
                f"{at.name} has {len(header)} columns and no header", fix="name the columns in its first line"
            )
        names = ("user", "item", "time") if len(header) == 3 and _is_time(header[2]) else _POSITIONS[: len(header)]
        delimiter = "," if Path(at.path.removesuffix(".gz")).suffix == ".csv" else "\t"
        table = delimited(at, delimiter, names=names)
    else:
        table = read(path, form="arrow", filesystem=filesystem)
    found = _fields(table.column_names, columns)
    import pyarrow

    frame = pyarrow.table({name: table[column] for name, column in found.items()}).to_pandas()
    for name in ("user", "item", "id"):
        if name in frame:
            frame[name] = _ids(frame[name])
    if "time" in frame:
        frame["time"] = _times(frame["time"])
    return frame if form == "pandas" else convert(arrow_table(frame), form)


def to_interactions(
    frame: Any,
    path: str | Path,
    *,
    user: str | None = None,
    item: str | None = None,
    value: str | None = None,
    time: str | None = None,
    type: str | None = None,  # noqa: A002
    id: str | None = None,  # noqa: A002
    op: str | None = None,
    on_bad: str = "raise",
) -> Written:
    """Checks a data frame and writes it as a file that `freshet train`, `evaluate` and `produce` read.

    The name decides the format: `.tsv`, `.csv` or `.jsonl`, plain or with `.gz`. Columns are recognised by their names
    unless they are named here. Rows that the engine would reject raise InvalidRows, and nothing is written; with
    `on_bad="drop"` they are left out and counted in the result. Ids that are integral floats lose their `.0`.
    """
    if on_bad not in ("raise", "drop"):
        raise ValueError(f"on_bad is raise or drop, not {on_bad!r}")
    given = {"user": user, "item": item, "value": value, "time": time, "type": type, "id": id, "op": op}
    table = arrow_table(frame)
    found = _fields(table.column_names, {name: column for name, column in given.items() if column is not None})
    target = Path(path)
    write = _writer(target)
    data = table.select(list(found.values())).to_pandas()
    data.columns = list(found)
    data, reasons, examples = _checked(data, is_text=write is not _write_json_lines)
    if reasons and on_bad == "raise":
        raise InvalidRows(reasons, examples)
    if data.empty:
        raise FreshetError("there is no row to write")
    _replace(target, lambda stream: write(stream, data, target))
    times = data.get("time")
    return Written(
        path=target,
        rows=len(data),
        users=data["user"].nunique(),
        items=data["item"].nunique(),
        pairs=len(data[["user", "item"]].drop_duplicates()),
        begin=None if times is None else times.min(),
        end=None if times is None else times.max(),
        dropped=reasons,
    )


# Columns


def _plain_name(name: str) -> str:
    return re.sub(r"[_\-. ]", "", name.partition(":")[0]).lower()


def _recognised(header: list[str]) -> bool:
    names = {_plain_name(name) for name in header}
    return bool(names & set(_NAMES["user"])) and bool(names & set(_NAMES["item"]))


def _fields(have: list[str], given: Mapping[str, str] | None) -> dict[str, str]:
    """The column of each field: those given, the others by their names."""
    found: dict[str, str] = {}
    for name, column in (given or {}).items():
        if name not in _NAMES:
            raise FreshetError(f"there is no field {name}", fix=f"fields: {', '.join(_NAMES)}")
        if column not in have:
            raise FreshetError(f"there is no column {column}", fix=f"columns: {', '.join(have)}")
        found[name] = column
    plain = {_plain_name(column): column for column in reversed(have) if column not in found.values()}
    for name, candidates in _NAMES.items():
        if name not in found:
            known = next((plain[candidate] for candidate in candidates if candidate in plain), None)
            if known is not None:
                found[name] = known
    missing = [name for name in ("user", "item") if name not in found]
    if missing:
        example = ", ".join(f"{name}=COLUMN" for name in missing)
        raise FreshetError(
            f"no column is known to be the {missing[0]} among {', '.join(have)}", fix=f"say which: {example}"
        )
    return {name: found[name] for name in _NAMES if name in found}


def _first_line(at: Place) -> list[str] | None:
    suffix = Path(at.path.removesuffix(".gz")).suffix
    if suffix not in (".csv", ".tsv", ".txt"):
        return None
    with at.open() as stream:
        line = stream.read(65536).partition(b"\n")[0].decode("utf-8-sig", errors="replace").rstrip("\r")
    return [cell.strip('"') for cell in str(line).split("," if suffix == ".csv" else "\t")]


def _is_time(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{9,19}|[0-9]{4}-[0-9]{2}-[0-9]{2}.*", text))


# Values


def _ids(column: Any) -> Any:
    """Ids as text; those that are integral numbers without `.0`."""
    import pandas

    if pandas.api.types.is_float_dtype(column):
        present = column.dropna()
        if len(present) and (present == present.round()).all():
            return column.astype("Int64").astype("string").astype(object)
    if pandas.api.types.is_numeric_dtype(column):
        return column.astype("string").astype(object)
    return column.map(lambda value: value if value is None or isinstance(value, str) else _id_text(value))


def _id_text(value: Any) -> Any:
    if value != value:
        return None
    if isinstance(value, bytes):
        return value.decode("utf-8", errors="surrogateescape")
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return str(value)


def _times(column: Any) -> Any:
    """Times in UTC: dates as they are, numbers by their size, texts as ISO 8601; what is none becomes NaT."""
    import pandas

    if pandas.api.types.is_datetime64_any_dtype(column):
        return pandas.to_datetime(column, utc=True)
    if pandas.api.types.is_numeric_dtype(column):
        return pandas.to_datetime(_nanoseconds(column), unit="ns", utc=True, errors="coerce")
    numbers = pandas.to_numeric(column, errors="coerce")
    if numbers.notna().sum() == column.notna().sum():
        return pandas.to_datetime(_nanoseconds(numbers), unit="ns", utc=True, errors="coerce")
    return pandas.to_datetime(column, utc=True, errors="coerce", format="ISO8601")


def _nanoseconds(numbers: Any) -> Any:
    """Seconds, milliseconds, microseconds or nanoseconds since 1970, told apart by size, as nanoseconds."""
    factor = numbers.abs()
    factor = (
        (factor < 1e11) * 10**9
        + ((factor >= 1e11) & (factor < 1e14)) * 10**6
        + ((factor >= 1e14) & (factor < 1e17)) * 10**3
    )
    factor = factor.where(factor > 0, 1)
    # Whole numbers stay whole: a double cannot hold nanoseconds of today.
    whole = numbers.where(numbers.notna(), 0)
    scaled = whole.astype("int64") * factor + ((whole % 1) * factor).astype("int64")
    return scaled.where(numbers.notna()).astype("Int64")


def _checked(data: Any, *, is_text: bool) -> tuple[Any, dict[str, int], dict[str, list[int]]]:
    """The rows that the engine accepts, and by reason the number and some positions of the others."""
    import numpy
    import pandas

    data = data.reset_index(drop=True)
    reason = pandas.Series(pandas.NA, index=data.index, dtype="string")

    def note(rows: Any, why: str) -> None:
        reason[rows & reason.isna()] = why

    for name in ("user", "item", "id"):
        if name not in data:
            continue
        data[name] = _ids(data[name])
        absent = data[name].isna()
        if name != "id":
            note(absent, f"missing_{name}_id")
        texts = data[name].where(~absent, "x")
        note(texts == "", "bad_id")
        note(texts.map(_is_broken), "bad_utf8")
        note(texts.str.contains("\0", regex=False), "bad_id")
        note(texts.map(lambda text: len(text) > 64 and len(text.encode("utf-8", "surrogatepass")) > 256), "id_too_long")
        if is_text:
            note(texts != texts.str.strip(), "id_with_space_needs_jsonl")
            note(texts.str.contains(r'[\t\r\n"]', regex=True), "id_with_delimiter_needs_jsonl")
    if "value" in data:
        numbers = pandas.to_numeric(data["value"], errors="coerce")
        note(data["value"].notna() & ~numpy.isfinite(numbers.astype("float64").fillna(numpy.inf)), "bad_value")
        data["value"] = numbers
    if "time" in data:
        was_there = data["time"].notna()
        data["time"] = _times(data["time"])
        note(was_there & data["time"].isna(), "bad_timestamp")
    if "type" in data:
        lengths = data["type"].map(lambda value: 1 if value is None or value != value else len(str(value)))
        note((lengths < 1) | (lengths > 64), "bad_event_type")
    if "op" in data:
        note(data["op"].notna() & ~data["op"].isin(_OPERATIONS), "bad_value")
    counts = reason.value_counts()
    reasons = {str(why): int(count) for why, count in counts.items()}
    examples = {
        why: [int(row) for row in data.index[(reason == why).fillna(False)][:_KEPT_EXAMPLES]] for why in reasons
    }
    return data[reason.isna()], reasons, examples


def _is_broken(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return True
    return False


# Writing


def _writer(target: Path) -> Callable[[Any, Any, Path], None]:
    suffix = Path(target.name.removesuffix(".gz")).suffix
    if suffix == ".jsonl":
        return _write_json_lines
    if suffix in (".csv", ".tsv"):
        return _write_delimited
    raise FreshetError(f"{target} has no known format", fix="name it .tsv, .csv or .jsonl, plain or with .gz")


def _time_texts(times: Any) -> Any:
    """Milliseconds where every time is read as such by its size, else RFC 3339."""
    milliseconds = times.astype("datetime64[ms, UTC]").astype("int64")
    if ((milliseconds >= 100_000_000_000) & (milliseconds < 100_000_000_000_000) | times.isna()).all():
        return milliseconds.where(times.notna()).astype("Int64")
    return times.dt.strftime("%Y-%m-%dT%H:%M:%S.%f").str.slice(0, 23) + "Z"


def _write_delimited(stream: Any, data: Any, target: Path) -> None:
    frame = data.rename(columns=_WRITTEN)
    if "timestamp" in frame:
        frame["timestamp"] = _time_texts(frame["timestamp"])
    delimiter = "," if target.name.removesuffix(".gz").endswith(".csv") else "\t"
    text = io.TextIOWrapper(stream, encoding="utf-8", newline="")
    frame.to_csv(text, sep=delimiter, index=False, lineterminator="\n")
    text.flush()
    text.detach()


def _write_json_lines(stream: Any, data: Any, target: Path) -> None:  # noqa: ARG001
    frame = data.rename(columns=_WRITTEN)
    if "timestamp" in frame:
        frame["timestamp"] = _time_texts(frame["timestamp"])
    names = list(frame.columns)
    for row in frame.itertuples(index=False, name=None):
        event = {
            name: _json_value(value)
            for name, value in zip(names, row, strict=True)
            if value is not None and value == value
        }
        stream.write(json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode() + b"\n")


def _json_value(value: Any) -> Any:
    return value.item() if hasattr(value, "item") else value


def _replace(target: Path, write: Callable[[Any], None]) -> None:
    """Writes a file beside the target, and puts it in its place once it is complete."""
    target.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f".{target.name}.", dir=target.parent)
    try:
        with os.fdopen(handle, "wb") as file:
            if target.name.endswith(".gz"):
                with gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0) as packed:
                    write(packed)
            else:
                write(file)
        Path(name).chmod(0o644)
        Path(name).replace(target)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
