"""Servers that many tests share."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path

import pytest

from freshet import Client

from .support import SHIPPED, Engine, engine, eventually, redis_server


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has read 60,000 of the shipped events and trained on them; no test may forget user 17850."""
    file: Path = tmp_path_factory.mktemp("events") / "events.tsv"
    with gzip.open(SHIPPED / "events.tsv.gz", "rt") as lines:
        file.write_text("".join(line for line, _ in zip(lines, range(60_000), strict=False)))
    with engine("retrain.every_events=100000000", "retrain.first_pairs=20000") as running:
        running.run("produce", file, "--data-dir", running.directory, "--max", "--quiet")
        with Client(running.redis) as client:
            eventually(
                lambda: client.recommend("17850").source in ("personal", "foldin"), "the first model is out", 300
            )
            eventually(lambda: client.recommend("17850").epoch == 1, "its lists are out", 300)
        with Client(running.gateway) as client:
            eventually(lambda: client.recommend("17850").degraded is None, "the gateway has the matrix", 300)
        yield running


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """How much memory the tests took: their own process, and the largest of those that they started."""
    peaks = (resource.getrusage(who).ru_maxrss // 1024 for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    terminalreporter.write_line("peak memory: {} MiB of pytest, {} MiB of its largest child".format(*peaks))


@pytest.fixture(scope="session")
def redis_url() -> Iterator[str]:
    """A redis-server of the tests' own; each test uses its own namespace."""
    with redis_server() as url:
        yield url
