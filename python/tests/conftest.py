"""Servers that many tests share."""

from __future__ import annotations

import gzip
import resource
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from freshet import Client

from .support import PATIENCE, SHIPPED, Engine, engine, eventually, redis_server


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Engine]:
    """An engine that has read 60,000 of the shipped events and trained on them; no test may forget user 17850."""
    file: Path = tmp_path_factory.mktemp("events") / "events.tsv"
    with gzip.open(SHIPPED / "events.tsv.gz", "rt") as lines:
        file.write_text("".join(line for line, _ in zip(lines, range(60_000), strict=False)))
    with engine("retrain.every_events=100000000", "retrain.first_pairs=20000") as running:
        running.run("produce", file, "--data-dir", running.directory, "--max", "--quiet")
        # As long as events arrive, lists change between one answer and the next.
        eventually(lambda: running.has_settled(50_000), "all events are applied and their lists are out", 300)
        with Client(running.redis, timeout=PATIENCE) as client:
            eventually(
                lambda: client.recommend("17850").source in ("personal", "foldin"), "the first model is out", 300
            )
            eventually(lambda: client.recommend("17850").epoch == 1, "its lists are out", 300)
            # They are written after the lists of users.
            eventually(lambda: client.similar(client.popular(1).ids[0]).ids, "similar items are out", 300)
        with Client(running.gateway, timeout=PATIENCE) as client:
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


@pytest.fixture(scope="session")
def object_store() -> Iterator[str]:
    """The address of an object store without buckets."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer("127.0.0.1", 0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def bucket(object_store: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """A client of boto3 for an object store that the environment names, with an empty bucket `shop`."""
    import boto3

    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "key")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", object_store)
    store = boto3.client("s3", endpoint_url=object_store, region_name="us-east-1")
    store.create_bucket(Bucket="shop")
    yield store
    for entry in store.list_objects_v2(Bucket="shop").get("Contents", []):
        store.delete_object(Bucket="shop", Key=entry["Key"])
    store.delete_bucket(Bucket="shop")
