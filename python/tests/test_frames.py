"""Files as data frames, and data frames as files that `freshet` reads."""

from __future__ import annotations

import gzip
import json
import subprocess
from pathlib import Path
from typing import Any

import numpy
import pandas
import pyarrow
import pyarrow.parquet
import pytest

from freshet import Client, FreshetError, frames, ranking

from .support import SHIPPED, Engine, freshet_binary, plain_environment


def run(*arguments: str | Path) -> Any:
    command = [str(part) for part in (freshet_binary(), *arguments, "--json", "--quiet")]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=plain_environment())
    assert ended.returncode == 0, ended.stderr
    return json.loads(ended.stdout)


@pytest.fixture
def events() -> pandas.DataFrame:
    return pandas.DataFrame(
        {
            "user_id": ["007", "a b", "ü", "007"],
            "item_id": [1.0, 2.0, 3.0, 1.0],
            "event_value": [1, 2.5, None, 1],
            "timestamp": pandas.to_datetime(
                ["2026-01-31T08:30:00Z", "2026-02-01", "2026-02-02", "2026-02-03"], utc=True, format="ISO8601"
            ),
            "event_type": ["view", None, "purchase", "view"],
        }
    )


# Interactions


def test_shipped_file() -> None:
    found = frames.interactions(SHIPPED / "events.tsv.gz")
    assert list(found.columns) == ["user", "item", "value", "time"]
    assert len(found) == 397_924
    assert found.user[0] == "17850"
    assert str(found.time[0]) == "2010-12-01 08:26:00+00:00"
    assert "84029E" in set(found.item[:10])


@pytest.mark.parametrize("name", ["e.tsv", "e.csv", "e.jsonl", "e.tsv.gz", "e.csv.gz", "e.jsonl.gz"])
def test_what_is_written_is_read_by_freshet_and_here(tmp_path: Path, events: pandas.DataFrame, name: str) -> None:
    written = frames.to_interactions(events, tmp_path / name)
    assert (written.rows, written.users, written.items, written.pairs) == (4, 3, 3, 3)
    found = frames.interactions(tmp_path / name)
    assert list(found.user) == ["007", "a b", "ü", "007"]
    assert list(found.item) == ["1", "2", "3", "1"]
    assert list(found.time) == list(events.timestamp)
    assert found.value[1] == 2.5
    assert numpy.isnan(found.value[2])
    assert list(found.type)[::2] == ["view", "purchase"]
    checked = run("validate", tmp_path / name)
    text = json.dumps(checked)
    assert checked["users"] == 3, text
    assert checked["items"] == 3, text


