"""Spark beside Freshet: it reads what Freshet writes, and it trains in Freshet's place, behind the same quality gate."""

import contextlib
import gzip
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request

import pyarrow
import pyarrow.parquet
import pytest

import expected
from conftest import missing, needs_spark

REPOSITORY = pathlib.Path(__file__).resolve().parents[2]
SHIPPED = REPOSITORY / "Sources/freshet/Resources/online-retail/events.tsv.gz"
TRAIN = REPOSITORY / "examples/spark/train.py"
# The gate wants 500 pairs of a tenth of all that no model was trained on.
FIRST, ALL = 3_000, 12_000
# Seconds that a busy machine may take.
PATIENCE = 900


def plain_environment() -> dict[str, str]:
    """Without what the tests are told, which the program would take for its configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FRESHET")}


def run(freshet: str, *words, status: int = 0) -> dict:
    line = [freshet, *map(str, words), "--json"]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, env=plain_environment())
    assert done.returncode == status, f"{line}: {done.stdout} {done.stderr}"
    return json.loads(done.stdout or done.stderr)


# Reading


@pytest.fixture(params=[True, False], ids=["vectorised", "row by row"])
def read(spark, request):
    """Reads a file or a folder with one of Spark's two readers."""
    from pyspark.sql import DataFrame

    spark.conf.set("spark.sql.parquet.enableVectorizedReader", request.param)

    def frame(path) -> DataFrame:
        return spark.read.parquet(f"file://{path}")

    return frame


def values(column: pyarrow.ChunkedArray) -> list:
    """Texts that differ where numbers do, so that NaN equals itself and the zeros of both signs differ."""
    return [repr(value) if isinstance(value, (float, list)) else value for value in column.to_pylist()]


def check(found: pyarrow.Table, wanted: pyarrow.Table) -> None:
    assert found.column_names == wanted.column_names
    for name, field in zip(wanted.column_names, wanted.schema, strict=True):
        one, other = values(found[name].cast(field.type)), values(wanted[name])
        assert len(one) == len(other), name
        # Not a comparison of lists, whose report of a million values nobody reads.
        first = next((row for row in range(len(one)) if one[row] != other[row]), None)
        assert first is None, f"{name}, row {first}: {one[first]!r} and {other[first]!r}"


def test_spark_reads_what_pyarrow_reads(samples, read):
    """Every type, encoding and codec, every character of Unicode, lists, missing values."""
    paths = sorted(samples.glob("*.parquet"))
    assert len(paths) > 15
    for path in paths:
        check(read(path).toArrow(), pyarrow.parquet.read_table(path))


def test_filters_of_spark_find_every_row(samples, read):
    """Spark leaves out groups by their ranges, too."""
    frame = read(samples / "bounds.parquet")

    def names(condition: str) -> list[str]:
        return [row.name for row in frame.where(condition).select("name").collect()]

    for row in (0, 37, 58, 99):
        assert names(f"name = '{expected.bounds_name(row)}'") == [f"u{row}"]
        assert names(f"long = '{expected.bounds_long(row)}'") == [f"u{row}"]
    assert names("value = 12.0") == ["u12"]
    assert names("value = 35.0") == [], "the values of the fourth group are NaN"
    zeros = ["u0"] + [f"u{row}" for row in range(50, 60)]
    assert names("zero = cast(0.0 AS float)") == names("zero = cast('-0.0' AS float)") == zeros


@pytest.fixture(scope="module")
def exports(freshet, tmp_path_factory):
    """The exports of a snapshot whose users' ids have characters from everywhere in Unicode, control characters included."""
    folder = tmp_path_factory.mktemp("exports")
    codes = [*range(1, 300), *(code for code in range(300, 0x110000, 69) if not 0xD800 <= code <= 0xDFFF)]
    users = [f"{start} " + "".join(map(chr, codes[start : start + 40])) for start in range(0, len(codes), 40)]
    with (folder / "events.jsonl").open("w") as events:
        for number, user in enumerate(users):
            for place in range(6):
                item = f"i{(number + 7 * place) % 50} é日\u2028🎉"
                events.write(json.dumps({"user_id": user, "item_id": item, "timestamp": 1_700_000_000 + number}) + "\n")
    settings = ["--set", "model.factors=8"]
    run(freshet, "build", "--data", folder / "events.jsonl", "--output", folder / "model", *settings)
    kinds = ["interactions", "lists", "factors", "popular", "similar"]
    for kind in kinds:
        run(freshet, "export", kind, "--snapshot", folder / "model", "--output", folder / f"{kind}.parquet", *settings)
    return users, {kind: folder / f"{kind}.parquet" for kind in kinds}


def test_spark_reads_the_exports(exports, read):
    users, paths = exports
    for path in paths.values():
        found = read(path).toArrow()
        assert found.num_rows > 0
        check(found, pyarrow.parquet.read_table(path))
    assert sorted({row.user for row in read(paths["interactions"]).select("user").collect()}) == sorted(users)


# Training


