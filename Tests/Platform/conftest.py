"""Where the tests find what they read; `make test-platform` sets both variables."""

import os
import pathlib
import subprocess

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