def test_freshet_trains_on_what_is_written(tmp_path: Path) -> None:
    found = frames.interactions(SHIPPED / "events.tsv.gz").head(30_000)
    written = frames.to_interactions(found, tmp_path / "train.tsv.gz")
    report = run("train", "--train", tmp_path / "train.tsv.gz", "--iterations", "2", "--factors", "8")
    assert (report["users"], report["items"], report["interactions"]) == (written.users, written.items, written.pairs)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"user_id": ["", "b", "c", "d"]}, "bad_id"),
        ({"user_id": [None, "b", "c", "d"]}, "missing_user_id"),
        ({"user_id": ["a\0", "b", "c", "d"]}, "bad_id"),
        ({"user_id": ["ü" * 129, "b", "c", "d"]}, "id_too_long"),
        ({"user_id": ["\udc00", "b", "c", "d"]}, "bad_utf8"),
        ({"user_id": [" a", "b", "c", "d"]}, "id_with_space_needs_jsonl"),
        ({"user_id": ["a\tb", "b", "c", "d"]}, "id_with_delimiter_needs_jsonl"),
        ({"event_value": ["much", "1", "2", "3"]}, "bad_value"),
        ({"event_value": [numpy.inf, 1, 2, 3]}, "bad_value"),
        ({"timestamp": ["noon", "2026-01-01", "2026-01-01", "2026-01-01"]}, "bad_timestamp"),
        ({"event_type": ["x" * 65, "b", "c", "d"]}, "bad_event_type"),
        ({"op": ["upsert", "set", "add", None]}, "bad_value"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_rows_that_the_engine_would_reject(
    tmp_path: Path, events: pandas.DataFrame, change: dict[str, Any], reason: str
) -> None:
    bad = events.assign(**{name: pandas.Series(values, dtype=object) for name, values in change.items()})
    if reason == "bad_utf8":
        with pytest.raises(UnicodeEncodeError):
            pyarrow.Table.from_pandas(bad)  # Arrow itself refuses half of a surrogate pair.
        return
    with pytest.raises(frames.InvalidRows, match=rf"1 x {reason} \(rows 0\)") as caught:
        frames.to_interactions(bad, tmp_path / "e.tsv")
    assert caught.value.reasons == {reason: 1}
    assert list(tmp_path.iterdir()) == []
    written = frames.to_interactions(bad, tmp_path / "e.tsv", on_bad="drop")
    assert (written.rows, written.dropped) == (3, {reason: 1})


def test_ids_that_text_cannot_hold_go_into_json_lines(tmp_path: Path) -> None:
    odd = pandas.DataFrame({"user": [" a", 'b"', "c\td"], "item": ["1", "2", "3\n"]})
    frames.to_interactions(odd, tmp_path / "e.jsonl")
    assert list(frames.interactions(tmp_path / "e.jsonl").user) == [" a", 'b"', "c\td"]
    assert run("validate", tmp_path / "e.jsonl")["users"] == 3


def test_old_times_are_written_as_dates(tmp_path: Path) -> None:
    old = pandas.DataFrame(
        {"user": ["a", "b"], "item": ["1", "2"], "time": pandas.to_datetime(["1972-01-01", "2026-01-01"], utc=True)}
    )
    for name in ("e.csv", "e.jsonl"):
        frames.to_interactions(old, tmp_path / name)
        assert list(frames.interactions(tmp_path / name).time) == list(old.time)


def test_columns_are_named_where_they_are_not_known(tmp_path: Path) -> None:
    frame = pandas.DataFrame({"member": ["a"], "article": ["1"]})
    with pytest.raises(
        FreshetError, match="no column is known to be the user among member, article; say which: user=COLUMN"
    ):
        frames.to_interactions(frame, tmp_path / "e.tsv")
    assert frames.to_interactions(frame, tmp_path / "e.tsv", user="member", item="article").rows == 1
    with pytest.raises(FreshetError, match="there is no column x; columns: member"):
        frames.to_interactions(frame, tmp_path / "e.tsv", user="x", item="article")
    with pytest.raises(FreshetError, match="has no known format"):
        frames.to_interactions(frame, tmp_path / "e.xlsx", user="member", item="article")


def test_times_of_all_sizes(tmp_path: Path) -> None:
    (tmp_path / "e.tsv").write_text(
        "user\titem\ttime\na\t1\t1700000000\nb\t2\t1700000000123\nc\t3\t1700000000123456\nd\t4\t1700000000123456789\n"
    )
    found = frames.interactions(tmp_path / "e.tsv")
    assert [str(time) for time in found.time.dt.floor("s").unique()] == ["2023-11-14 22:13:20+00:00"]
    assert found.time[1].microsecond == 123_000
    assert found.time[3].nanosecond == 789


# Tables


def test_parquet_directory(tmp_path: Path) -> None:
    for day in ("2026-01-30", "2026-01-31"):
        directory = tmp_path / f"date={day}"
        directory.mkdir()
        table = pyarrow.table(
            {"user": ["a", "007"], "item": ["1", "2"], "strength": pyarrow.array([1.0, 2.0], pyarrow.float32())}
        )
        pyarrow.parquet.write_table(table, directory / "events-0.parquet")
    # What is being written is not read.
    (tmp_path / "date=2026-01-31/.events-1.parquet.tmp").write_bytes(b"half")
    found = frames.read(tmp_path)
    assert sorted(found.user) == ["007", "007", "a", "a"]
    assert sorted(map(str, set(found.date))) == ["2026-01-30", "2026-01-31"]
    assert frames.read(tmp_path, columns=["user"], form="arrow").column_names == ["user"]
    inter = frames.interactions(tmp_path)
    assert list(inter.columns) == ["user", "item", "value", "time"]
    (tmp_path / "broken.parquet").write_bytes(b"PAR1 nonsense")
    with pytest.raises(FreshetError, match="cannot be read as Parquet"):
        frames.read(tmp_path / "broken.parquet")


def test_json_lines(tmp_path: Path) -> None:
    with gzip.open(tmp_path / "e.jsonl.gz", "wt") as file:
        file.write('{"user_id": 7, "n": 1}\n\n{"user_id": "007", "n": 2.5, "more": [1]}\n')
    found = frames.read(tmp_path / "e.jsonl.gz", form="arrow")
    assert found.to_pylist() == [{"user_id": "7", "n": 1.0, "more": None}, {"user_id": "007", "n": 2.5, "more": [1]}]
    (tmp_path / "bad.jsonl").write_text('{"a": 1}\n{"a": \n')
    with pytest.raises(FreshetError, match=r"bad\.jsonl, line 2"):
        frames.read(tmp_path / "bad.jsonl")


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(FreshetError, match="there is no"):
        frames.read(tmp_path / "none.parquet")
    with pytest.raises(FreshetError, match="give a path or s3://"):
        frames.read("ftp://x/y.csv")


def test_object_store(bucket: Any, tmp_path: Path) -> None:
    table = pyarrow.table({"user": ["a", "b"], "item": ["1", "2"]})
    pyarrow.parquet.write_table(table, tmp_path / "x.parquet")
    numpy.savez(
        tmp_path / "m.npz", user_factors=numpy.ones((2, 3), "float32"), item_factors=numpy.ones((4, 3), "float32")
    )
    for day in ("2026-01-30", "2026-01-31"):
        bucket.put_object(
            Bucket="shop", Key=f"archive/date={day}/e.parquet", Body=(tmp_path / "x.parquet").read_bytes()
        )
    bucket.put_object(Bucket="shop", Key="m.npz", Body=(tmp_path / "m.npz").read_bytes())
    bucket.put_object(Bucket="shop", Key="e.csv.gz", Body=gzip.compress(b"user,item\n007,1\n"))
    assert sorted(frames.read("s3://shop/archive").user) == ["a", "a", "b", "b"]
    assert frames.read_factors("s3://shop/m.npz").items.shape == (4, 3)
    assert list(frames.interactions("s3://shop/e.csv.gz").user) == ["007"]
    with pytest.raises(FreshetError, match="would end up in logs; set AWS_ACCESS_KEY_ID"):
        frames.read("s3://key:secret@shop/e.csv.gz")
    with pytest.raises(FreshetError, match="there is no s3://shop/none"):
        frames.read("s3://shop/none.parquet")


# Factors and lists


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    directory = tmp_path_factory.mktemp("model")
    found = frames.interactions(SHIPPED / "events.tsv.gz").drop_duplicates(["user", "item"]).head(60_000)
    random = numpy.random.default_rng(1).random(len(found))
    frames.to_interactions(found[random < 0.8], directory / "train.tsv")
    frames.to_interactions(found[random >= 0.8], directory / "test.tsv")
    arguments = ["--train", directory / "train.tsv", "--test", directory / "test.tsv", "--output", directory / "model"]
    report = run("train", *arguments, "--factors", "16", "--iterations", "5")
    (directory / "report.json").write_text(json.dumps(report))
    return directory


def test_metrics_are_those_of_freshet(model: Path) -> None:
    """Lists from the exported factors, measured here, give what `freshet train --test` has printed."""
    factors = frames.read_factors(model / "model")
    train, test = frames.interactions(model / "train.tsv"), frames.interactions(model / "test.tsv")
    truth = test.groupby("user").item.agg(set).to_dict()
    seen = train.groupby("user").item.agg(set).to_dict()
    lists = factors.lists([user for user in truth if user in factors.user_rows], 20, seen=seen)
    measured = ranking.per_user({user: [item for item, _ in entries] for user, entries in lists.items()}, truth, 20)
    report = json.loads((model / "report.json").read_text())
    # Like freshet, without the users that the model does not know.
    known = numpy.array([user in factors.user_rows for user in truth])
    ours = [float(measured[name][known].mean()) for name in ("recall", "ndcg")]
    report = json.loads((model / "report.json").read_text())
    assert ours == pytest.approx([report["recall_at_20"], report["ndcg_at_20"]], abs=1e-6)


def test_factors_in_other_files(model: Path, tmp_path: Path) -> None:
    factors = frames.read_factors(model / "model")
    numpy.savez(
        tmp_path / "m.npz",
        user_factors=factors.users,
        item_factors=factors.items,
        user_ids=numpy.array(factors.user_ids),
        item_ids=numpy.array(factors.item_ids),
        regularization=0.015,
    )
    packed = frames.read_factors(tmp_path / "m.npz")
    assert packed.user_ids == list(factors.user_ids)
    assert (packed.items == factors.items).all()
    assert packed.settings == {"regularization": 0.015}
    for name, ids, rows in (("userFactors", [3, 1, 2], [[3, 3], [1, 1], [2, 2]]), ("itemFactors", [7], [[1, 2]])):
        (tmp_path / "spark" / name).mkdir(parents=True)
        features = pyarrow.array(rows, pyarrow.list_(pyarrow.float32()))
        pyarrow.parquet.write_table(
            pyarrow.table({"id": pyarrow.array(ids, pyarrow.int32()), "features": features}),
            tmp_path / "spark" / name / "part-0.parquet",
        )
    spark = frames.read_factors(tmp_path / "spark")
    assert spark.lists(["2"], 5) == {"2": [("7", 6.0)]}


@pytest.mark.parametrize("name", ["f.parquet", "f.jsonl.gz"])
def test_exported_factors(tmp_path: Path, name: str) -> None:
    rows = [
        {"kind": "item", "id": "007", "epoch": 3, "factors": [1.0, 2.0]},
        {"kind": "user", "id": "anna", "epoch": 3, "factors": [0.5, 3.0]},
        {"kind": "item", "id": "b", "epoch": 3, "factors": [0.0, 1.0]},
    ]
    schema = pyarrow.schema(
        {
            "kind": pyarrow.string(),
            "id": pyarrow.string(),
            "epoch": pyarrow.int64(),
            "factors": pyarrow.list_(pyarrow.float32()),
        }
    )

    def save(rows: list[dict[str, Any]]) -> None:
        if name.endswith(".parquet"):
            pyarrow.parquet.write_table(pyarrow.Table.from_pylist(rows, schema), tmp_path / name)
        else:
            with gzip.open(tmp_path / name, "wt") as file:
                file.writelines(json.dumps(row) + "\n" for row in rows)

    save(rows)
    factors = frames.read_factors(tmp_path / name)
    assert factors.lists(["anna"], 5) == {"anna": [("007", 6.5), ("b", 3.0)]}
    assert factors.users.dtype == "float32"
    save([*rows, {"kind": "item", "id": "c", "epoch": 3, "factors": [1.0]}])
    with pytest.raises(FreshetError, match="vectors of several lengths"):
        frames.read_factors(tmp_path / name)
    save([{"kind": "item", "id": "007", "epoch": 3}])
    with pytest.raises(FreshetError, match="has no factors; give|vectors of several lengths"):
        frames.read_factors(tmp_path / name)


def test_exported_lists(tmp_path: Path) -> None:
    lines = [
        "user,rank,item,score,epoch,source",
        "anna,1,007,2.5,3,personal",
        "anna,2,08,0.5,3,popular",
        '"1,5",1,x,1,3,foldin',
    ]
    (tmp_path / "l.csv").write_bytes("\r\n".join([*lines, ""]).encode())
    names = lines[0].split(",")
    rows = [
        ["anna", 1, "007", 2.5, 3, "personal"],
        ["anna", 2, "08", 0.5, 3, "popular"],
        ["1,5", 1, "x", 1, 3, "foldin"],
    ]
    (tmp_path / "l.jsonl").write_text("".join(json.dumps(dict(zip(names, row, strict=True))) + "\n" for row in rows))
    columns = {name: [row[index] for row in rows] for index, name in enumerate(names)}
    pyarrow.parquet.write_table(pyarrow.table(columns), tmp_path / "l.parquet")
    first, *others = (frames.read_lists(tmp_path / f"l.{kind}", form="arrow") for kind in ("parquet", "csv", "jsonl"))
    assert all(other.equals(first) for other in others)
    assert first.to_pylist()[1] == {
        "user": "anna",
        "rank": 2,
        "item": "08",
        "score": 0.5,
        "source": "popular",
        "epoch": 3,
    }
    (tmp_path / "e.csv").write_text("user,item\na,b\n")
    with pytest.raises(FreshetError, match="has no column rank, but user, item; give a file of freshet export lists"):
        frames.read_lists(tmp_path / "e.csv")
    (tmp_path / "e.csv").write_text(lines[0] + "\na,first,b,1,3,x\n")
    with pytest.raises(FreshetError, match="has no lists"):
        frames.read_lists(tmp_path / "e.csv")


def test_factors_that_do_not_fit(model: Path, tmp_path: Path) -> None:
    for file in (model / "model").iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    with (tmp_path / "user_ids.txt").open("a") as ids:
        ids.write("one too many\n")
    with pytest.raises(FreshetError, match="ids of users and vectors of the shape"):
        frames.read_factors(tmp_path)
    with pytest.raises(FreshetError, match="the model has no user nobody"):
        frames.read_factors(model / "model").scores(["nobody"])
    with pytest.raises(FreshetError, match=r"no user_factors\.npy"):
        frames.read_factors(tmp_path.parent)


def test_ratings_have_biases(tmp_path: Path) -> None:
    random = numpy.random.default_rng(1)
    rows = [f"u{random.integers(40)}\ti{random.integers(30)}\t{random.integers(1, 6)}" for _ in range(2000)]
    (tmp_path / "r.tsv").write_text("user\titem\trating\n" + "\n".join(rows) + "\n")
    run(
        "train",
        "--explicit",
        "--train",
        tmp_path / "r.tsv",
        "--output",
        tmp_path / "model",
        "--factors",
        "4",
        "--accept-columns",
    )
    factors = frames.read_factors(tmp_path / "model")
    assert factors.scores(factors.user_ids[:3]).mean() == pytest.approx(factors.mean, abs=0.7)


def test_lists_as_a_table(trained: Engine) -> None:
    with Client(trained.redis) as client:
        table = frames.lists(client, ["17850", "nobody"], 5)
        assert list(table.columns) == ["user", "rank", "item", "score", "source", "epoch"]
        assert list(table[table.user == "17850"].item) == client.recommend("17850", 5).ids
    assert list(table["rank"]) == [1, 2, 3, 4, 5] * 2


# Measures


def test_measures_by_hand() -> None:
    found = ranking.per_user(
        {"a": ["x", "y", "z"], "b": ["q"]}, {"a": {"x", "z", "w"}, "b": {"p"}, "c": set(), "d": {"r"}}, 3
    )
    ideal = 1 + 1 / numpy.log2(3) + 0.5
    assert list(found["ndcg"]) == pytest.approx([(1 + 0.5) / ideal, 0, 0])
    assert list(found["precision"]) == pytest.approx([2 / 3, 0, 0])
    assert list(found["recall"]) == pytest.approx([2 / 3, 0, 0])


def test_intervals() -> None:
    values = numpy.random.default_rng(3).normal(0.5, 0.1, 400)
    found = ranking.estimate(values)
    assert found.low < 0.5 < found.high
    assert found.high - found.low == pytest.approx(2 * 1.96 * 0.1 / 20, rel=0.15)
    gain = ranking.relative_gain(values * 1.1, values)
    assert (gain.mean, gain.low, gain.high) == pytest.approx((0.1, 0.1, 0.1))
    with pytest.raises(ValueError, match="no user"):
        ranking.estimate([])