class Engine:
    """`freshet serve --embedded` whose `retrain.external.command` the test writes."""

    def __init__(self, freshet: str, folder: pathlib.Path) -> None:
        self.freshet, self.folder, self.data = freshet, folder, folder / "data"
        self.script = folder / "command"

    def start(self) -> None:
        settings = [
            f"retrain.external.command=sh {self.script}", "retrain.first_pairs=1000000000", "retrain.every_events=1000000000",
            f"redis.url=unix://{self.folder}/redis.sock", "model.factors=16",
            # Else the command gets nothing of a machine that has other work.
            "retrain.nice=0",
        ]  # fmt: skip
        with (self.folder / "engine.log").open("wb") as log:
            self.process = subprocess.Popen(
                [
                    self.freshet, "serve", "--embedded", "--data-dir", str(self.data), "--admin", "127.0.0.1:0",
                    *(word for setting in settings for word in ("--set", setting)),
                ],
                stdout=log, stderr=log, cwd=self.folder, env=plain_environment(),
            )  # fmt: skip
        self.wait("the engine serves", lambda: self.ask("GET", "/v1/status"))

    def command(self, *words, status: int = 0) -> dict:
        return run(self.freshet, *words, "--data-dir", self.data, status=status)

    def ask(self, method: str, path: str) -> dict:
        address = json.loads((self.data / "endpoints.json").read_text())["admin"]
        with urllib.request.urlopen(urllib.request.Request(f"http://{address}{path}", method=method), timeout=30) as answer:
            return json.load(answer)

    def wait(self, what: str, condition):
        end = time.monotonic() + PATIENCE
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "engine.log").read_text()[-3000:]
            with contextlib.suppress(OSError, KeyError, ValueError, urllib.error.HTTPError):
                if found := condition():
                    return found
            time.sleep(0.1)
        pytest.fail(f"not within {PATIENCE} s: {what}; {(self.folder / 'engine.log').read_text()[-3000:]}")

    def produce(self, first: int, end: int) -> None:
        """Events of the shipped file, until they are applied."""
        with gzip.open(SHIPPED, "rt") as lines:
            (self.folder / "events.tsv").write_text("".join(list(lines)[first:end]))
        self.command("produce", self.folder / "events.tsv", "--max", "--quiet")
        self.wait("all events are applied", lambda: self.ask("GET", "/v1/status")["events_applied"] >= end)

    def trains(self, **environment) -> None:
        """What the command of the next retrain is."""
        words = " ".join(f"{name}={value}" for name, value in environment.items())
        java = "--driver-memory 512m --driver-java-options -XX:TieredStopAtLevel=1 pyspark-shell"
        self.script.write_text(f"PYSPARK_SUBMIT_ARGS='{java}' {words} exec {sys.executable} {TRAIN}\n")

    def programs(self) -> list[str]:
        """Names of what runs in the directories of external trainings."""
        found = []
        for process in pathlib.Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if pathlib.Path(os.readlink(process / "cwd")).is_relative_to(self.data / "external"):
                    found.append((process / "comm").read_text().strip())
        return found

    def stop(self) -> int:
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        return self.process.wait(timeout=60)


@pytest.fixture(scope="module")
def engine(freshet):
    needs_spark()
    if not shutil.which("redis-server"):
        missing("there is no redis-server")
    # The path of a Unix socket has at most 107 bytes.
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fr-spark-"))
    engine = Engine(freshet, folder)
    try:
        engine.start()
        engine.produce(0, FIRST)
        yield engine
        assert engine.stop() == 0
    finally:
        engine.process.kill()
        engine.process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def test_vectors_of_spark_are_served_and_judged(engine):
    engine.trains(ALS_ITERATIONS=2)
    first = engine.command("retrain", "--wait")["result"]
    assert (first["result"], first["solver"], first["epoch"]) == ("accepted", "external", 1), first
    assert first["items"] > 500
    engine.wait("lists of the epoch are out", lambda: engine.command("recommend", "17850")["epoch"] == 1)
    log = next(engine.data.glob("external/*/log")).read_text()
    assert f"{first['items']} items in" in log and "2 iterations" in log, log

    # Now there is a model to be compared with. Whatever the gate says, it has measured both.
    engine.produce(FIRST, ALL)
    engine.trains(ALS_ITERATIONS=5)
    second = run_whatever(engine)
    assert second["result"] in ("accepted", "rejected") and second["solver"] == "external", second
    assert second["holdout"] >= 500
    assert 0 < second["recall_at_20_new"] < 1 and 0 <= second["recall_at_20_old"] < 1
    if second["result"] == "accepted":
        assert second["epoch"] == 2
        engine.wait("lists of the epoch are out", lambda: engine.command("recommend", "17850")["epoch"] == 2)
    else:
        assert "max_quality_drop" in second["message"]
    assert not list(engine.data.glob("external/*/interactions.parquet")), "histories are not kept"


def run_whatever(engine) -> dict:
    """The record of a retrain that may also be rejected, which is a status of 1."""
    line = [engine.freshet, "retrain", "--wait", "--json", "--data-dir", str(engine.data)]
    done = subprocess.run(line, capture_output=True, text=True, timeout=PATIENCE, env=plain_environment())
    assert done.returncode in (0, 1), done.stderr
    return json.loads(done.stdout)["result"]


def test_a_job_that_fails_says_its_last_line(engine):
    engine.trains(ALS_REGULARIZATION=-1)
    answer = engine.command("retrain", "--wait", status=1)
    assert answer["result"]["result"] == "failed"
    message = answer["result"]["message"]
    assert "retrain.external.command ended with status 1" in message and "regParam given invalid value -1.0" in message, message


def test_cancellation_ends_the_java_virtual_machine(engine):
    engine.trains(ALS_ITERATIONS=10_000)
    job = engine.ask("POST", "/v1/retrain")["job"]
    log = engine.data / "external" / job / "log"
    engine.wait("Spark runs", lambda: "Spark 4" in log.read_text())
    assert "java" in engine.programs()
    engine.ask("DELETE", f"/v1/jobs/{job}")
    engine.wait("the job is cancelled", lambda: engine.ask("GET", f"/v1/jobs/{job}")["state"] == "cancelled")
    engine.wait("nothing of it is left", lambda: not engine.programs())
