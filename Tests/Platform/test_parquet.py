"""Files of Freshet's Parquet writer, read with pyarrow, DuckDB and Polars, value by value."""

import datetime
import math
import pathlib
import json
import subprocess

import duckdb
import polars
import pyarrow
import pyarrow.compute
import pyarrow.dataset
import pyarrow.parquet
import pytest

import expected

READERS = ["pyarrow", "duckdb", "polars"]


def naive(value):
    """Times in UTC without their zone, as the expected ones are written."""
    if isinstance(value, datetime.datetime) and value.tzinfo is not None:
        return value.astimezone(datetime.timezone.utc).replace(tzinfo=None)
    return value


def read(path: pathlib.Path, reader: str) -> dict[str, list]:
    if reader == "pyarrow":
        # The checksums of pages are only looked at when asked for.
        table = pyarrow.parquet.read_table(path, page_checksum_verification=True)
        table.validate(full=True)
        columns = {name: table.column(name).to_pylist() for name in table.column_names}
    elif reader == "duckdb":
        connection = duckdb.connect()
        connection.sql("SET TimeZone = 'UTC'")
        relation = connection.sql(f"SELECT * FROM read_parquet('{path}')")
        rows = relation.fetchall()
        columns = {name: [row[index] for row in rows] for index, name in enumerate(relation.columns)}
    else:
        columns = polars.read_parquet(path).to_dict(as_series=False)
    return {name: [naive(value) for value in values] for name, values in columns.items()}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("rows", [0, 1, 1000])
@pytest.mark.parametrize("codec", ["none", "zstd"])
@pytest.mark.parametrize("encoding", ["plain", "dictionary"])
def test_every_type_has_the_values_that_were_written(samples, encoding, codec, rows, reader):
    found = read(samples / f"types-{encoding}-{codec}-{rows}.parquet", reader)
    assert found == expected.types(rows)


def test_types_have_the_meaning_that_readers_know(samples):
    schema = pyarrow.parquet.read_schema(samples / "types-dictionary-zstd-1000.parquet")
    assert {field.name: str(field.type) for field in schema} == {
        "user": "string",
        "note": "string",
        "blob": "binary",
        "small": "int32",
        "large": "int64",
        "single": "float",
        "double": "double",
        "millis": "timestamp[ms, tz=UTC]",
        "micros": "timestamp[us]",
        "constant": "int32",
    }
    assert [field.name for field in schema if field.nullable] == ["note", "double", "micros", "constant"]
    assert schema.metadata == {b"sample": b"types-dictionary-zstd-1000"}


def test_structure_follows_the_options(samples):
    file = pyarrow.parquet.ParquetFile(samples / "types-dictionary-zstd-1000.parquet")
    assert [file.metadata.row_group(index).num_rows for index in range(file.num_row_groups)] == [400, 400, 200]
    assert file.metadata.created_by == "freshet version 0.0"
    for index in range(file.num_row_groups):
        group = file.metadata.row_group(index)
        for number in range(group.num_columns):
            column = group.column(number)
            assert column.compression == "ZSTD"
            assert column.statistics is not None and column.statistics.null_count is not None
            assert column.dictionary_page_offset < column.data_page_offset


def test_a_damaged_page_is_found_by_its_checksum(samples, tmp_path):
    path = samples / "types-plain-none-1000.parquet"
    content = bytearray(path.read_bytes())
    column = pyarrow.parquet.ParquetFile(path).metadata.row_group(0).column(4)
    content[column.data_page_offset + column.total_compressed_size - 1] ^= 1
    damaged = tmp_path / "damaged.parquet"
    damaged.write_bytes(content)
    pyarrow.parquet.read_table(damaged)
    with pytest.raises(OSError, match="(?i)crc"):
        pyarrow.parquet.read_table(damaged, page_checksum_verification=True)


@pytest.mark.parametrize("reader", READERS)
def test_every_unicode_character(samples, reader):
    found = read(samples / "characters.parquet", reader)
    assert list(zip(found["text"], found["code"])) == expected.characters()


@pytest.mark.parametrize("reader", READERS)
def test_lists_and_empty_lists(samples, reader):
    found = read(samples / "lists.parquet", reader)
    assert found["id"] == list(range(1000))
    assert [list(row) for row in found["features"]] == expected.lists()


@pytest.mark.parametrize("reader", READERS)
def test_columns_of_missing_values(samples, reader):
    found = read(samples / "nulls.parquet", reader)
    assert found == {"text": [None] * 1000, "number": [None] * 1000, "late": [None] * 999 + ["at last"]}


@pytest.mark.parametrize("reader", READERS)
def test_values_beyond_the_dictionary(samples, reader):
    found = read(samples / "overflow.parquet", reader)
    assert found == expected.overflow()


