"""Archives of events: reading, forgotten users, and what the check finds."""

from __future__ import annotations

import datetime
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow
import pyarrow.parquet
import pytest

from freshet import FreshetError, frames
from freshet.cli import main

SCHEMA = pyarrow.schema(
    [
        pyarrow.field("user", pyarrow.string(), nullable=False),
        ("item", pyarrow.string()),
        ("type", pyarrow.string()),
        pyarrow.field("operation", pyarrow.string(), nullable=False),
        pyarrow.field("strength", pyarrow.float32(), nullable=False),
        pyarrow.field("time", pyarrow.timestamp("ms", tz="UTC"), nullable=False),
        pyarrow.field("topic", pyarrow.string(), nullable=False),
        pyarrow.field("partition", pyarrow.int32(), nullable=False),
        pyarrow.field("offset", pyarrow.int64(), nullable=False),
        ("merged_into", pyarrow.string()),
    ]
)
NOON = datetime.datetime(2026, 1, 30, 12, tzinfo=datetime.timezone.utc)


def row(user: str, item: str | None, offset: int, operation: str = "add", **other: Any) -> dict[str, Any]:
    """A row; its time goes with its offset."""
    return {
        "user": user,
        "item": item,
        "type": "view" if item else None,
        "operation": operation,
        "strength": 1.0 if item else 0.0,
        "time": NOON + datetime.timedelta(seconds=offset),
        "topic": "events",
        "partition": 0,
        "offset": offset,
        "merged_into": None,
    } | other


def name(topic: str, partition: int, first: int, last: int, mark: str = "0123456789abcdef") -> str:
    return f"interactions-{topic}-{partition}-{first:020}-{last:020}-{mark}.parquet"


def write(store: Path, day: str, rows: list[dict[str, Any]], file: str | None = None) -> Path:
    """A file with the rows, under the name that they give it unless there is one."""
    first, last = rows[0], rows[-1]
    path = store / f"date={day}" / (file or name(first["topic"], first["partition"], first["offset"], last["offset"]))
    path.parent.mkdir(parents=True, exist_ok=True)
    pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, SCHEMA), path, row_group_size=2)
    return path


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """Three days of two topics; one of them has names like those of partitions."""
    path = tmp_path / "archive"
    basket = [row("anna", "a", 7), row("anna", "b", 7), row("anna", "c", 7, "set", strength=-2.5)]
    write(path, "2026-01-30", [row("anna", "a", 0), row("ben", "a", 3), *basket])
    write(path, "2026-01-31", [row("ben", "b", 9, "once"), row("carl", "a", 11, "delete", type=None)])
    write(path, "2026-02-01", [row("dora", "a", 20)])
    write(path, "2026-01-31", [row("anna", "z", 4, topic="web-0.b_c-1", partition=12)])
    (path / "date=2026-02-01/.half").write_bytes(b"PAR1")
    (path / ".uploads").mkdir()
    (path / ".uploads/x").write_bytes(b"half")
    return path


def test_rows_come_by_topic_partition_and_offset(store: Path) -> None:
    found = frames.interactions(store)
    assert list(found.columns) == SCHEMA.names
    assert list(found.topic) == ["events"] * 8 + ["web-0.b_c-1"]
    assert list(found.offset) == [0, 3, 7, 7, 7, 9, 11, 20, 4]
    assert list(found.item)[2:5] == ["a", "b", "c"]
    assert found.strength[4] == -2.5
    assert found.type[6] is None
    assert str(found.time[7]) == "2026-01-30 12:00:20+00:00"
    table = frames.interactions(store, form="arrow", columns=["item", "user"])
    assert table.column_names == ["item", "user"]
    assert table.num_rows == 9
    assert frames.interactions(store, form="arrow").schema.remove_metadata().types == SCHEMA.types


@pytest.mark.parametrize(
    ("selection", "offsets"),
    [
        ({"since": "2026-01-31"}, [9, 11, 20, 4]),
        ({"until": datetime.date(2026, 1, 30)}, [0, 3, 7, 7, 7]),
        ({"since": "2026-01-31", "until": datetime.datetime(2026, 1, 31, 5)}, [9, 11, 4]),
        ({"topics": ["web-0.b_c-1"]}, [4]),
        ({"topics": "events", "since": "2026-02-01"}, [20]),
        ({"since": "2027-01-01"}, []),
        ({"topics": []}, []),
    ],
)
def test_days_and_topics_select(store: Path, selection: dict[str, Any], offsets: list[int]) -> None:
    assert list(frames.interactions(store, **selection).offset) == offsets


