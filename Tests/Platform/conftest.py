"""Where the tests find what they run and read; `make test-platform` sets the variables."""

import json
import os
import pathlib
import subprocess
import sys

import pytest


@pytest.fixture(scope="session")
def generator() -> str:
    """The program that writes sample files."""
    path = os.environ.get("FRESHET_PARQUET_SAMPLES")
    if not path:
        pytest.fail("FRESHET_PARQUET_SAMPLES does not name the program ParquetSamples: run `make test-platform`")
    return path


@pytest.fixture(scope="session")
def samples(generator: str, tmp_path_factory: pytest.TempPathFactory) -> pathlib.Path:
    """A folder with all small sample files."""
    folder = tmp_path_factory.mktemp("parquet")
    subprocess.run([generator, str(folder)], check=True, timeout=120)
    return folder


@pytest.fixture(scope="session")
def freshet() -> str:
    """The program."""
    path = os.environ.get("FRESHET")
    if not path:
        pytest.fail("FRESHET does not name the program: run `make test-platform`")
    return path


@pytest.fixture(scope="session")
def servers():
    """Two S3 servers by name, which end with the tests."""
    script = pathlib.Path(__file__).with_name("s3_servers.py")
    process = subprocess.Popen([sys.executable, str(script)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    yield {server["name"]: server for server in json.loads(process.stdout.readline())}
    process.stdin.close()
    process.wait(timeout=30)
