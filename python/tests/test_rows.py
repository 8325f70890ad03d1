"""Parquet files as CSV, read back with Python's own reader."""

from __future__ import annotations

import csv
import datetime
import decimal
import io
import math
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from freshet import FreshetError
from freshet.cli import main
from freshet.frames import write_rows

COMMAND = [sys.executable, "-m", "freshet.cli", "rows"]
ODD = [
    'a "quoted" one',
    '"',
    "comma, comma",
    "line\nfeed",
    "carriage\r\nreturn",
    "007",
    " spaces ",
    "tab\t",
    "NUL\0",
    "emoji 🛒👩‍👩‍👧",
    "ü日",
    "NULL",
    "nan",
    "=1+1",
    "\\N",
    "\ufeffmark",
    "x" * 100_000,
]


def rows(*paths: Path | str, columns: list[str] | None = None, flat: bool = False) -> list[list[str]]:
    """The rows with the header first, as strict RFC 4180 has them."""
    return parse(text(*paths, columns=columns, flat=flat))


def text(*paths: Path | str, columns: list[str] | None = None, flat: bool = False) -> bytes:
    parts: list[bytes] = []
    count = write_rows(paths, lambda part: parts.append(bytes(part)), columns=columns, flat=flat)
    result = b"".join(parts)
    assert count == len(parse(result)) - 1
    return result


def parse(content: bytes) -> list[list[str]]:
    return list(csv.reader(io.StringIO(content.decode(), newline=""), strict=True))


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "x.parquet"


def save(path: Path, **columns: Any) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.table(columns), path)
    return path


# Values


def test_odd_text_comes_back(file: Path) -> None:
    assert rows(save(file, **{'the "id"': ODD, "n": range(len(ODD))})) == [
        ['the "id"', "n"],
        *([value, str(index)] for index, value in enumerate(ODD)),
    ]


@pytest.mark.parametrize(
    "kind", ["string", "large_string", "string_view", "binary", "large_binary", "binary_view", "dictionary"]
)
def test_text_of_every_type(file: Path, kind: str) -> None:
    values = pyarrow.array([*ODD, None, "", ODD[0]])
    column = values.dictionary_encode() if kind == "dictionary" else values.cast(getattr(pyarrow, kind)())
    assert [row[0] for row in rows(save(file, a=column, b=[1] * len(values)))[1:]] == [*ODD, "", "", ODD[0]]
    # What is missing differs from an empty text.
    assert text(file).splitlines()[-3:-1] == [b",1", b'"",1']


def test_numbers(file: Path) -> None:
    floats = [1.0, 0.1, -0.0, 1e20, 1e-7, 5e-324, 1.7976931348623157e308, math.pi, 123456789.0, None]
    saved = save(
        file,
        double=pyarrow.array(floats, pyarrow.float64()),
        single=pyarrow.array([0.1, 16777216.0, 3.4e38, 1e-7, *[1.0] * 6], pyarrow.float32()),
        large=pyarrow.array([2**63 - 1, -(2**63), *[0] * 7, None], pyarrow.int64()),
        unsigned=pyarrow.array([2**64 - 1] * 10, pyarrow.uint64()),
        small=pyarrow.array([-128] * 10, pyarrow.int8()),
        flag=pyarrow.array([True, False, *[None] * 8]),
        money=pyarrow.array([decimal.Decimal("12.30"), decimal.Decimal("-0.05"), *[None] * 8]),
        nothing=pyarrow.nulls(10),
    )
    header, *found = rows(saved)
    columns = dict(zip(header, zip(*found, strict=True), strict=True))
    assert [float(cell) if cell else None for cell in columns["double"]] == floats
    assert columns["double"][:5] == ("1", "0.1", "-0", "1e+20", "1e-7")
    assert columns["single"][:4] == ("0.1", "16777216", "3.4e+38", "1e-7")
    assert columns["large"] == (str(2**63 - 1), str(-(2**63)), *["0"] * 7, "")
    assert set(columns["unsigned"]) == {str(2**64 - 1)}
    assert set(columns["small"]) == {"-128"}
    assert columns["flag"][:3] == ("true", "false", "")
    assert columns["money"][:3] == ("12.30", "-0.05", "")
    assert set(columns["nothing"]) == {""}


