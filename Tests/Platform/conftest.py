"""Where the tests find what they run and read; `make test-platform` sets the variables.

What is missing skips the tests that need it, or fails them if FRESHET_REQUIRE_SERVERS is set.
"""

import json
import os
import pathlib
import shutil
import subprocess
import sys

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
