"""The examples: notebooks, pipelines, ranker, each run as a user would run it."""

from __future__ import annotations

import importlib.util
import json
import os
import shutil
import subprocess
import sys
import types
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest
import redis as redis_py
from nbclient import NotebookClient

from freshet import Client, frames, ranking
from freshet.frames import tables

from .support import EXAMPLES, REPOSITORY, SHIPPED, Engine, free_port, freshet_binary, plain_environment


def load(path: Path, name: str) -> types.ModuleType:
    specification = importlib.util.spec_from_file_location(name, path)
    assert specification is not None
    assert specification.loader is not None
    module = importlib.util.module_from_spec(specification)
    sys.modules[name] = module
    specification.loader.exec_module(module)
    return module


@pytest.fixture(scope="module")
def small_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A third of the shipped events, spread over their whole time."""
    events = frames.interactions(SHIPPED / "events.tsv.gz")
    users = sorted(events.user.unique())[::3]
    path = tmp_path_factory.mktemp("small") / "events.tsv.gz"
    frames.to_interactions(events[events.user.isin(users)], path)
    return path


# Notebooks


def execute(path: Path, monkeypatch: pytest.MonkeyPatch, **environment: str) -> Any:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    notebook = nbformat.read(path, as_version=4)
    assert all(not cell.get("outputs") for cell in notebook.cells), "notebooks are kept without outputs"
    # Notebooks are run where they lie, as in Jupyter.
    NotebookClient(notebook, timeout=300, resources={"metadata": {"path": str(path.parent)}}).execute()
    return notebook


def test_exploration(monkeypatch: pytest.MonkeyPatch, small_file: Path) -> None:
    done = execute(EXAMPLES / "notebooks/exploration.ipynb", monkeypatch, EVENTS_FILE=str(small_file))
    outputs = [output for cell in done.cells if cell.cell_type == "code" for output in cell.outputs]
    plots = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(plots) == 3
    assert all(len(plot["data"]["image/png"]) > 5000 for plot in plots)
    assert "share_of_the_first_tenth" in outputs[-1]["data"]["text/plain"]


def test_from_model_to_production(monkeypatch: pytest.MonkeyPatch, trained: Engine) -> None:
    path = EXAMPLES / "notebooks/from_model_to_production.ipynb"
    done = execute(
        path,
        monkeypatch,
        FRESHET=str(trained.binary),
        FRESHET_REDIS_URL=trained.redis,
        THIS_NOTEBOOK=str(path),
        WORKER_PORT=str(free_port()),
    )
    assert done.cells[-1].outputs[-1]["data"]["text/plain"] == "0"


# Pipelines


@pytest.fixture
def environment(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, redis_url: str, small_file: Path) -> Iterator[str]:
    """What the pipelines read from the environment; the result is the namespace."""
    namespace = f"batch-{tmp_path.name}"
    for name, value in {
        "FRESHET": str(freshet_binary()),
        "PIPELINE_SOURCE": str(small_file),
        "PIPELINE_WORK": str(tmp_path / "work"),
        "FRESHET_REDIS_URL": redis_url,
        "PIPELINE_NAMESPACE": namespace,
    }.items():
        monkeypatch.setenv(name, value)
    yield namespace


def marks(tmp_path: Path) -> dict[str, int]:
    """When each complete output was made."""
    return {path.parts[-3]: path.stat().st_mtime_ns for path in (tmp_path / "work").glob("*/*/done.json")}


def check_published(redis_url: str, namespace: str) -> None:
    with Client(redis_url, namespace=namespace) as client:
        users = [key.decode().partition("{u:")[2].partition("}")[0] for key in client_keys(redis_url, namespace)]
        assert len(users) > 500
        found = client.recommend(users[0], 5)
        assert len(found) == 5
        assert found.source == "personal"
        assert client.recommend("nobody", 5).source == "popular"


def client_keys(redis_url: str, namespace: str) -> list[bytes]:
    return list(redis_py.Redis.from_url(redis_url).scan_iter(f"freshet:{namespace}:{{u:*:top", 1000))


def test_luigi(environment: str, redis_url: str, tmp_path: Path) -> None:
    import luigi

    pipeline = load(EXAMPLES / "luigi/pipeline.py", "pipeline")

    def build(*tasks: Any) -> Any:
        return luigi.build(list(tasks), local_scheduler=True, detailed_summary=True, log_level="WARNING")

    first = build(pipeline.All())
    assert first.scheduling_succeeded
    made = marks(tmp_path)
    assert sorted(made) == ["download", "evaluate", "publish", "split", "train"]
    check_published(redis_url, environment)
    metrics = json.loads(next((tmp_path / "work").glob("evaluate/*/metrics.json")).read_text())
    assert metrics["als"]["ndcg_at_10"]["mean"] > metrics["popularity"]["ndcg_at_10"]["mean"] > 0
    # Again: nothing runs.
    assert build(pipeline.All()).scheduling_succeeded
    assert marks(tmp_path) == made
    # One output removed: that step runs again, and no other.
    assert build(pipeline.CleanUp(step="evaluate")).scheduling_succeeded
    assert sorted(marks(tmp_path)) == ["download", "publish", "split", "train"]
    assert build(pipeline.All()).scheduling_succeeded
    again = marks(tmp_path)
    assert [name for name in made if again[name] != made[name]] == ["evaluate"]


def test_step_that_was_interrupted_begins_anew(environment: str, monkeypatch: pytest.MonkeyPatch) -> None:
    steps = load(EXAMPLES / "pipeline/steps.py", "steps")
    settings = steps.settings_from(os.environ)
    with pytest.raises(RuntimeError, match="split needs the output of download"):
        steps.run(settings, "split")
    steps.run(settings, "download")
    half = steps.output(settings, "split")
    half.mkdir(parents=True)
    (half / "train.tsv").write_text("half of a file")
    report = steps.run(settings, "split")
    assert report["train_rows"] > 50_000
    assert report["test_rows"] > 1000
    # Another parameter is another key, and what does not depend on it stays.
    monkeypatch.setenv("PIPELINE_NAMESPACE", environment + "-b")
    other = steps.settings_from(os.environ)
    assert steps.key(other, "split") == steps.key(settings, "split")
    assert steps.key(other, "publish") != steps.key(settings, "publish")
    # A failure of the program is the step's.
    monkeypatch.setenv("FRESHET", "false")
    with pytest.raises(RuntimeError, match="freshet train ended with 1"):
        steps.run(steps.settings_from(os.environ), "train")
    assert steps.result(settings, "train") is None


def test_pipeline_does_not_write_over_an_engine(environment: str, redis_url: str) -> None:
    steps = load(EXAMPLES / "pipeline/steps.py", "steps")
    redis_py.Redis.from_url(redis_url).set(f"freshet:{environment}:writer", "{}")
    settings = steps.settings_from(os.environ)
    for name in ("download", "split", "train", "evaluate"):
        steps.run(settings, name)
    with pytest.raises(RuntimeError, match="an engine publishes"):
        steps.run(settings, "publish")


def test_airflow(environment: str, redis_url: str, tmp_path: Path) -> None:
    """In a process of its own: Airflow reads its settings when it is imported."""
    variables = {
        **os.environ,
        "AIRFLOW_HOME": str(tmp_path / "airflow"),
        "AIRFLOW__CORE__LOAD_EXAMPLES": "False",
        "AIRFLOW__CORE__DAGS_FOLDER": str(EXAMPLES / "airflow"),
        "PIPELINE_RETRY_SECONDS": "0",
    }
    # Importing Airflow takes seconds, so the database is made in the process that runs the DAG.
    code = f"""
