"""Records of runs: written, read, claimed, and exchanged with the program freshet."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from freshet import runs
from freshet.errors import FreshetError, NotSupported
from freshet.runs import recording, redaction
from freshet.runs.records import SILENCE_MAX_MS, Record, is_id, kind_of, make_id, numbers

from .support import eventually, freshet_binary, plain_environment
from .test_worker import deploy, worker


def raw(store: Path, run_id: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((store / "runs" / f"{run_id}.json").read_text())
    return found


def test_a_run_leaves_its_record(tmp_path: Path) -> None:
    source, output = tmp_path / "in.csv", tmp_path / "out.csv"
    source.write_text("abc")
    with runs.record("daily features", tmp_path / "s", settings={"day": "2026-11-28", "deep": True}) as run:
        assert raw(tmp_path / "s", run.id)["state"] == "running"
        run.input(source)
        run.metric("recall_at_10", 0.25, interval=(0.2, 0.3))
        run.metric("broken", float("nan"))
        run.series("loss", [3, 2.5])
        output.write_text("12345")
        run.artifact(output)
        sum(range(2_000_000))
    record = raw(tmp_path / "s", run.id)
    assert is_id(run.id) and kind_of(run.id) == "daily-features"
    assert (record["state"], record["kind"], record["process"]) == ("done", "daily features", os.getpid())
    assert record["settings"] == {"day": "2026-11-28", "deep": "true"}
    assert record["inputs"][0]["sha256"] == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    written = output.stat().st_mtime_ns // 1_000_000
    assert record["artifacts"] == [{"name": "out.csv", "location": str(output), "bytes": 5, "modified_ms": written}]
    assert record["metrics"] == {"recall_at_10": 0.25}
    assert record["result"]["intervals_95"] == {"recall_at_10": [0.2, 0.3]}
    assert record["result"]["broken"] is None
    assert record["ended_ms"] >= record["started_ms"] and record["cpu_seconds"] > 0
    assert record["peak_memory_bytes"] > 1 << 20
    assert list((tmp_path / "s" / ".uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "state", "message"),
    [
        (ValueError("at redis://u:hunter2@h"), "failed", "ValueError: at redis://***@h"),
        (KeyboardInterrupt(), "cancelled", "KeyboardInterrupt"),
        (SystemExit(0), "done", None),
        (SystemExit(3), "failed", "SystemExit: 3"),
    ],
)
def test_how_a_job_ends_is_its_state(tmp_path: Path, fault: BaseException, state: str, message: str | None) -> None:
    with pytest.raises(type(fault)), runs.record("job", tmp_path) as run:
        raise fault
    found = runs.open(tmp_path).get(run.id)
    assert (found.state, found.message) == (state, message)


def test_a_running_job_shows_life_until_its_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(recording, "HEARTBEAT_SECONDS", 0.02)
    with runs.record("job", tmp_path) as run:
        run.metric("half", 1)
        begin = raw(tmp_path, run.id)["updated_ms"]
        eventually(lambda: raw(tmp_path, run.id)["updated_ms"] > begin, "the record is written again")
        assert raw(tmp_path, run.id)["metrics"] == {"half": 1}
    assert run._thread is not None
    run._thread.join(10)
    assert raw(tmp_path, run.id)["state"] == "done"


def test_silent_and_gone_runs_are_interrupted(tmp_path: Path) -> None:
    with runs.record("job", tmp_path) as run:
        text = (tmp_path / "runs" / f"{run.id}.json").read_bytes()
        updated = raw(tmp_path, run.id)["updated_ms"]
        assert Record.parse(text, updated + SILENCE_MAX_MS).state == "running"
        assert Record.parse(text, updated + SILENCE_MAX_MS + 1).state == "interrupted"
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()
    gone = text.replace(b'"process":%d' % os.getpid(), b'"process":%d' % ended.pid)
    assert Record.parse(gone, updated).state == "interrupted"


# Keys


def test_a_key_is_for_one_run_unless_it_failed(tmp_path: Path) -> None:
    with pytest.raises(ZeroDivisionError), runs.record("job", tmp_path, idempotency_key="k/../1"):
        _ = 1 / 0
    with runs.record("job", tmp_path, idempotency_key="k/../1") as run:
        with pytest.raises(runs.AlreadyRun) as busy, runs.record("job", tmp_path, idempotency_key="k/../1"):
            pytest.fail("ran beside the first")
        assert (busy.value.record.id, busy.value.record.state) == (run.id, "running")
        run.metric("x", 7)
    with pytest.raises(runs.AlreadyRun) as done, runs.record("job", tmp_path, idempotency_key="k/../1"):
        pytest.fail("ran again")
    assert (done.value.record.id, done.value.record.metrics) == (run.id, {"x": 7})
    assert [each.state for each in runs.open(tmp_path).list()] == ["done", "failed"], "a refused run left a record"


def test_a_key_of_another_job_is_an_error(tmp_path: Path) -> None:
    with runs.record("job", tmp_path, idempotency_key="k", settings={"day": 1}):
        pass
    for name, settings in (("other", {"day": 1}), ("job", {"day": 2})):
        with (
            pytest.raises(FreshetError, match="belongs to") as fault,
            runs.record(name, tmp_path, idempotency_key="k", settings=settings),
        ):
            pytest.fail("ran")
        assert not isinstance(fault.value, runs.AlreadyRun)


def test_of_many_claims_at_once_one_runs(tmp_path: Path) -> None:
    program = """