def test_only_the_folders_of_the_days_are_read(store: Path) -> None:
    (next((store / "date=2026-01-30").iterdir())).write_bytes(b"nonsense")
    assert len(frames.interactions(store, since="2026-01-31")) == 4
    with pytest.raises(FreshetError, match="cannot be read"):
        frames.interactions(store)


def test_what_users_did_before_they_were_forgotten_is_left_out(tmp_path: Path) -> None:
    write(tmp_path, "2026-01-30", [row("anna", "a", 1), row("ben", "a", 2), row("anna", "b", 3)])
    write(tmp_path, "2026-01-31", [row("anna", None, 5, "forget"), row("anna", "c", 6)])
    # In another topic, by time.
    late = NOON + datetime.timedelta(hours=1)
    other = [row("anna", "x", 100, topic="shop"), row("anna", "y", 101, topic="shop")]
    other[0]["time"], other[1]["time"] = NOON, late
    write(tmp_path, "2026-01-30", other)
    found = frames.interactions(tmp_path)
    assert list(zip(found.user, found.item, found.operation, strict=True)) == [
        ("ben", "a", "add"),
        ("anna", None, "forget"),
        ("anna", "c", "add"),
        ("anna", "y", "add"),
    ]
    # Also if they were forgotten later, or in a topic that is not asked for.
    assert list(frames.interactions(tmp_path, until="2026-01-30", topics=["events"]).user) == ["ben"]
    assert list(frames.interactions(tmp_path, topics=["shop"], columns=["item"]).item) == ["y"]
    assert len(frames.interactions(tmp_path, with_forgotten=True)) == 7


def test_who_was_merged_is_forgotten_with_the_other(tmp_path: Path) -> None:
    rows = [
        row("visitor", "a", 1),
        row("phone", "b", 2),
        row("visitor", None, 3, "merge", merged_into="phone"),
        row("visitor", "kept", 4),
        row("phone", None, 5, "merge", merged_into="anna"),
        row("anna", "c", 6),
        row("anna", None, 7, "forget"),
        row("tablet", "kept", 8),
        row("tablet", None, 9, "merge", merged_into="anna"),
    ]
    write(tmp_path, "2026-01-30", rows)
    assert list(frames.interactions(tmp_path).offset) == [3, 4, 5, 7, 8, 9]


def test_an_archive_without_files(tmp_path: Path) -> None:
    found = frames.interactions(tmp_path)
    assert list(found.columns) == SCHEMA.names
    assert len(found) == 0
    assert frames.check_archive(tmp_path) == []


def test_mistakes_of_the_caller(store: Path, tmp_path: Path) -> None:
    with pytest.raises(FreshetError, match="an archive has no column value; columns: user, item"):
        frames.interactions(store, columns=["value"])
    with pytest.raises(FreshetError, match="give those to read as a list"):
        frames.interactions(store, columns={"user": "user"})
    with pytest.raises(FreshetError, match="soon is no date; write it as 2026-01-31"):
        frames.interactions(store, since="soon")
    (tmp_path / "e.tsv").write_text("user\titem\na\tb\n")
    with pytest.raises(FreshetError, match=r"e\.tsv is no archive"):
        frames.interactions(tmp_path / "e.tsv", since="2026-01-01")
    with pytest.raises(FreshetError, match="columns of a file are named by field"):
        frames.interactions(tmp_path / "e.tsv", columns=["user"])
    with pytest.raises(FreshetError, match="is no directory"):
        frames.check_archive(tmp_path / "e.tsv")


# The check


def test_what_an_archive_has(store: Path) -> None:
    assert frames.check_archive(store) == [
        frames.ArchivedPartition("events", 0, first=0, last=20, files=3, rows=8),
        frames.ArchivedPartition("web-0.b_c-1", 12, first=4, last=4, files=1, rows=1),
    ]


def rename(path: Path, to: str) -> None:
    path.rename(path.parent / to)


def rewrite(path: Path, table: Callable[[pyarrow.Table], pyarrow.Table]) -> None:
    pyarrow.parquet.write_table(table(pyarrow.parquet.ParquetFile(path).read()), path)


