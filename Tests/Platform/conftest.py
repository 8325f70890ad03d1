"""Where the tests find what they run and read; `make test-platform` sets the variables.

What is missing skips the tests that need it, or fails them if FRESHET_REQUIRE_SERVERS is set.
"""

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

import pytest

BUILT = pathlib.Path(__file__).resolve().parents[2] / ".build/release"


def program(variable: str, name: str) -> str:
    """The program that the variable names, else the one that was built here."""
    path = pathlib.Path(os.environ.get(variable) or BUILT / name)
    if path.is_file():
        return str(path)
    missing(f"there is no program {path}: run `make test-platform`, or set {variable}")


def missing(what: str):
    if os.environ.get("FRESHET_REQUIRE_SERVERS"):
        pytest.fail(what)
    pytest.skip(what)


@pytest.fixture(scope="session")
def generator() -> str:
    """The program that writes sample files."""
    return program("FRESHET_PARQUET_SAMPLES", "ParquetSamples")


@pytest.fixture(scope="session")
def samples(generator: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with all small sample files."""
    folder = tmp_path_factory.mktemp("parquet")
    subprocess.run([generator, str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def freshet() -> str:
    """The program."""
    return program("FRESHET", "freshet")


@pytest.fixture(scope="session")
def servers():
    """Two S3 servers by name, which end with the tests."""
    if not shutil.which("weed", path=pathlib.Path(sys.executable).parent):
        missing("there is no program weed (SeaweedFS): run `make test-platform`")
    script = pathlib.Path(__file__).with_name("s3_servers.py")
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        line = process.stdout.readline()
        assert line, "the S3 servers have not started"
        yield {server["name"]: server for server in json.loads(line)}
    finally:
        process.stdin.close()
        process.wait(timeout=30)


def needs_spark() -> None:
    if not shutil.which("java"):
        missing("there is no java, which Spark needs: install openjdk-17-jre-headless")
    try:
        import pyspark  # noqa: F401
    except ImportError:
        missing("there is no pyspark: run `make test-platform`")


@pytest.fixture(scope="session")
def spark():
    """A session of Spark on two cores of this machine."""
    needs_spark()
    # The Java virtual machine is started with these.
    os.environ.setdefault("SPARK_LOCAL_IP", "127.0.0.1")
    from pyspark.sql import SparkSession

    session = (
        SparkSession.builder.master("local[2]")
        .config("spark.driver.memory", "1g")
        # In so short a life, the second compiler costs more than it gains.
        .config("spark.driver.extraJavaOptions", "-XX:TieredStopAtLevel=1")
        .config("spark.ui.enabled", "false")
        .config("spark.ui.showConsoleProgress", "false")
        .config("spark.sql.session.timeZone", "UTC")
        .config("spark.sql.shuffle.partitions", "2")
        .getOrCreate()
    )
    yield session
    session.stop()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@pytest.fixture(scope="session")
def mlflow_server():
    """The address of a server with one worker, which keeps everything in a folder of its own."""
    folder = pathlib.Path(tempfile.mkdtemp(prefix="fr-mlflow-"))
    port = free_port()
    command = [sys.executable, "-m", "mlflow", "server", "--host", "127.0.0.1", "--port", str(port), "--workers", "1"]
    command += ["--backend-store-uri", f"sqlite:///{folder}/db", "--artifacts-destination", str(folder / "artifacts")]
    # With jobs, it would start eight more processes.
    settings = {"MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false", "MLFLOW_DISABLE_TELEMETRY": "true", "DO_NOT_TRACK": "true"}
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, cwd=folder, env=os.environ | settings, start_new_session=True
        )
    try:
        wait(process, f"http://127.0.0.1:{port}/health", folder / "log")
        yield f"http://127.0.0.1:{port}"
    finally:
        # Its worker is a process of its own in the same group.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        shutil.rmtree(folder, ignore_errors=True)


def wait(process: subprocess.Popen, address: str, log: pathlib.Path) -> None:
    deadline = time.monotonic() + 240
    while True:
        with contextlib.suppress(OSError):
            if urllib.request.urlopen(address, timeout=2).status == 200:
                return
        if process.poll() is not None or time.monotonic() > deadline:
            pytest.fail("MLflow does not start: " + log.read_text()[-2000:])
        time.sleep(0.1)


@pytest.fixture(scope="session")
def mlflow_client(mlflow_server):
    """MLflow's own client of that server."""
    import mlflow

    return mlflow.MlflowClient(tracking_uri=mlflow_server, registry_uri=mlflow_server)