def test_numbers_that_are_none(file: Path) -> None:
    assert [row[0] for row in rows(save(file, a=[math.nan, math.inf, -math.inf], b=[1, 2, 3]))[1:]] == [
        "nan",
        "inf",
        "-inf",
    ]


@pytest.mark.parametrize(
    ("unit", "zone", "expected"),
    [
        ("ms", "UTC", "2026-01-31T07:30:00.500Z"),
        ("us", "Europe/Berlin", "2026-01-31T07:30:00.500000Z"),
        ("ns", "UTC", "2026-01-31T07:30:00.500000000Z"),
        ("ms", None, "2026-01-31T07:30:00.500"),
        ("us", None, "2026-01-31T07:30:00.500000"),
    ],
)
def test_times(file: Path, unit: str, zone: str | None, expected: str) -> None:
    moment = datetime.datetime(2026, 1, 31, 7, 30, 0, 500_000, tzinfo=datetime.timezone.utc if zone else None)
    old = moment.replace(year=1677 + 10)
    column = pyarrow.array([moment, None, old], pyarrow.timestamp(unit, zone))
    found = [row[0] for row in rows(save(file, time=column, b=[1, 2, 3]))[1:]]
    assert found == [expected, "", expected.replace("2026", "1687")]


def test_other_times(file: Path) -> None:
    saved = save(file, day=[datetime.date(2026, 1, 31), None], hour=[datetime.time(7, 30), datetime.time(0)])
    assert rows(saved)[1:] == [["2026-01-31", "07:30:00.000000"], ["", "00:00:00.000000"]]
    legacy = pyarrow.table({"time": pyarrow.array([datetime.datetime(2026, 1, 31)], pyarrow.timestamp("ns")), "b": [1]})
    pyarrow.parquet.write_table(legacy, file, use_deprecated_int96_timestamps=True)
    assert rows(file)[1:] == [["2026-01-31T00:00:00.000000000", "1"]]


def test_time_without_a_text(file: Path) -> None:
    save(file, time=pyarrow.array([2**62], pyarrow.timestamp("ms", "UTC")), b=[1])
    with pytest.raises(FreshetError, match="the column time .* a time beyond the year 9999; select other columns"):
        rows(file)
    assert rows(file, columns=["b"]) == [["b"], ["1"]]


def test_table_without_rows(file: Path, tmp_path: Path) -> None:
    save(file, user=pyarrow.array([], pyarrow.string()), item=pyarrow.array([], pyarrow.string()))
    assert text(file) == b"user,item\n"
    pyarrow.parquet.write_table(pyarrow.table({"user": ["a"], "item": ["b"]}), tmp_path / "y.parquet")
    assert text(file, tmp_path / "y.parquet") == b'user,item\n"a","b"\n'


def test_bytes_that_are_no_text(file: Path) -> None:
    for kind in (pyarrow.binary(), pyarrow.string()):
        column = pyarrow.array([b"fine", b"\xff"], pyarrow.binary()).view(kind)
        save(file, user=column, b=[1, 2])
        with pytest.raises(FreshetError, match="the column user .* bytes that are not UTF-8"):
            rows(file)


# Columns


def test_nested_columns_are_refused_unless_others_are_selected(file: Path) -> None:
    save(file, user=["a"], tags=[["x", "y"]], more=[{"a": 1}])
    for columns in (None, ["user", "tags"]):
        with pytest.raises(FreshetError, match=r"tags .* holds list<.*string>, .* such as --columns user"):
            rows(file, columns=columns)
    assert rows(file, columns=["user"]) == [["user"], ["a"]]
    assert rows(file, flat=True) == [["user"], ["a"]]
    with pytest.raises(FreshetError, match="tags"):
        rows(file, columns=["tags"], flat=True)


def test_columns_are_selected_in_their_order(file: Path) -> None:
    save(file, **{"a": [1], "b": [2], "c,d": [3]})
    assert rows(file, columns=["c,d", "a", "a"]) == [["c,d", "a"], ["3", "1"]]
    with pytest.raises(FreshetError, match="there is no column x; columns: a, b, c,d"):
        rows(file, columns=["a", "x"])
    with pytest.raises(FreshetError, match="no column is selected"):
        rows(file, columns=[])


def test_columns_of_one_name(file: Path) -> None:
    pyarrow.parquet.write_table(pyarrow.Table.from_arrays([pyarrow.array([1])] * 2, ["a", "a"]), file)
    with pytest.raises(FreshetError, match="several columns of one name"):
        rows(file)


