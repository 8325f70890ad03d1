"""The archive of an engine: every event that it has applied, in Parquet files by date.

A file is `date=YYYY-MM-DD/interactions-<topic>-<partition>-<first>-<last>-<mark>.parquet` with the rows of a range of
offsets of one partition.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from .places import Place, place
from .tables import convert

COLUMNS = ("user", "item", "type", "operation", "strength", "time", "topic", "partition", "offset", "merged_into")
_FOLDER = re.compile(r"date=(\d{4}-\d{2}-\d{2})")
_NAME = re.compile(
    r"interactions-(?P<topic>[A-Za-z0-9._-]+)-(?P<partition>0|[1-9]\d*)"
    r"-(?P<first>\d{20})-(?P<last>\d{20})-(?P<mark>[0-9a-f]{16})\.parquet"
)
_PLACE = ("topic", "partition", "offset")
_FILES_AT_A_TIME = 8
_PROBLEMS_SHOWN = 3


class ArchiveError(FreshetError):
    """An archive that is not as it should be; `problems` has a line for each that was found."""

    def __init__(self, name: str, problems: Sequence[str]) -> None:
        more = len(problems) - _PROBLEMS_SHOWN
        text = ", ".join(problems[:_PROBLEMS_SHOWN]) + (f" and {more} more" if more > 0 else "")
        super().__init__(f"the archive {name} has problems: {text}", fix="freshet-py check-archive finds all of them")
        self.problems = tuple(problems)


@dataclass(frozen=True)
class ArchivedPartition:
    """What an archive has of one partition; the offsets are those of the first and the last file."""

    topic: str
    partition: int
    first: int
    last: int
    files: int
    rows: int


@dataclass(frozen=True, order=True)
class _File:
    topic: str
    partition: int
    first: int
    last: int
    day: str
    name: str

    @property
    def path(self) -> str:
        return f"date={self.day}/{self.name}"


def is_archive(at: Place) -> bool:
    """Whether a directory has files of an archive, or nothing at all."""
    days = _days(at)
    if not days:
        return next(_names(at), None) is None
    return any(_NAME.fullmatch(name) for day in (days[0], days[-1]) for name in _names(at.child(f"date={day}")))


def archived(
    at: Place,
    *,
    since: date | str | None = None,
    until: date | str | None = None,
    topics: Iterable[str] | None = None,
    columns: Sequence[str] | None = None,
    with_forgotten: bool = False,
    form: str = "pandas",
) -> Any:
    """See `frames.interactions`."""
    unknown = [name for name in columns or () if name not in COLUMNS]
    if unknown:
        raise FreshetError(f"an archive has no column {unknown[0]}", fix=f"columns: {', '.join(COLUMNS)}")
    if isinstance(topics, str):
        topics = [topics]
    wanted = list(COLUMNS if columns is None else columns)
    first, last = _day(since), _day(until)
    # A user may have been forgotten after the last of the days.
    days = [day for day in _days(at) if first is None or day >= first]
    listed = _listed(at, days)
    names = None if topics is None else set(topics)
    chosen = [file for file in listed if (last is None or file.day <= last) and (names is None or file.topic in names)]
    if overlaps := _overlaps(chosen):
        raise ArchiveError(at.name, overlaps)
    needed = {*wanted} if with_forgotten else {*wanted, "user", "time", *_PLACE}
    table = _read(at, chosen, [name for name in COLUMNS if name in needed])
    if not with_forgotten:
        table = _without_forgotten(table, _Forgotten(_removals(at, listed)))
    return convert(table.select(wanted), form)


def check_archive(store: str | Path, *, filesystem: Any = None) -> list[ArchivedPartition]:
    """What an archive has of each partition, after checking all of it.

    Raises ArchiveError if names cannot be read, files of a partition overlap, or rows are not where their file's name
    says. Gaps between files are none: records without events leave no rows.
    """
    at = place(store, filesystem, extra="parquet")
    if not at.is_directory:
        raise FreshetError(f"{at.name} is no directory", fix="give the place that archive.store names")
    files, problems = _all(at)
    problems += _overlaps(files)
    with ThreadPoolExecutor(_FILES_AT_A_TIME) as threads:
        checked = list(threads.map(lambda file: _rows(at, file), files))
    problems += [problem for _, found in checked for problem in found]
    if problems:
        raise ArchiveError(at.name, problems)
    result = []
    counted = zip(files, (rows for rows, _ in checked), strict=True)
    for (topic, partition), group in groupby(counted, key=lambda pair: (pair[0].topic, pair[0].partition)):
        ours = list(group)
        result.append(
            ArchivedPartition(
                topic,
                partition,
                first=ours[0][0].first,
                last=max(file.last for file, _ in ours),
                files=len(ours),
                rows=sum(rows for _, rows in ours),
            )
        )
    return result


# Names


def _names(at: Place) -> Iterator[str]:
    """The names in a folder, without what is being written and what other tools leave behind."""
    import pyarrow.fs

    for info in at.filesystem.get_file_info(pyarrow.fs.FileSelector(at.path, allow_not_found=True)):
        if not info.base_name.startswith((".", "_")):
            yield info.base_name


def _days(at: Place) -> list[str]:
    return sorted(found[1] for name in _names(at) if (found := _FOLDER.fullmatch(name)))


def _day(given: date | str | None) -> str | None:
    if given is None:
        return None
    if isinstance(given, str):
        try:
            return datetime.fromisoformat(given).date().isoformat()
        except ValueError as fault:
            raise FreshetError(f"{given} is no date", fix="write it as 2026-01-31") from fault
    return (given.date() if isinstance(given, datetime) else given).isoformat()


def _file(day: str, name: str) -> _File | None:
    found = _NAME.fullmatch(name)
    if found is None:
        return None
    first, last = int(found["first"]), int(found["last"])
    return _File(found["topic"], int(found["partition"]), first, last, day, name) if first <= last else None


def _listed(at: Place, days: Sequence[str]) -> list[_File]:
    """The files of these days in the order of their rows."""
    with ThreadPoolExecutor(_FILES_AT_A_TIME) as threads:
        listings = list(threads.map(lambda day: [(day, name) for name in _names(at.child(f"date={day}"))], days))
    pairs = [pair for listing in listings for pair in listing]
    files = [_file(*pair) for pair in pairs]
    if None in files:
        raise ArchiveError(
            at.name, [_unreadable(f"date={day}/{name}") for day, name in pairs if _file(day, name) is None]
        )
    return sorted(file for file in files if file is not None)


def _all(at: Place) -> tuple[list[_File], list[str]]:
    """Every file in the order of the rows, and the names that cannot be read."""
    import pyarrow.fs

    files, problems = [], []
    for info in at.filesystem.get_file_info(pyarrow.fs.FileSelector(at.path, recursive=True)):
        name = info.path[len(at.path) :].strip("/")
        if info.type != pyarrow.fs.FileType.File or any(part.startswith((".", "_")) for part in name.split("/")):
            continue
        folder, _, rest = name.partition("/")
        day = _FOLDER.fullmatch(folder)
        file = _file(day[1], rest) if day and _is_date(day[1]) else None
        if file is None:
            problems.append(_unreadable(name))
        else:
            files.append(file)
    return sorted(files), sorted(problems)


def _is_date(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _unreadable(name: str) -> str:
    return f"{name} is no name of a file of an archive"


def _overlaps(files: Sequence[_File]) -> list[str]:
    """Files of one partition, in order, whose ranges of offsets overlap."""
    problems = []
    for _, group in groupby(files, key=lambda file: (file.topic, file.partition)):
        longest: _File | None = None
        for file in group:
            if longest is not None and file.first <= longest.last:
                problems.append(f"{longest.path} and {file.path} have the same offsets")
            if longest is None or file.last > longest.last:
                longest = file
    return problems


# Rows


def _arrow_schema() -> Any:
    import pyarrow

    types = {
        "strength": pyarrow.float32(),
        "time": pyarrow.timestamp("ms", tz="UTC"),
        "partition": pyarrow.int32(),
        "offset": pyarrow.int64(),
    }
    return pyarrow.schema([(name, types.get(name, pyarrow.string())) for name in COLUMNS])


def _dataset(at: Place, files: Sequence[_File]) -> Any:
    import pyarrow.dataset

    found = pyarrow.dataset.dataset(
        [at.child(file.path).path for file in files],
        schema=_arrow_schema(),
        filesystem=at.filesystem,
        format="parquet",
    )
    # A column that is missing would be read as nulls.
    with ThreadPoolExecutor(_FILES_AT_A_TIME) as threads:
        schemas = list(threads.map(lambda fragment: fragment.physical_schema, found.get_fragments()))
    problems = [
        f"{file.path} has no column {name}"
        for file, schema in zip(files, schemas, strict=True)
        for name in COLUMNS
        if name not in schema.names
    ]
    if problems:
        raise ArchiveError(at.name, problems)
    return found


def _read(at: Place, files: Sequence[_File], columns: Sequence[str], condition: Any = None) -> Any:
    import pyarrow

    if not files:
        return _arrow_schema().empty_table().select(columns)
    try:
        return _dataset(at, files).to_table(columns=list(columns), filter=condition)
    except (pyarrow.ArrowException, OSError) as fault:
        raise FreshetError(f"the archive {at.name} cannot be read: {fault}") from fault


def _rows(at: Place, file: _File) -> tuple[int, list[str]]:
    """How many rows a file has, and what is wrong with them."""
    import pyarrow
    import pyarrow.compute
    import pyarrow.parquet

    path = at.child(file.path).path
    try:
        schema = pyarrow.parquet.read_schema(path, filesystem=at.filesystem)
        if missing := [name for name in COLUMNS if name not in schema.names]:
            return 0, [f"{file.path} has no column {missing[0]}"]
        with pyarrow.parquet.ParquetFile(path, filesystem=at.filesystem) as opened:
            table = opened.read(columns=list(_PLACE))
    except (pyarrow.ArrowException, OSError) as fault:
        return 0, [f"{file.path} cannot be read: {' '.join(str(fault).split())}"]
    problems = []
    for name, low, high in (
        ("topic", file.topic, file.topic),
        ("partition", file.partition, file.partition),
        ("offset", file.first, file.last),
    ):
        column = table[name]
        ends = pyarrow.compute.min_max(column.cast(_arrow_schema().field(name).type)).as_py()
        if column.null_count:
            problems.append(f"{file.path} has rows without {name}")
        elif len(column) and (ends["min"] < low or ends["max"] > high):
            wrong = ends["min"] if ends["min"] < low else ends["max"]
            problems.append(f"{file.path} has rows of the {name} {wrong}")
    if not problems:
        offsets = table["offset"].combine_chunks()
        if not pyarrow.compute.all(pyarrow.compute.less_equal(offsets[:-1], offsets[1:]), min_count=0).as_py():
            problems.append(f"{file.path} has rows that are not in the order of their offsets")
    return table.num_rows, problems


# Forgotten users


@dataclass(frozen=True)
class _Removal:
    """A row after which nothing of its user from before it may be used."""

    time: Any
    source: tuple[str, int]
    offset: int

    def follows(self, source: tuple[str, int], offset: int, time: Any) -> bool:
        """Within a partition the offsets decide, else the times."""
        return offset < self.offset if source == self.source else time <= self.time


class _Forgotten:
    """By user the places of `forget`, and of the `merge` into a user who was forgotten later."""

    def __init__(self, removals: Any) -> None:
        self.removals: dict[str, list[_Removal]] = defaultdict(list)
        merges = []
        for row in removals.to_pylist():
            place = _Removal(row["time"], (row["topic"], row["partition"]), row["offset"])
            if row["operation"] == "forget":
                self.removals[row["user"]].append(place)
            else:
                merges.append((row["user"], row["merged_into"], place))
        # What was merged went with the other user; that one may have been merged, too.
        while found := [
            merge for merge in merges if self.has(merge[1], merge[2].source, merge[2].offset, merge[2].time)
        ]:
            for merge in found:
                self.removals[merge[0]].append(merge[2])
                merges.remove(merge)

    def has(self, user: str | None, source: tuple[str, int], offset: int, time: Any) -> bool:
        return any(removal.follows(source, offset, time) for removal in self.removals.get(user or "", ()))


def _removals(at: Place, files: Sequence[_File]) -> Any:
    import pyarrow.dataset

    condition = pyarrow.dataset.field("operation").isin(["forget", "merge"])
    return _read(at, files, ["user", "operation", "time", *_PLACE, "merged_into"], condition)


def _without_forgotten(table: Any, forgotten: _Forgotten) -> Any:
    import numpy
    import pyarrow
    import pyarrow.compute

    # pyarrow before 26 crashes on an array without chunks.
    if not table.num_rows:
        return table
    users = pyarrow.array(list(forgotten.removals), pyarrow.string())
    candidates = pyarrow.compute.indices_nonzero(pyarrow.compute.is_in(table["user"], value_set=users))
    rows = table.select(["user", "time", *_PLACE]).take(candidates).to_pylist()
    kept = numpy.ones(table.num_rows, dtype=bool)
    for index, row in zip(candidates.to_pylist(), rows, strict=True):
        kept[index] = not forgotten.has(row["user"], (row["topic"], row["partition"]), row["offset"], row["time"])
    return table.filter(pyarrow.array(kept))