def test_dictionaries_end_where_they_grow_too_large(samples):
    group = pyarrow.parquet.ParquetFile(samples / "overflow.parquet").metadata.row_group(0)
    for number in range(group.num_columns):
        assert {"PLAIN", "RLE_DICTIONARY"} <= set(group.column(number).encodings)


# Ranges: a reader skips a group whose range excludes the value, so a range that lies loses rows without a word.


def filtered(path: pathlib.Path, column: str, value, reader: str) -> list[str]:
    if reader == "pyarrow":
        return pyarrow.parquet.read_table(path, filters=[(column, "=", value)]).column("name").to_pylist()
    if reader == "duckdb":
        query = f"SELECT name FROM read_parquet('{path}') WHERE {column} = ?"
        return [row[0] for row in duckdb.connect().execute(query, [value]).fetchall()]
    return polars.scan_parquet(path).filter(polars.col(column) == value).collect()["name"].to_list()


@pytest.mark.parametrize("reader", READERS)
def test_filters_find_every_text(samples, reader):
    path = samples / "bounds.parquet"
    for row in range(100):
        assert filtered(path, "name", expected.bounds_name(row), reader) == [f"u{row}"]
        assert filtered(path, "long", expected.bounds_long(row), reader) == [f"u{row}"]
    assert filtered(path, "name", "u", reader) == []


@pytest.mark.parametrize("reader", READERS)
def test_filters_find_numbers_beside_nan_and_zeros_of_both_signs(samples, reader):
    path = samples / "bounds.parquet"
    for row in range(100):
        hidden = row // 10 == 3 or row % 10 == 9
        assert filtered(path, "value", float(row), reader) == ([] if hidden else [f"u{row}"])
    zeros = ["u0"] + [f"u{row}" for row in range(50, 60)]
    assert filtered(path, "zero", 0.0, reader) == zeros
    assert filtered(path, "zero", -0.0, reader) == zeros


def test_ranges_are_exact_or_absent(samples):
    file = pyarrow.parquet.ParquetFile(samples / "bounds.parquet")
    assert file.num_row_groups == 10
    for index in range(10):
        rows = range(index * 10, index * 10 + 10)
        group = file.metadata.row_group(index)
        name, long, value, zero = (group.column(number).statistics for number in range(4))
        names = sorted(expected.bounds_name(row).encode() for row in rows)
        assert (name.min.encode(), name.max.encode()) == (names[0], names[-1])
        longs = sorted((expected.bounds_long(row).encode() for row in rows))
        if len(longs[0]) <= 64 and len(longs[-1]) <= 64:
            assert (long.min.encode(), long.max.encode()) == (longs[0], longs[-1])
        else:
            assert not long.has_min_max
        if index == 3:
            assert not value.has_min_max
        else:
            assert (value.min, value.max) == (index * 10, index * 10 + 8)
        if index == 5:
            assert (math.copysign(1, zero.min), math.copysign(1, zero.max)) == (-1, 1)


# A large table


@pytest.fixture(scope="module")
def interactions(generator, tmp_path_factory):
    folder = tmp_path_factory.mktemp("large")
    run = subprocess.run([generator, str(folder), "10000000"], check=True, capture_output=True, text=True, timeout=550)
    return [json.loads(line) for line in run.stdout.splitlines()]


def test_ten_million_rows_take_little_memory(interactions):
    for written in interactions:
        print(written)
        assert written["rows"] == 10_000_000
        assert written["resident_bytes"] < 100 << 20
        # Generous, because the machine may be busy; the time is printed.
        assert written["seconds"] < 120


def test_ten_million_rows_are_the_same_in_every_reader(interactions):
    """Counts and sums by two readers that share no code, and the offsets by their definition."""
    for written in interactions:
        path = written["file"]
        query = f"""SELECT count(*), count(DISTINCT "user"), count(DISTINCT item), sum(strength), sum("offset"), sum("partition"),
            min("time"), max("time"), sum(hash("user", item, "type")::DOUBLE) > 0 FROM read_parquet('{path}')"""
        rows, users, items, strength, offsets, partitions, first, last, _ = duckdb.sql(query).fetchall()[0]
        assert (rows, users) == (10_000_000, 200_000) and items <= 50_000
        assert offsets == sum(row // 8 for row in range(10_000_000))
        frame = polars.scan_parquet(path)
        again = frame.select(
            polars.len().alias("rows"),
            polars.col("strength").cast(polars.Float64).sum(),
            polars.col("partition").cast(polars.Int64).sum(),
            polars.col("time").min().alias("first"),
            polars.col("time").max().alias("last"),
        ).collect()
        assert again["rows"][0] == rows
        assert again["strength"][0] == strength and again["partition"][0] == partitions
        assert naive(again["first"][0]) == naive(first) and naive(again["last"][0]) == naive(last)