# Directories


def test_folders_become_columns(tmp_path: Path) -> None:
    for folder, item in (("month=01/shop=a%2Fb", "x"), ("month=02/shop=__HIVE_DEFAULT_PARTITION__", "y")):
        save(tmp_path / folder / "part-0.parquet", item=[item], n=[1])
    (tmp_path / "_SUCCESS").write_bytes(b"")
    (tmp_path / "month=02/.part.crc").write_bytes(b"crc")
    (tmp_path / "_temporary").mkdir()
    save(tmp_path / "_temporary/part.parquet", item=["no"])
    assert rows(tmp_path) == [["item", "n", "month", "shop"], ["x", "1", "01", "a/b"], ["y", "1", "02", ""]]
    assert rows(tmp_path, columns=["month"]) == [["month"], ["01"], ["02"]]
    with pytest.raises(FreshetError, match="columns: item, n, month, shop"):
        rows(tmp_path, columns=["day"])


def test_columns_go_before_folders_of_the_same_name(tmp_path: Path) -> None:
    save(tmp_path / "partition=3/x.parquet", partition=pyarrow.array([3], pyarrow.int32()), user=["a"])
    assert rows(tmp_path) == [["partition", "user"], ["3", "a"]]


def test_files_may_differ(tmp_path: Path) -> None:
    """In the types of columns, how they are encoded, and in which there are."""
    save(tmp_path / "1.parquet", user=[7], item=pyarrow.array(["a"]).dictionary_encode())
    save(tmp_path / "2.parquet", item=["b"], user=["007"], value=[0.5])
    assert rows(tmp_path) == [["user", "item", "value"], ["7", "a", ""], ["007", "b", "0.5"]]
    assert rows(tmp_path / "2.parquet", tmp_path / "1.parquet", columns=["user"]) == [["user"], ["007"], ["7"]]


def test_in_an_object_store(bucket: Any, tmp_path: Path) -> None:
    saved = save(tmp_path / "x.parquet", user=["a", "b"], item=["1", "2"])
    for day in ("30", "31"):
        bucket.put_object(Bucket="shop", Key=f"events/date=2026-01-{day}/0.parquet", Body=saved.read_bytes())
    expected = (
        b'user,item,date\n"a","1","2026-01-30"\n"b","2","2026-01-30"\n"a","1","2026-01-31"\n"b","2","2026-01-31"\n'
    )
    ended = subprocess.run([*COMMAND, "s3://shop/events"], capture_output=True, check=False)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, expected, b"")
    assert text("s3://shop/events/date=2026-01-31/0.parquet") == b'user,item\n"a","1"\n"b","2"\n'
    ended = subprocess.run([*COMMAND, "s3://shop/none"], capture_output=True, text=True, check=False)
    assert (ended.returncode, ended.stderr) == (1, "freshet-py: there is no s3://shop/none\n")


# The command


def command(*arguments: str | Path, **options: Any) -> subprocess.CompletedProcess[str]:
    words = [*COMMAND, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, text=True, timeout=60, check=False, **options)


def test_command(file: Path) -> None:
    save(file, **{"user": ["ü", None], "a,b": [1, 2]})
    ended = command("--columns", '"a,b",user', "--", file)
    assert (ended.returncode, ended.stdout, ended.stderr) == (0, '"a,b",user\n1,"ü"\n2,\n', "")