import sys
from freshet import runs
try:
    with runs.record("job", sys.argv[1], idempotency_key="k"):
        sys.stdin.read()
        print("ran")
except runs.AlreadyRun as fault:
    print(fault.record.id)
"""
    started = [
        subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        for _ in range(6)
    ]
    # The one that runs waits for the end of its input, so that it runs when all others ask.
    eventually(lambda: sum(each.poll() is not None for each in started) == 5, "five of six were refused", 60)
    outputs = [each.communicate()[0].strip() for each in started]
    assert outputs.count("ran") == 1
    assert len(set(outputs)) == 2, "the others name different runs"


def test_a_killed_process_gives_its_key_back(tmp_path: Path) -> None:
    program = """
import sys, time
from freshet import runs
with runs.record("job", sys.argv[1], idempotency_key="k"):
    print("runs", flush=True)
    time.sleep(600)
"""
    with subprocess.Popen([sys.executable, "-c", program, str(tmp_path)], stdout=subprocess.PIPE) as child:
        assert child.stdout is not None and child.stdout.readline() == b"runs\n"
        child.send_signal(signal.SIGKILL)
    with runs.record("job", tmp_path, idempotency_key="k"):
        pass
    assert [each.state for each in runs.open(tmp_path).list()] == ["done", "interrupted"]


# Stores


def test_a_store_that_cannot_be_written_fails_no_job(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    (tmp_path / "file").write_text("")
    with runs.record("job", tmp_path / "file") as run:
        run.metric("x", 1)
    assert "leaves no record" in caplog.text
    with pytest.raises(OSError), runs.record("job", tmp_path / "file", idempotency_key="k"):
        pytest.fail("ran without its key")


def test_without_a_store_nothing_is_written() -> None:
    with runs.record("job", None) as run:
        run.metric("x", 1)
    with pytest.raises(FreshetError, match="needs a store"):
        runs.record("job", None, idempotency_key="k")


def test_a_bucket_has_records_but_no_keys(tmp_path: Path) -> None:
    fs = pytest.importorskip("pyarrow.fs")
    (tmp_path / "b" / "runs").mkdir(parents=True)
    store = runs.open("b", filesystem=fs.SubTreeFileSystem(str(tmp_path), fs.LocalFileSystem()))
    with runs.record("job", store) as run:
        run.metric("x", 1)
    assert store.get(run.id).metrics == {"x": 1}
    with pytest.raises(NotSupported, match="would not hold"), runs.record("job", store, idempotency_key="k"):
        pytest.fail("ran")
    assert store.ids() == [run.id]
    store.remove(run.id)
    assert store.list() == []


# Reading


def test_runs_are_found_by_words(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    store = runs.open(tmp_path)
    assert store.list() == [] and store.frame().empty
    made = []
    for number, kind in enumerate(["train", "evaluate holdout", "train"]):
        run_id = make_id(1_764_000_000_000 + number, kind, number)
        made.append(run_id)
        store.save({"id": run_id, "kind": kind, "state": "done", "started_ms": number, "result": {"a": {"b": number}}})
    assert [each.id for each in store.list()] == made[::-1]
    assert [each.id for each in store.list(kind="evaluate holdout")] == made[1:2]
    assert store.list(state="failed") == [] and len(store.list(last=2)) == 2
    words = {made[0]: made[0], "last": made[2], "last:train": made[2], "last:evaluate": made[1], "holdout": made[1]}
    assert {word: store.get(word).id for word in words} == words
    for word, reason in {"train": "matches 2 runs", "x": "no run", "": "no run", "last:tune": "no run"}.items():
        with pytest.raises(FreshetError, match=reason):
            store.get(word)
    frame = store.frame(kind="train")
    assert frame["metrics.a.b"].tolist() == [2, 0] and str(frame["started"].dtype).startswith("datetime64")
    (tmp_path / "runs" / f"{made[0]}.json").write_text("{}")
    assert len(store.list()) == 2 and "cannot be read" in caplog.text
    store.prune("train", 1)
    assert store.ids() == [made[2], made[1]]


def test_numbers_are_named_by_their_path() -> None:
    assert numbers({"a": 1, "b": {"c": 2.5, "settings": {"d": 3}}, "e": [1], "f": True, "g": float("inf")}) == {
        "a": 1,
        "b.c": 2.5,
    }


def test_secrets_are_masked() -> None:
    assert redaction.value("x", "redis.password") == "***"
    assert redaction.value("/run/x", "redis.password_file") == "/run/x"
    text = """postgres://u:p@h/db password=a,b "token": "c d" Authorization: Bearer e error: secret: f x=1"""
    hidden = redaction.redacted(text)
    assert hidden == """postgres://***@h/db password=*** "token": "***" Authorization: *** error: secret: *** x=1"""


