"""The store of runs: `runs/<id>.json`, and `keys/<digest>/<attempt>` for idempotency keys."""

from __future__ import annotations

import builtins
import contextlib
import hashlib
import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any, Protocol

from ..errors import FreshetError, MissingExtra, NotSupported
from .records import STATES, Record, is_id, kind_of, slug

log = logging.getLogger("freshet.runs")

_CANDIDATES_MAX = 5
_READS_AT_A_TIME = 8


class AlreadyRun(FreshetError):
    """A run with the same idempotency key is done, or is running; `record` is its record."""

    def __init__(self, record: Record, key: str) -> None:
        verb = "has done it" if record.state == "done" else "is running"
        super().__init__(
            f"{record.id} with the idempotency key {key} {verb}",
            fix="use its result, or free the key with `freshet runs clean`",
        )
        self.record = record


class RunStore:
    """Reads and writes records. Other programs may do so at the same time."""

    def __init__(self, place: ObjectPlace) -> None:
        self._place = place

    def __repr__(self) -> str:
        return f"RunStore({self._place.name!r})"

    @property
    def name(self) -> str:
        return self._place.name

    # Reading

    def ids(self, kind: str | None = None) -> builtins.list[str]:
        """The ids of all runs, or of those of a kind, newest first."""
        found = [name.removesuffix(".json") for name in self._place.names("runs")]
        wanted = None if kind is None else slug(kind)
        return sorted((each for each in found if is_id(each) and wanted in (None, kind_of(each))), reverse=True)

    def list(
        self, *, kind: str | None = None, state: str | None = None, last: int | None = None
    ) -> builtins.list[Record]:
        """Records, newest first; `last` is how many at most. Those that cannot be read are left out with a warning."""
        if state is not None and state not in STATES:
            raise FreshetError(f"{state} is no state of a run", fix=f"states: {', '.join(STATES)}")
        found: builtins.list[Record] = []
        ids = self.ids(kind)
        with ThreadPoolExecutor(_READS_AT_A_TIME) as threads:
            for at in range(0, len(ids), 64):
                records = threads.map(self._read_or_warn, ids[at : at + 64])
                found += [each for each in records if each is not None and state in (None, each.state)]
                if last is not None and len(found) >= last:
                    return found[:last]
        return found

    def get(self, word: str) -> Record:
        """The run that a word names: an id, a part of it that no other has, `last`, or `last:KIND`."""
        run_id = word if is_id(word) else self._resolve(word)
        try:
            found = self._read(run_id)
        except ValueError as fault:
            raise FreshetError(f"runs/{run_id}.json in {self.name} is not the record of a run: {fault}") from fault
        if found is None:
            raise self._nothing(word)
        return found

    def frame(self, *, kind: str | None = None, state: str | None = None, last: int | None = None) -> Any:
        """Records as a pandas frame, newest first: a row each, and columns `metrics.NAME` and `settings.NAME`."""
        try:
            import pandas
        except ImportError as fault:
            raise MissingExtra("frames", "pandas") from fault
        rows = [_row(each) for each in self.list(kind=kind, state=state, last=last)]
        first = dict.fromkeys(_COLUMNS)
        rest = sorted({name for row in rows for name in row} - set(first))
        frame = pandas.DataFrame(rows, columns=[*first, *rest])
        frame["started"] = pandas.to_datetime(frame["started"], utc=True)
        return frame

    # Writing

    def save(self, data: Mapping[str, Any]) -> None:
        """Writes a record over the one of the same id."""
        text = json.dumps(data, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        self._place.put(f"runs/{data['id']}.json", text.encode() + b"\n")

    def remove(self, run_id: str) -> None:
        self._place.remove(f"runs/{run_id}.json")

    def prune(self, kind: str, keep: int) -> None:
        """Removes the oldest runs of a kind beyond a number."""
        for old in self.ids(kind)[keep:]:
            self.remove(old)

    def claim(self, data: Mapping[str, Any]) -> Record | None:
        """Gives the idempotency key of a saved record to it, and returns None.

        If another run that has not failed has the key, that one is returned. Of several claims at once, one gets it.
        """
        digest = hashlib.sha256(data["idempotency_key"].encode()).hexdigest()
        while True:
            attempts = [int(name) for name in self._place.names(f"keys/{digest}") if name.isdigit()]
            last = max(attempts, default=0)
            if last:
                holder = (self._place.get(f"keys/{digest}/{last}") or b"").decode(errors="replace")
                record = self._read(holder) if is_id(holder) else None
                if record is not None and record.state in ("done", "running"):
                    return record
            if self._place.put_new(f"keys/{digest}/{last + 1}", data["id"].encode()):
                return None

    # Parts

    def _read(self, run_id: str) -> Record | None:
        text = self._place.get(f"runs/{run_id}.json")
        return None if text is None else Record.parse(text, time.time_ns() // 1_000_000)

    def _read_or_warn(self, run_id: str) -> Record | None:
        try:
            return self._read(run_id)
        except ValueError as fault:
            log.warning("runs/%s.json in %s cannot be read: %s", run_id, self.name, fault)
            return None

    def _resolve(self, word: str) -> str:
        ids = self.ids()
        if word == "last":
            matches = ids[:1]
        elif word.startswith("last:"):
            kind = slug(word.removeprefix("last:"))
            matches = [each for each in ids if kind and f"{kind_of(each)}-".startswith(f"{kind}-")][:1]
        else:
            matches = [each for each in ids if word and word in each]
        if not matches:
            raise self._nothing(word)
        if len(matches) > 1:
            names = ", ".join(matches[:_CANDIDATES_MAX])
            raise FreshetError(f"{word!r} matches {len(matches)} runs: {names}", fix="give more of the id")
        return matches[0]

    def _nothing(self, word: str) -> FreshetError:
        return FreshetError(
            f"no run in {self.name} matches {word!r}",
            fix="give an id, a part of one, last or last:KIND; list() has them",
        )


_COLUMNS = (
    "id",
    "kind",
    "state",
    "started",
    "seconds",
    "cpu_seconds",
    "peak_memory_bytes",
    "cores",
    "host",
    "version",
    "message",
)


def _row(record: Record) -> dict[str, Any]:
    row = {name: record.data.get(name) for name in _COLUMNS}
    row |= {"started": record.started, "seconds": record.seconds}
    row |= {f"metrics.{name}": value for name, value in record.metrics.items()}
    row |= {f"settings.{name}": value for name, value in record.settings.items()}
    return row


# Where objects are


class ObjectPlace(Protocol):
    """Objects by name; names have `/` between their parts."""

    name: str

    def names(self, folder: str) -> list[str]: ...

    def get(self, key: str) -> bytes | None: ...

    def put(self, key: str, content: bytes) -> None: ...

    def put_new(self, key: str, content: bytes) -> bool:
        """Whether the object is new; one that is there stays as it is."""

    def remove(self, key: str) -> None: ...


def open_place(store: str | Path, filesystem: Any = None) -> ObjectPlace:
    text = str(store)
    if filesystem is None and not text.startswith("s3://"):
        if "://" in text and not text.startswith("file://"):
            raise FreshetError(f"{text} is no store of runs", fix="give a directory or s3://BUCKET/PREFIX")
        return _Directory(Path(text.removeprefix("file://")))
    from ..frames.places import place

    found = place(store, filesystem, extra="parquet")
    return _Bucket(found.filesystem, found.path, found.name)


class _Directory:
    """A directory; every file appears as a whole, as the engine writes it."""

    def __init__(self, path: Path) -> None:
        self._path = path.absolute()
        self.name = str(path)

    def names(self, folder: str) -> list[str]:
        try:
            return [each.name for each in os.scandir(self._path / folder) if each.is_file(follow_symlinks=False)]
        except FileNotFoundError:
            return []

    def get(self, key: str) -> bytes | None:
        try:
            return (self._path / key).read_bytes()
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> None:
        with self._written(content) as temporary:
            target = self._target(key)
            temporary.replace(target)
            _synchronize(target.parent)

    def put_new(self, key: str, content: bytes) -> bool:
        with self._written(content) as temporary:
            target = self._target(key)
            try:
                # Fails if the name is taken, whoever comes at the same time.
                os.link(temporary, target)
            except FileExistsError:
                return False
            _synchronize(target.parent)
            return True

    def remove(self, key: str) -> None:
        (self._path / key).unlink(missing_ok=True)

    def _target(self, key: str) -> Path:
        target = self._path / key
        target.parent.mkdir(mode=0o750, parents=True, exist_ok=True)
        return target

    @contextlib.contextmanager
    def _written(self, content: bytes) -> Any:
        """A synchronized file beside the objects, where nobody takes it for one."""
        uploads = self._path / ".uploads"
        uploads.mkdir(mode=0o750, parents=True, exist_ok=True)
        temporary = uploads / f"{os.getpid()}-{secrets.token_hex(8)}"
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o640)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            yield temporary
        finally:
            temporary.unlink(missing_ok=True)


def _synchronize(directory: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _Bucket:
    """A place of an Arrow file system, such as a bucket."""

    def __init__(self, filesystem: Any, path: str, name: str) -> None:
        self._filesystem = filesystem
        self._path = path.rstrip("/")
        self.name = name

    def names(self, folder: str) -> list[str]:
        import pyarrow.fs

        selector = pyarrow.fs.FileSelector(f"{self._path}/{folder}", allow_not_found=True)
        infos = self._filesystem.get_file_info(selector)
        return [info.base_name for info in infos if info.type == pyarrow.fs.FileType.File]

    def get(self, key: str) -> bytes | None:
        try:
            with self._filesystem.open_input_stream(f"{self._path}/{key}", compression=None) as stream:
                return bytes(stream.read())
        except FileNotFoundError:
            return None

    def put(self, key: str, content: bytes) -> None:
        # The object has its content when the stream is closed.
        with self._filesystem.open_output_stream(f"{self._path}/{key}", compression=None) as stream:
            stream.write(content)

    def put_new(self, key: str, content: bytes) -> bool:
        raise NotSupported(
            "Arrow cannot write an object only if it is new, so an idempotency key would not hold",
            fix="use a directory as the store of runs, or leave idempotency_key away",
        )

    def remove(self, key: str) -> None:
        with contextlib.suppress(FileNotFoundError):
            self._filesystem.delete_file(f"{self._path}/{key}")