def test_what_is_wrong_is_told_in_one_line(file: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    save(file, user=["a"], item=["b"])
    (tmp_path / "e.csv").write_text("user,item\n" * 100)
    (tmp_path / "short.parquet").write_bytes(file.read_bytes()[:-20])
    (tmp_path / "empty").mkdir()
    (tmp_path / "mixed").mkdir()
    (tmp_path / "mixed/a.parquet").write_bytes(file.read_bytes())
    (tmp_path / "mixed/b.txt").write_text("no")
    damaged = bytearray(file.read_bytes())
    damaged[4:60] = b"\xff" * 56
    (tmp_path / "damaged.parquet").write_bytes(damaged)
    for arguments, message in (
        ([tmp_path / "none.parquet"], "there is no {}/none.parquet"),
        ([file, tmp_path / "none.parquet"], "there is no {}/none.parquet"),
        ([tmp_path / "e.csv"], "{}/e.csv is not a Parquet file; give Parquet files, or directories of them"),
        ([tmp_path / "short.parquet"], "{}/short.parquet is not a Parquet file; give Parquet files"),
        ([tmp_path / "mixed"], "{}/mixed/b.txt is not a Parquet file; give Parquet files"),
        ([tmp_path / "empty"], "there are no files in {}/empty; give a directory of Parquet files"),
        ([tmp_path / "damaged.parquet"], "{}/damaged.parquet cannot be read: "),
        ([file, "--columns", "user,what"], "there is no column what; columns: user, item"),
        (["ftp://x/y"], "ftp://x/y is no place that can be read; give a path or s3://BUCKET/KEY"),
    ):
        assert main(["rows", *map(str, arguments)]) == 1, arguments
        told = capfd.readouterr().err
        assert told.startswith("freshet-py: " + message.format(tmp_path))
        assert told.count("\n") == 1
    ended = command(tmp_path / "short.parquet")
    assert (ended.returncode, ended.stdout, ended.stderr.count("\n")) == (1, "", 1)


def test_without_pyarrow(tmp_path: Path) -> None:
    (tmp_path / "pyarrow.py").write_text("raise ModuleNotFoundError('no pyarrow', name='pyarrow')")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    ended = command("x.parquet", env={**os.environ, "PYTHONPATH": path})
    expected = "freshet-py: pyarrow is not installed; pip install 'freshet[parquet]'\n"
    assert (ended.returncode, ended.stdout, ended.stderr) == (1, "", expected)


def test_needs_pyarrow_alone(file: Path, tmp_path: Path) -> None:
    save(file, user=["a"], time=pyarrow.array([0], pyarrow.timestamp("ms", "UTC")))
    for name in ("numpy", "pandas"):
        (tmp_path / f"{name}.py").write_text(f"raise ModuleNotFoundError('no {name}', name='{name}')")
    path = os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]])
    ended = command(file, env={**os.environ, "PYTHONPATH": path})
    assert (ended.returncode, ended.stdout) == (0, 'user,time\n"a","1970-01-01T00:00:00.000Z"\n'), ended.stderr


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Four million rows, a million in each of the row groups."""
    path = tmp_path_factory.mktemp("large") / "x.parquet"
    count = 100_000
    part = pyarrow.table(
        {
            "user": [f"user-{index * 7919 % 50_000}" for index in range(count)],
            "item": [f"sku-{index * 104_729 % 20_000}" for index in range(count)],
            "time": pyarrow.array(range(1_700_000_000_000, 1_700_000_000_000 + count), pyarrow.timestamp("ms", "UTC")),
        }
    )
    pyarrow.parquet.write_table(pyarrow.concat_tables([part] * 40), path, row_group_size=1 << 20)
    return path


def test_reader_that_has_enough(large: Path) -> None:
    """The pipe is closed in the middle, and at the very beginning."""
    for size in (1000, 0):
        with subprocess.Popen([*COMMAND, str(large)], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
            assert running.stdout is not None
            assert running.stderr is not None
            running.stdout.read(size)
            running.stdout.close()
            assert running.wait(30) == 0
            assert running.stderr.read() == b""


def test_many_rows_fast_and_in_little_memory(large: Path) -> None:
    begin = time.monotonic()
    with subprocess.Popen([*COMMAND, str(large)], stdout=subprocess.PIPE) as running:
        assert running.stdout is not None
        lines = sum(part.count(b"\n") for part in iter(lambda: running.stdout.read(1 << 20), b""))  # type: ignore[union-attr]
        _, status, usage = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    seconds = time.monotonic() - begin
    print(f"{lines / seconds / 1e6:.2f} M rows/s, {usage.ru_utime + usage.ru_stime:.1f} s of processors")
    print(f"{usage.ru_maxrss // 1024} MiB")
    assert running.returncode == 0
    assert lines == 4_000_001
    # What a busy machine does to the wall clock does not count; the time of the processors has room to spare.
    assert usage.ru_utime + usage.ru_stime < 12
    assert usage.ru_maxrss // 1024 < 500


def test_disk_that_is_full(large: Path) -> None:
    if not Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    with Path("/dev/full").open("wb") as full:
        ended = subprocess.run([*COMMAND, str(large)], stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert ended.returncode == 1
    assert "No space left on device" in ended.stderr
    assert ended.stderr.count("\n") == 1