import runpy, sys
from airflow.__main__ import main
sys.argv = ["airflow", "db", "migrate"]
main()
dag = runpy.run_path({str(EXAMPLES / "airflow/dag.py")!r})["batch"]
for clean in ("", "evaluate"):
    run = dag.test(run_conf={{"clean": clean}})
    states = {{each.task_id: str(each.state) for each in run.get_task_instances()}}
    print(run.state, states)
    assert str(run.state) == "success", states
    assert len(states) == 6 and set(states.values()) == {{"success"}}, states
"""
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, capture_output=True, text=True, env=variables, timeout=900, check=False)
    assert ended.returncode == 0, ended.stdout[-4000:] + ended.stderr[-4000:]
    made = marks(tmp_path)
    assert sorted(made) == ["download", "evaluate", "publish", "split", "train"]
    # The second run removed one output and made it again; the others stayed.
    assert made["evaluate"] > made["publish"]
    check_published(redis_url, environment)


# Ranker


def export_candidates(events: Path, output: Path, *options: str) -> dict[str, Any]:
    command = [freshet_binary(), "export", "candidates", "--data", events, "--output", output, "--json", *options]
    ended = subprocess.run([*map(str, command)], capture_output=True, text=True, env=plain_environment(), check=False)
    assert ended.returncode == 0, ended.stderr
    report: dict[str, Any] = json.loads(ended.stdout)
    return report


def test_ranker(tmp_path: Path, small_file: Path) -> None:
    training, lists = tmp_path / "training.parquet", tmp_path / "lists.parquet"
    made = export_candidates(small_file, training, "--set", "model.factors=32")
    command = [sys.executable, EXAMPLES / "ranker/rank.py", training, "--lists", lists, "--length", "20"]
    ended = subprocess.run(
        [*map(str, command), "--iterations", "100", "--json"], capture_output=True, text=True, timeout=300, check=False
    )
    assert ended.returncode == 0, ended.stderr
    report = json.loads(ended.stdout)
    assert report["users"] > 200
    assert 0.05 < report["candidate_recall"] < 0.6
    assert set(report["metrics"]) == {"als", "engine", "ranker"}
    for metrics in report["metrics"].values():
        assert set(metrics) == {"ndcg_at_10", "precision_at_10", "recall_at_10"}
        assert all(0 < value["low"] < value["mean"] < value["high"] < 1 for value in metrics.values())
    # Much is not promised; that a ranker which knows more is not far below its first feature is.
    assert report["differences"]["ranker - als"]["ndcg_at_10"]["high"] > 0
    # What freshet import lists reads: every user of the part test, the best first.
    written = tables.read(lists)
    assert list(written.columns) == ["user", "item", "rank", "score"]
    test = next(part for part in made["parts"] if part["part"] == "test")
    assert written.user.nunique() == report["lists"]["users"] == test["users"]
    for _, group in written.groupby("user", sort=False):
        assert list(group["rank"]) == list(range(1, 21))
        assert group.score.is_monotonic_decreasing


def test_metrics_of_the_ranker_are_those_of_the_package(tmp_path: Path, small_file: Path) -> None:
    """By lists and sets, as `freshet.ranking` does it, from the events alone."""
    rank = load(EXAMPLES / "ranker/rank.py", "rank")
    made = export_candidates(small_file, tmp_path / "training.parquet", "--set", "model.factors=8")
    candidates = tables.read(tmp_path / "training.parquet")
    cut = next(part["cut"] for part in made["parts"] if part["part"] == "test")
    events = frames.interactions(small_file).dropna(subset=["time"])
    before = events.time < cut
    past = set(zip(events.user[before], events.item[before], strict=True))
    rows = rank.part(candidates, "test")
    truth: dict[str, set[str]] = {user: set() for user in sorted(rows.user.unique())}
    for user, item in zip(events.user[~before], events.item[~before], strict=True):
        if user in truth and (user, item) not in past:
            truth[user].add(item)
    assert {user: len(items) for user, items in truth.items()} == dict(rows.groupby("user").held_out.first())
    lists = dict(rank.ranked(rows, "score", 10).groupby("user").item.agg(list))
    expected, found = ranking.per_user(lists, truth, 10), rank.per_user(rows, "score")
    for metric, values in expected.items():
        assert found[metric] == pytest.approx(values)


# The package


def test_wheel(tmp_path: Path) -> None:
    """The wheel has the types, and its program runs from an environment without anything else."""
    source = tmp_path / "python"
    shutil.copytree(
        REPOSITORY / "python", source, ignore=shutil.ignore_patterns("__pycache__", ".*_cache", "dist", "tests")
    )
    command = [
        sys.executable,
        "-m",
        "build",
        "--wheel",
        "--no-isolation",
        "--outdir",
        str(tmp_path / "dist"),
        str(source),
    ]
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr
    (wheel,) = (tmp_path / "dist").glob("*.whl")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", tmp_path / "venv"], check=True)
    import zipfile

    with zipfile.ZipFile(wheel) as archive:
        assert "freshet/py.typed" in archive.namelist()
        archive.extractall(tmp_path / "site")
    clean = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"} | {
        "PYTHONPATH": str(tmp_path / "site")
    }
    python = str(tmp_path / "venv/bin/python")
    code = "import freshet\ntry:\n    freshet.Client()\nexcept ImportError as fault:\n    print(fault)"
    ended = subprocess.run([python, "-c", code], capture_output=True, text=True, env=clean, check=False)
    assert ended.stdout.strip() == "redis is not installed; pip install 'freshet[redis]'", ended.stderr
    ended = subprocess.run(
        [python, "-m", "freshet.cli", "worker"], capture_output=True, text=True, env=clean, check=False
    )
    assert ended.returncode == 78
    assert "pip install 'freshet[worker]'" in ended.stderr
    # A gateway needs nothing but the standard library.
    code = "import freshet\nfreshet.Client('http://127.0.0.1:9').close()"
    assert subprocess.run([python, "-c", code], env=clean, check=False).returncode == 0
