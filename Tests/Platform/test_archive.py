"""The archive and the exports, written by the program and read by pyarrow, DuckDB, NumPy and SciPy."""

import contextlib
import json
import os
import pathlib
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import duckdb
import numpy
import pyarrow.dataset
import pyarrow.parquet
import pytest

EVENTS = 1_000_000
USERS, ITEMS, PARTITIONS = 20_000, 2_000, 4
KILLS = 5
PYTHON = pathlib.Path(__file__).resolve().parents[2] / "python/src"


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def plain_environment() -> dict[str, str]:
    """Without what the tests are told, which the program would take for its configuration."""
    return {name: value for name, value in os.environ.items() if not name.startswith("FRESHET")}


@pytest.fixture(scope="module")
def folder():
    path = pathlib.Path(tempfile.mkdtemp(prefix="fr-archive-"))
    yield path
    shutil.rmtree(path, ignore_errors=True)


@pytest.fixture(scope="module")
def broker(folder):
    home = os.environ.get("KAFKA_HOME") or str(pathlib.Path(__file__).resolve().parents[3] / "shared" / "kafka")
    program = pathlib.Path(home) / "bin/broker"
    if not program.exists():
        pytest.fail(f"there is no Kafka with {program}; set KAFKA_HOME")
    output = subprocess.run([program, "start", folder / "kafka"], check=True, capture_output=True, text=True, timeout=120).stdout
    yield next(line.partition("=")[2] for line in output.splitlines() if line.startswith("bootstrap_servers="))
    subprocess.run([program, "kill", folder / "kafka"], check=False, capture_output=True)


