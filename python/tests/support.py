"""Where the tests find what they need, and the servers that they start: all on free ports, all ended by their pid."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest

T = TypeVar("T")

REPOSITORY = Path(__file__).resolve().parents[2]
SCHEMAS = REPOSITORY / "schemas"
SHIPPED = REPOSITORY / "Sources/freshet/Resources/online-retail"
EXAMPLES = REPOSITORY / "examples"
PATIENCE = 30.0
"""Seconds that a client of the tests waits for an answer: the machine may be busy."""


def must_have(found: T | None, what: str) -> T:
    """What was found; else the test is skipped, or fails if FRESHET_REQUIRE_SERVERS is set."""
    if found is not None:
        return found
    if os.environ.get("FRESHET_REQUIRE_SERVERS"):
        pytest.fail(f"there is no {what}")
    pytest.skip(f"there is no {what}")


def freshet_binary() -> Path:
    given = os.environ.get("FRESHET")
    candidates = [Path(given)] if given else [REPOSITORY / ".build/release/freshet"]
    found = next((path.resolve() for path in candidates if path.is_file()), None)
    return must_have(found, "program freshet; run make build, or set FRESHET")


def kafka_home() -> Path:
    given = os.environ.get("KAFKA_HOME")
    candidates = [Path(given)] if given else [REPOSITORY.parent / "shared" / "kafka"]
    found = next((path for path in candidates if (path / "bin/broker").is_file()), None)
    return must_have(found, "Kafka with bin/broker; set KAFKA_HOME")


def plain_environment() -> dict[str, str]:
    """The environment without what the tests are told, which the program would take for its configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def eventually(condition: Callable[[], T], what: str, seconds: float = 120) -> T:
    """The first true value of the condition; the last error is part of the failure."""
    end = time.monotonic() + seconds
    last: Any = None
    while time.monotonic() < end:
        try:
            if value := condition():
                return value
            last = value
        except Exception as fault:
            last = fault
        time.sleep(0.05)
    raise AssertionError(f"not within {seconds} s: {what}; last: {last!r}")


@contextlib.contextmanager
def process(command: Sequence[str | Path], log: Path, **options: Any) -> Iterator[subprocess.Popen[bytes]]:
    """A program in a process group of its own, ended at the end."""
    with log.open("wb") as output:
        running = subprocess.Popen(
            [str(part) for part in command], stdout=output, stderr=subprocess.STDOUT, start_new_session=True, **options
        )
        try:
            yield running
        finally:
            if running.poll() is None:
                running.send_signal(signal.SIGTERM)
                try:
                    running.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(running.pid, signal.SIGKILL)
                    running.wait()


@contextlib.contextmanager
def redis_server(*arguments: str) -> Iterator[str]:
    """The URL of a private redis-server."""
    program = must_have(shutil.which("redis-server"), "redis-server")
    directory = Path(tempfile.mkdtemp(prefix="fr-redis-"))
    port = free_port()
    command = [program, "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(directory), *arguments]
    try:
        with process(command, directory / "log"):
            eventually(lambda: socket.create_connection(("127.0.0.1", port), 1).close() or True, "redis-server answers")
            yield f"redis://127.0.0.1:{port}"
    finally:
        shutil.rmtree(directory, ignore_errors=True)


@dataclass(frozen=True)
class Engine:
    """An engine with a broker, a Redis and a gateway of its own."""

    binary: Path
    directory: Path
    redis: str
    bootstrap: str
    admin: str
    gateway: str

    def run(self, *arguments: str | Path) -> str:
        """The output of a command."""
        command = [str(self.binary), *map(str, arguments)]
        ended = subprocess.run(
            command, capture_output=True, text=True, timeout=120, check=False, env=plain_environment()
        )
        assert ended.returncode == 0, f"{command}: {ended.stderr}"
        return ended.stdout

    def status(self) -> Any:
        with urllib.request.urlopen(f"http://{self.admin}/v1/status", timeout=5) as answer:
            return json.load(answer)

    def has_settled(self, events: int) -> bool:
        """Whether so many events are applied, none waits, no training runs, and all lists of the epoch are out."""
        now = self.status()
        redis = now["redis"]
        is_waiting = now["lag_records"] or redis["waiting_users"] or redis["queued_commands"] or redis.get("rollout")
        is_training = now["retrain"].get("phase") is not None or redis["epoch"] != now["epoch"]
        return now["events_applied"] >= events and not is_waiting and not is_training


@contextlib.contextmanager
def engine(*settings: str) -> Iterator[Engine]:
    """`freshet serve --embedded` with the gateway inside."""
    binary = freshet_binary()
    must_have(shutil.which("redis-server"), "redis-server")
    # The path of a Unix socket has at most 107 bytes.
    directory = Path(tempfile.mkdtemp(prefix="fr-engine-"))
    gateway = f"127.0.0.1:{free_port()}"
    admin = f"127.0.0.1:{free_port()}"
    pairs = [
        f"admin.listen={admin}",
        f"gateway.listen={gateway}",
        "publish.rows=true",
        "items.topic=items",
        "redis.url=" + f"unix://{directory}/redis.sock",
        *settings,
    ]
    command = [
        binary,
        "serve",
        "--embedded",
        "--data-dir",
        directory,
        *(part for pair in pairs for part in ("--set", pair)),
    ]
    try:
        with process(command, directory / "log", cwd=directory, env=plain_environment()) as running:
            file = directory / "endpoints.json"

            def endpoints() -> Any:
                assert running.poll() is None, (directory / "log").read_text()
                return json.loads(file.read_text()) if file.exists() else None

            found = eventually(endpoints, "the engine serves")
            yield Engine(binary, directory, found["redisURL"], found["bootstrapServers"], admin, f"http://{gateway}")
    finally:
        shutil.rmtree(directory, ignore_errors=True)
