"""Deployed modules in a directory: every version is kept, and one of them is current.

<store>/<name>/<version>/module.py, manifest.json
<store>/<name>/current        the number of the version that workers run
"""

from __future__ import annotations

import contextlib
import datetime
import fcntl
import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from ..tasks import Parameter, Query, Task
from .notebooks import source_of

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
DESCRIBE_SECONDS = 60.0


@dataclass(frozen=True)
class Version:
    """One version of a deployment."""

    name: str
    number: int
    path: Path
    manifest: Mapping[str, Any]

    @property
    def module(self) -> Path:
        return self.path / "module.py"

    @property
    def tasks(self) -> list[Task]:
        return [Task(each["name"], each["every"], each["jitter"], each["catch_up"]) for each in self.manifest["tasks"]]

    @property
    def queries(self) -> list[Query]:
        return [
            Query(
                each["name"],
                each["timeout"],
                each["concurrency"],
                tuple(Parameter(**parameter) for parameter in each["parameters"]),
                each["summary"],
            )
            for each in self.manifest["queries"]
        ]


class Deployments:
    """The directory of deployed modules. Readers and one writer at a time may use it together."""

    def __init__(self, directory: str | Path) -> None:
        self.directory = Path(directory)

    def names(self) -> list[str]:
        if not self.directory.is_dir():
            return []
        return sorted(path.name for path in self.directory.iterdir() if path.is_dir() and _NAME.fullmatch(path.name))

    def current_number(self, name: str) -> int | None:
        """The number of the version that workers run; None if the deployment was removed."""
        try:
            return int((self.directory / name / "current").read_text())
        except (FileNotFoundError, NotADirectoryError):
            return None

    def current(self, name: str) -> Version | None:
        number = self.current_number(name)
        return None if number is None else self.version(name, number)

    def version(self, name: str, number: int) -> Version:
        path = self.directory / name / str(number)
        try:
            return Version(name, number, path, json.loads((path / "manifest.json").read_text(encoding="utf-8")))
        except FileNotFoundError as fault:
            have = ", ".join(map(str, self.numbers(name))) or "none"
            raise FreshetError(f"there is no version {number} of {name}", fix=f"versions: {have}") from fault

    def numbers(self, name: str) -> list[int]:
        directory = self.directory / name
        if not directory.is_dir():
            return []
        return sorted(int(path.name) for path in directory.iterdir() if path.name.isdigit())

    def deploy(self, source: Path, name: str | None = None) -> tuple[Version, bool]:
        """Adds a version and makes it current; returns it, and whether it is new.

        Nothing changes if the module cannot be loaded.
        """
        name = name or re.sub(r"[^A-Za-z0-9_-]", "_", source.stem)
        if not _NAME.fullmatch(name):
            raise FreshetError(
                f"{name!r} is no name of a deployment", fix="give --name with letters, digits, _ and -, a letter first"
            )
        text = source_of(source)
        digest = hashlib.sha256(text.encode()).hexdigest()
        with self._writing():
            current = self.current(name)
            if current is not None and current.manifest["sha256"] == digest:
                return current, False
            return self._add(name, source, text, digest), True

    def _add(self, name: str, source: Path, text: str, digest: str) -> Version:
        directory = self.directory / name
        directory.mkdir(parents=True, exist_ok=True)
        staging = Path(tempfile.mkdtemp(prefix=".staging-", dir=directory))
        try:
            (staging / "module.py").write_text(text, encoding="utf-8")
            described = describe(staging / "module.py")
            if not described["tasks"] and not described["queries"]:
                raise FreshetError(
                    f"{source} has no function with @task or @query", fix="mark one, such as @query(timeout='1s')"
                )
            self._check_names(name, described)
            manifest = {
                "name": name,
                "source": source.name,
                "sha256": digest,
                "deployed": datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="seconds"),
                "python": ".".join(map(str, sys.version_info[:3])),
                "tasks": described["tasks"],
                "queries": described["queries"],
            }
            (staging / "manifest.json").write_text(json.dumps(manifest, indent=2) + "\n", encoding="utf-8")
            number = max(self.numbers(name), default=0) + 1
            target = directory / str(number)
            staging.rename(target)
        except BaseException:
            shutil.rmtree(staging, ignore_errors=True)
            raise
        self._set_current(name, number)
        return Version(name, number, target, manifest)

    def roll_back(self, name: str, number: int | None = None) -> Version:
        """Makes an earlier version current: the one given, or the one before."""
        with self._writing():
            numbers = self.numbers(name)
            if not numbers:
                raise FreshetError(
                    f"there is no deployment {name}", fix=f"deployments: {', '.join(self.names()) or 'none'}"
                )
            if number is None:
                current = self.current_number(name)
                earlier = [each for each in numbers if current is None or each < current]
                if not earlier:
                    raise FreshetError(f"{name} has no version before {current}")
                number = earlier[-1]
            version = self.version(name, number)
            self._check_names(name, version.manifest)
            self._set_current(name, number)
            return version

    def remove(self, name: str) -> None:
        """Takes a deployment out of service; its versions stay, and roll_back brings one back."""
        with self._writing():
            if self.current_number(name) is None:
                raise FreshetError(
                    f"there is no deployment {name} in service", fix=f"deployments: {', '.join(self.names()) or 'none'}"
                )
            (self.directory / name / "current").unlink()

    # Parts

    def _check_names(self, name: str, described: Mapping[str, Sequence[Mapping[str, Any]]]) -> None:
        for other in self.names():
            current = self.current(other) if other != name else None
            if current is None:
                continue
            for kind in ("tasks", "queries"):
                taken = {each["name"] for each in current.manifest[kind]} & {each["name"] for each in described[kind]}
                if taken:
                    what = {"tasks": "task", "queries": "query"}[kind]
                    raise FreshetError(
                        f"the deployment {other} has a {what} {min(taken)}, too", fix="give it another name="
                    )

    def _set_current(self, name: str, number: int) -> None:
        temporary = self.directory / name / ".current"
        temporary.write_text(f"{number}\n")
        temporary.replace(self.directory / name / "current")

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        self.directory.mkdir(parents=True, exist_ok=True)
        with (self.directory / ".lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            yield


def describe(module: Path) -> dict[str, Any]:
    """What a module defines, found out in a process of its own."""
    import struct

    command = [sys.executable, "-m", "freshet.worker.child", "describe", str(module)]
    try:
        ended = subprocess.run(
            command,
            input=b"",
            capture_output=True,
            timeout=DESCRIBE_SECONDS,
            env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"},
            check=False,
        )
    except subprocess.TimeoutExpired as fault:
        raise FreshetError(
            f"{module.name} did not load within {DESCRIBE_SECONDS:g} s", fix="move long work into the functions"
        ) from fault
    output = ended.stdout
    if len(output) < 4:
        raise FreshetError(f"the module does not load:\n{ended.stderr.decode(errors='replace')[-2000:]}")
    (size,) = struct.unpack_from("<I", output)
    described: dict[str, Any] = json.loads(output[4 : 4 + size])
    if not described.get("ready"):
        where = ended.stderr.decode(errors="replace")[-2000:]
        raise FreshetError(
            f"the module does not load: {described.get('error')}\n{where}",
            fix="run the notebook from its top to see it there",
        )
    return described


def default_store() -> Path:
    """Where deployments are kept unless --store says otherwise."""
    home = os.environ.get("XDG_STATE_HOME") or str(Path.home() / ".local/state")
    return Path(os.environ.get("FRESHETPY_STORE") or Path(home) / "freshet" / "python")