@pytest.fixture(scope="module")
def redis(folder):
    port = free_port()
    server = subprocess.Popen(
        ["redis-server", "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(folder)], stdout=subprocess.DEVNULL
    )
    yield f"redis://127.0.0.1:{port}"
    server.kill()
    server.wait()


class Engine:
    """`freshet serve`, which can be killed and started again."""

    def __init__(self, freshet: str, folder: pathlib.Path, broker: str, redis: str) -> None:
        self.freshet, self.folder, self.data = freshet, folder, folder / "engine"
        self.store = folder / "store"
        self.store.mkdir()
        (folder / "bin").mkdir()
        reader = folder / "bin/freshet-py"
        reader.write_text(f"#!{sys.executable}\nfrom freshet.cli import main\nraise SystemExit(main())\n")
        reader.chmod(0o755)
        self.address = ["--bootstrap-servers", broker, "--topic", "clicks", "--redis", redis, "--namespace", "archive"]
        self.process = None

    def command(self, *arguments) -> dict:
        line = [self.freshet, *map(str, arguments), "--json"]
        # As it is installed: the program is found on the PATH.
        environment = plain_environment() | {"PATH": f"{self.folder}/bin:{os.environ['PATH']}", "PYTHONPATH": str(PYTHON)}
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment)
        assert done.returncode == 0, f"{line}: {done.stderr}"
        return json.loads(done.stdout)

    def start(self) -> None:
        (self.data / "endpoints.json").unlink(missing_ok=True)
        with (self.folder / "engine.log").open("ab") as log:
            self.process = subprocess.Popen(
                [
                    self.freshet, "serve", *self.address, "--data-dir", str(self.data), "--admin", "127.0.0.1:0",
                    *(word for setting in (
                        f"archive.store={self.store}", "snapshot.interval=2s", "model.factors=8", "kafka.group_id=archive",
                        "instance.id=archive", "model.history_per_user=1000", "retrain.every_events=400000",
                    ) for word in ("--set", setting)),
                ],
                stdout=log, stderr=log, env=plain_environment(),
            )  # fmt: skip

    def status(self) -> dict:
        address = json.loads((self.data / "endpoints.json").read_text())["admin"]
        with urllib.request.urlopen(f"http://{address}/v1/status", timeout=10) as answer:
            return json.load(answer)

    def wait(self, what: str, condition, seconds: float = 120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            assert self.process.poll() is None, (self.folder / "engine.log").read_text()[-3000:]
            with contextlib.suppress(OSError, KeyError, ValueError):
                status = self.status()
                if condition(status):
                    return status
            time.sleep(0.05)
        pytest.fail(f"not within {seconds} s: {what}; {(self.folder / 'engine.log').read_text()[-3000:]}")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()


@pytest.fixture(scope="module")
def engine(freshet, folder, broker, redis):
    """An engine that has taken a million events and was killed five times meanwhile; it has stopped in order at the end."""
    rows = duckdb.sql(
        f"SELECT 'u' || (hash(range) % {USERS}) AS user_id, 'i' || (hash(range * 7 + 1) % {ITEMS}) AS item_id, 'add' AS op,"
        f" 1700000000 + range AS timestamp FROM range({EVENTS})"
    )
    rows.write_csv(str(folder / "events.csv"))
    engine = Engine(freshet, folder, broker, redis)
    engine.command("topics", "create", "--partitions", PARTITIONS, *engine.address)
    engine.start()
    with (folder / "produce.log").open("wb") as log:
        producer = subprocess.Popen(
            [freshet, "produce", str(folder / "events.csv"), "--max", *engine.address], stdout=log, stderr=subprocess.STDOUT,
            env=plain_environment(),
        )
        for kill in range(KILLS):
            wanted = EVENTS * (kill + 1) // (KILLS + 1)
            engine.wait(f"{wanted} events", lambda status: status["events_applied"] >= wanted)  # noqa: B023
            engine.kill()
            engine.start()
        assert producer.wait(timeout=120) == 0, (folder / "produce.log").read_text()
    engine.wait("all events", lambda status: status["events_applied"] >= EVENTS and status["lag_records"] == 0)
    engine.command("snapshot", "--data-dir", engine.data)
    engine.applied = engine.status()
    yield engine
    engine.process.terminate()
    assert engine.process.wait(timeout=60) == 0


def test_each_offset_is_there_exactly_once(engine):
    archived = pyarrow.dataset.dataset(engine.store, format="parquet", partitioning="hive").to_table()
    assert archived.num_rows == EVENTS == engine.applied["events_applied"]
    counts = duckdb.sql(
        "SELECT partition, count(*), count(DISTINCT \"offset\"), min(\"offset\"), max(\"offset\") FROM archived GROUP BY 1"
    ).fetchall()
    assert len(counts) == PARTITIONS
    for partition, rows, different, first, last in counts:
        assert rows == different == last - first + 1 and first == 0, f"partition {partition}: {rows} rows, {different} offsets to {last}"
    names = [path.name for path in engine.store.glob("date=*/*.parquet")]
    assert all(name.startswith("interactions-clicks-") for name in names) and len(names) > PARTITIONS * KILLS
    assert not [path for path in engine.store.rglob("*") if path.is_file() and ".parquet" not in path.name]


def test_the_columns_are_those_of_the_document(engine):
    schema = pyarrow.parquet.read_schema(next(engine.store.glob("date=*/*.parquet")))
    assert {field.name: str(field.type) for field in schema} == {
        "user": "string", "item": "string", "type": "string", "operation": "string", "strength": "float",
        "time": "timestamp[ms, tz=UTC]", "topic": "string", "partition": "int32", "offset": "int64", "merged_into": "string",
    }  # fmt: skip
    found = duckdb.sql(f"SELECT DISTINCT operation, topic, type, merged_into FROM '{engine.store}/*/*.parquet'").fetchall()
    assert found == [("add", "clicks", None, None)]


def test_spark_reads_the_same_rows_as_duckdb(engine, spark):
    """The day is a column for both: it stands in the name of the folder."""
    columns = 'count(*), count(DISTINCT "user"), count(DISTINCT item), sum(strength), sum("partition"), sum("offset"), count(DISTINCT "date")'
    moments = ["epoch_ms(min(time)), epoch_ms(max(time))", "unix_millis(min(time)), unix_millis(max(time))"]
    wanted = duckdb.sql(f"SELECT {columns}, {moments[0]} FROM read_parquet('{engine.store}/*/*.parquet', hive_partitioning = true)")
    spark.read.parquet(f"file://{engine.store}").createOrReplaceTempView("archive")
    found = spark.sql(f"SELECT {columns.replace(chr(34), '`')}, {moments[1]} FROM archive").collect()
    assert [tuple(row) for row in found] == wanted.fetchall()


def test_the_archive_gives_the_pairs_of_the_state(engine, folder):
    exported = folder / "interactions.parquet"
    answer = engine.command("export", "interactions", "--output", exported, "--data-dir", engine.data)
    assert answer["rows"] == engine.applied["interactions"] > EVENTS // 2
    differences = duckdb.sql(
        "SELECT count(*) FROM (SELECT user, item, sum(strength) AS strength, max(time) AS time"
        f" FROM '{engine.store}/*/*.parquet' GROUP BY 1, 2) AS archived"
        f" FULL JOIN '{exported}' AS state USING (user, item)"
        " WHERE archived.strength IS DISTINCT FROM state.strength OR archived.time IS DISTINCT FROM state.time"
    ).fetchall()
    assert differences == [(0,)]


def test_the_same_model_is_trained_from_either(engine, folder):
    """`freshet train` reads both through freshet-py."""
    settings = ["--factors", 8, "--iterations", 3, "--columns", "user=user,item=item,value=strength,time=time"]
    state = engine.command("train", "--train", folder / "interactions.parquet", *settings)
    archive = engine.command("train", "--train", engine.store, *settings)
    assert state["interactions"] == archive["interactions"] == engine.applied["interactions"]
    assert (state["users"], state["items"]) == (archive["users"], archive["items"])


def test_exports_are_read_by_numpy_and_scipy(engine, folder):
    sparse = pytest.importorskip("scipy.sparse")
    export = ["--data-dir", engine.data]
    factors = engine.command("export", "factors", "--output", folder / "factors.npz", *export)
    with numpy.load(folder / "factors.npz") as arrays:
        assert arrays["user_factors"].shape == (len(arrays["user_ids"]), 8) and arrays["item_factors"].shape == (ITEMS, 8)
        assert len(arrays["user_ids"]) + ITEMS == factors["rows"] and arrays["user_ids"][0].startswith("u")
        vectors = dict(zip(arrays["item_ids"], arrays["item_factors"], strict=True))
    engine.command("export", "interactions", "--output", folder / "interactions.npz", *export)
    matrix = sparse.load_npz(folder / "interactions.npz")
    assert matrix.shape == (USERS, ITEMS) and matrix.nnz == engine.applied["interactions"] and matrix.sum() == EVENTS
    engine.command("export", "factors", "--output", folder / "factors.parquet", *export)
    table = pyarrow.parquet.read_table(folder / "factors.parquet", filters=[("kind", "=", "item")])
    for identifier, vector in zip(table["id"].to_pylist(), table["factors"].to_pylist(), strict=True):
        assert vector == vectors[identifier].tolist()


def test_lists_are_tables(engine, folder):
    export = ["--data-dir", engine.data]
    answer = engine.command("export", "lists", "--output", folder / "lists.parquet", *export)
    users, rows, best = duckdb.sql(
        f"SELECT count(DISTINCT user), count(*), max(rank) FROM '{folder}/lists.parquet'"
    ).fetchall()[0]
    assert users == USERS and rows == answer["rows"] and best <= rows // users + 1
    seen = duckdb.sql(
        f"SELECT count(*) FROM '{folder}/lists.parquet' JOIN '{folder}/interactions.parquet' USING (user, item)"
    ).fetchall()
    assert seen == [(0,)], "lists leave out what the user has"
    engine.command("export", "similar", "--output", folder / "similar.csv", *export)
    engine.command("export", "popular", "--output", folder / "popular.jsonl", *export)
    similar, popular = duckdb.sql(
        f"SELECT (SELECT count(DISTINCT item) FROM '{folder}/similar.csv'), (SELECT count(*) FROM '{folder}/popular.jsonl')"
    ).fetchall()[0]
    assert similar > ITEMS // 2 and popular > 10