def damage(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[-6] ^= 0xFF
    path.write_bytes(content)


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda path: rename(path, name("events", 0, 11, 25)), "have the same offsets"),
        (lambda path: rename(path, name("events", 0, 20, 20, "fedcba9876543210")), None),
        (lambda path: rename(path, name("events", 0, 21, 25)), "has rows of the offset 20"),
        (lambda path: rename(path, name("events", 0, 15, 19)), "has rows of the offset 20"),
        (lambda path: rename(path, name("events", 1, 20, 20)), "has rows of the partition 0"),
        (lambda path: rename(path, name("shop", 0, 20, 20)), "has rows of the topic events"),
        (lambda path: rename(path, name("events", 0, 21, 20)), "is no name of a file of an archive"),
        (lambda path: rename(path, name("events", 0, 20, 20, "0123456789ABCDEF")), "is no name"),
        (lambda path: rename(path, path.name.replace("-0-", "-00-", 1)), "is no name"),
        (lambda path: rename(path, path.name + ".gz"), "is no name"),
        (lambda path: rename(path, "../events.parquet"), "events.parquet is no name"),
        (lambda path: rename(path.parent, "date=2026-02-30"), "date=2026-02-30/interactions-events-0-0.*is no name"),
        (lambda path: rewrite(path, lambda table: table.drop_columns(["merged_into"])), "has no column merged_into"),
        (lambda path: rewrite(path, lambda table: pyarrow.concat_tables([table] * 2)), None),
        (damage, "cannot be read"),
    ],
)
def test_problems_are_found(store: Path, change: Callable[[Path], None], problem: str | None) -> None:
    (path,) = (store / "date=2026-02-01").glob("*.parquet")
    change(path)
    if problem is None:
        assert len(frames.check_archive(store)) == 2
        return
    with pytest.raises(frames.ArchiveError, match=problem) as caught:
        frames.check_archive(store)
    assert len(caught.value.problems) == 1


def test_every_problem_is_listed(store: Path) -> None:
    for offset in range(3):
        # The same records again, as if two engines had written.
        write(store, "2026-02-02", [row("dora", "a", offset)])
    write(store, "2026-02-03", [row("a", "b", 31), row("a", "b", 30)], name("events", 0, 30, 31))
    with pytest.raises(frames.ArchiveError, match=r"and 1 more; freshet-py check-archive") as caught:
        frames.check_archive(store)
    assert len(caught.value.problems) == 4
    assert "not in the order of their offsets" in caught.value.problems[-1]


def test_reading_refuses_what_would_be_wrong(store: Path) -> None:
    again = write(store, "2026-02-02", [row("dora", "a", 20)])
    with pytest.raises(frames.ArchiveError, match="have the same offsets"):
        frames.interactions(store)
    rename(again, "interactions-of-mine.parquet")
    with pytest.raises(frames.ArchiveError, match=r"interactions-of-mine\.parquet is no name"):
        frames.interactions(store)
    (again.parent / "interactions-of-mine.parquet").unlink()
    (path,) = (store / "date=2026-02-01").glob("*.parquet")
    rewrite(path, lambda table: table.drop_columns(["merged_into"]))
    with pytest.raises(frames.ArchiveError, match="has no column merged_into"):
        frames.interactions(store)


def test_command(store: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check-archive", str(store)]) == 0
    assert "events/0: offsets 0 to 20, 8 rows, 3 files\n" in capsys.readouterr().out
    assert main(["check-archive", str(store), "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["partitions"][1] == {
        "topic": "web-0.b_c-1",
        "partition": 12,
        "first": 4,
        "last": 4,
        "files": 1,
        "rows": 1,
    }
    (store / "note.txt").write_text("x")
    assert main(["check-archive", str(store), "--json"]) == 1
    assert json.loads(capsys.readouterr().err)["problems"] == ["note.txt is no name of a file of an archive"]
    for day in range(2, 7):
        write(store, f"2026-03-0{day}", [row("dora", "a", 20)])
    assert main(["check-archive", str(store)]) == 1
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert all(line.startswith("freshet-py: ") for line in lines)
    assert main(["check-archive", str(store / "none")]) == 1
    assert "there is no" in capsys.readouterr().err


def test_in_an_object_store(bucket: Any, store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for path in store.rglob("*"):
        if path.is_file():
            key = f"some place/{path.relative_to(store)}"
            bucket.put_object(Bucket="shop", Key=key, Body=path.read_bytes())
    address = "s3://shop/some%20place"
    assert frames.interactions(address).equals(frames.interactions(store))
    assert list(frames.interactions(address, since="2026-02-01").offset) == [20]
    assert frames.check_archive(address) == frames.check_archive(store)
    command = [sys.executable, "-m", "freshet.cli", "check-archive", address, "--json"]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert json.loads(ended.stdout)["store"] == address, ended.stderr
    # The server may stand in the address, too; credentials may not.
    endpoint = bucket.meta.endpoint_url
    monkeypatch.delenv("AWS_ENDPOINT_URL_S3")
    assert len(frames.check_archive(f"{address}?endpoint={endpoint}")) == 2
    with pytest.raises(FreshetError, match="would end up in logs"):
        frames.check_archive("s3://key:secret@shop/archive")