def test_names_need_a_letter(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no letter"):
        runs.record("--", tmp_path)
    assert kind_of(make_id(0, "a__b ", 1)) == "a-b"


def test_threads_share_a_run(tmp_path: Path) -> None:
    with runs.record("job", tmp_path) as run:
        threads = [threading.Thread(target=run.metric, args=(f"m{number}", number)) for number in range(16)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(runs.open(tmp_path).get(run.id).metrics) == 16


# Together with the program


def compare(*words: str, **options: Any) -> dict[str, Any]:
    done = subprocess.run(
        [str(freshet_binary()), "compare", *words, "--json"],
        capture_output=True,
        text=True,
        timeout=120,
        env=plain_environment(),
        **options,
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def test_the_program_reads_records_of_python(tmp_path: Path) -> None:
    store = tmp_path / "store"
    for quality in (0.25, 0.5):
        with runs.record("features", store, settings={"quality": quality}) as run:
            run.metric("ndcg", quality, interval=(quality - 0.1, quality + 0.1))
    found = compare("last", str(store / "runs" / f"{runs.open(store).ids()[1]}.json"), "--set", f"runs.store={store}")
    assert [each["id"] for each in found["runs"]] == runs.open(store).ids() and found["runs"][0]["id"] == run.id
    assert found["settings"] == {"quality": ["0.5", "0.25"]}
    ndcg = found["metrics"]["ndcg"]
    assert ndcg["values"] == [0.5, 0.25] and ndcg["best"] == "A" and ndcg["intervals_95"][1] == [0.15, 0.35]


def test_python_reads_records_of_the_program(tmp_path: Path) -> None:
    events = tmp_path / "events.tsv"
    events.write_text("".join(f"u{user}\ti{item}\t1\n" for user in range(40) for item in range(user % 5, user % 5 + 8)))
    store = tmp_path / "store"
    command = [str(freshet_binary()), "train", "--train", str(events), "--factors", "4", "--json"]
    command += ["--idempotency-key", "once", "--set", f"runs.store={store}"]
    subprocess.run(command, check=True, capture_output=True, timeout=120, env=plain_environment())
    found = runs.open(store).get("last:train")
    assert (found.state, found.settings["model.factors"]) == ("done", "4")
    assert found.metrics == {name: pytest.approx(value) for name, value in found.data["metrics"].items()}
    assert found.metrics["users"] == 40
    with pytest.raises(FreshetError, match="another job"), runs.record("train", store, idempotency_key="once"):
        pytest.fail("ran")


# Tasks

TASK = """
from freshet import task

@task(every="300ms", jitter=0)
def counts(context):
    context.gauge("rows", 7)
    context.run.metric("share", 0.5)

@task(every="300ms", jitter=0)
def broken(context):
    raise RuntimeError("as planned")
"""


def test_tasks_leave_records(tmp_path: Path, redis_url: str) -> None:
    redis_py.Redis.from_url(redis_url).ping()
    deploy(tmp_path, "shop", TASK)
    store = runs.open(tmp_path / "runs-store")
    with worker(tmp_path, redis_url, "runs", "--runs-store", store.name):
        eventually(lambda: store.list(kind="counts", state="done"), "a task has left a record", 60)
        eventually(lambda: store.list(kind="broken", state="failed"), "a failed one, too", 60)
    done, failed = store.list(kind="counts", state="done")[-1], store.list(kind="broken", state="failed")[-1]
    assert done.metrics == {"rows": 7, "share": 0.5}
    assert done.settings["task.every"] == "0.3s" and re.match(r"20\d\d-", done.settings["task.due"])
    assert failed.message == "RuntimeError: as planned"
    assert time.time() - done.started.timestamp() < 3600
