"""The worker as a process: queries, tasks, versions, signals."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import redis as redis_py

from freshet.worker.deployments import Deployments

from .support import eventually, free_port, process

LISTS = '{"v":1,"epoch":3,"ts":1,"src":"popular","items":[["a",2],["b",1]]}'

QUERIES = """
import os, socket, subprocess, sys, threading, time
from freshet import query

@query(timeout="2s")
def top(context, user: str, n: int = 10):
    '''The list of a user.'''
    return context.client.recommend(user, n).ids

@query(timeout="2s")
def echo(context, words: list[str], number: float | None = None, flag: bool = False):
    print("printed by a query")
    return {"words": words, "number": number, "flag": flag, "pid": os.getpid()}

@query(timeout="300ms")
def slow(context, seconds: float, stubborn: bool = False):
    if stubborn:
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        pass
    return os.getpid()

@query(timeout="20s")
def acts(context, how: str):
    if how == "die":
        os._exit(3)
    elif how == "fail":
        return 1 / 0
    elif how == "eat":
        return len(bytearray(8 * 2**30))
    elif how == "large":
        return "x" * (17 * 2**20)
    elif how == "connect":
        socket.create_connection(("127.0.0.1", 9), 1)
    elif how == "write":
        open("/tmp/freshet-must-not-be", "w")
    elif how == "start":
        subprocess.run(["true"])
    elif how == "system":
        os.system("true")
    elif how == "remove":
        os.remove("/tmp/freshet-must-not-be")
    elif how == "set":
        context.redis.perform(__import__("freshet.backends", fromlist=["x"]).Commands([("SET", "a", "b")]))
    return "done"
"""

TASKS = """
import time
from freshet import task

@task(every="200ms", jitter=0)
def ticks(context):
    count = (context.own("count") or 0) + 1
    context.put("count", count)
    context.gauge("ticks_last", count, kind="a")
    context.count("ticks")

@task(every="100ms", jitter=0)
def overlaps(context):
    running = context.redis.perform(__import__("freshet.backends", fromlist=["x"]).Commands([("INCR", "overlap")]))[0]
    context.put("most", max(running, context.own("most") or 0))
    time.sleep(0.35)
    context.redis.perform(__import__("freshet.backends", fromlist=["x"]).Commands([("DECR", "overlap")]))

@task(every="1s", jitter=0)
def broken(context):
    raise RuntimeError("as planned")
"""


@dataclass
class Worker:
    url: str
    running: subprocess.Popen[bytes]
    log: Path

    def get(self, path: str, **headers: str) -> tuple[int, Any]:
        return self.call(urllib.request.Request(self.url + path, headers=headers))

    def post(self, path: str, body: bytes) -> tuple[int, Any]:
        return self.call(urllib.request.Request(self.url + path, body, {"Content-Type": "application/json"}))

    def call(self, request: urllib.request.Request) -> tuple[int, Any]:
        try:
            with urllib.request.urlopen(request, timeout=30) as answer:
                text, status = answer.read(), answer.status
        except urllib.error.HTTPError as fault:
            text, status = fault.read(), fault.code
        try:
            return status, json.loads(text)
        except ValueError:
            return status, text.decode()

    def query(self, path: str) -> Any:
        status, answer = self.get(f"/v1/queries/{path}")
        assert status == 200, answer
        return answer["result"]

    def metric(self, series: str) -> float:
        for line in self.get("/metrics")[1].splitlines():
            name, _, value = line.rpartition(" ")
            if name == series:
                return float(value)
        return 0.0


@contextlib.contextmanager
def worker(tmp_path: Path, redis_url: str, namespace: str, *arguments: str) -> Iterator[Worker]:
    port = free_port()
    log = tmp_path / f"worker-{port}.log"
    command = [sys.executable, "-m", "freshet.cli", "worker", "--store", str(tmp_path / "store"), "--redis", redis_url]
    command += ["--namespace", namespace, "--listen", f"127.0.0.1:{port}", *arguments]
    with process(command, log) as running:
        found = Worker(f"http://127.0.0.1:{port}", running, log)
        eventually(lambda: found.get("/livez")[0] == 200, "the worker answers")
        yield found


def deploy(tmp_path: Path, name: str, text: str) -> int:
    module = tmp_path / f"{name}.py"
    module.write_text(text)
    return Deployments(tmp_path / "store").deploy(module)[0].number


@pytest.fixture(scope="module")
def queries(tmp_path_factory: pytest.TempPathFactory, redis_url: str) -> Iterator[Worker]:
    tmp_path = tmp_path_factory.mktemp("queries")
    deploy(tmp_path, "shop", QUERIES)
    redis_py.Redis.from_url(redis_url).set("freshet:worker:popular", LISTS)
    with worker(tmp_path, redis_url, "worker") as running:
        eventually(lambda: len(running.get("/v1/queries")[1]["queries"]) == 4, "the queries are in service", 60)
        yield running


def test_query_reads_lists(queries: Worker) -> None:
    assert queries.get("/v1/queries/top?user=anna&n=1") == (200, {"query": "top", "version": 1, "result": ["a"]})
    assert queries.post("/v1/queries/top", b'{"user": "anna"}')[1]["result"] == ["a", "b"]


def test_parameters_are_converted(queries: Worker) -> None:
    answer = queries.query("echo?words=a&words=b&number=1.5&flag=true")
    assert (answer["words"], answer["number"], answer["flag"]) == (["a", "b"], 1.5, True)
    status, answer = queries.post("/v1/queries/echo", b'{"words": ["x"], "flag": false}')
    assert (status, answer["result"]["words"], answer["result"]["number"]) == (200, ["x"], None)
    assert "printed by a query" in queries.log.read_text()


@pytest.mark.parametrize(
    ("path", "detail"),
    [
        ("top", "top needs the parameter user"),
        ("top?user=a&n=many", "n must be int"),
        ("top?user=a&user=b", "user must be str: is given more than once"),
        ("top?user=a&m=1", "top has no parameter m; its parameters: user, n"),
        ("echo?words=a&flag=perhaps", "flag must be bool"),
    ],
)
def test_wrong_parameters_are_named(queries: Worker, path: str, detail: str) -> None:
    status, answer = queries.get(f"/v1/queries/{path}")
    assert status == 400
    assert detail in answer["detail"]


def test_null_is_a_parameter_that_is_not_given(queries: Worker) -> None:
    assert queries.post("/v1/queries/top", b'{"user": "a", "n": null}')[1]["result"] == ["a", "b"]


def test_unknown_query(queries: Worker) -> None:
    status, answer = queries.get("/v1/queries/none")
    assert status == 404
    assert "queries: acts, echo" in answer["fix"]


def test_body_that_is_no_object(queries: Worker) -> None:
    for body in (b"[", b"[]", b"1"):
        assert queries.post("/v1/queries/top", body)[0] == 400
    assert queries.post("/v1/queries/top", b" " * 2_000_000)[0] == 413


def test_call_that_takes_too_long_is_really_ended(queries: Worker) -> None:
    before = queries.query("slow?seconds=0")
    begin = time.monotonic()
    status, answer = queries.get("/v1/queries/slow?seconds=60")
    assert status == 504
    assert "was ended" in answer["detail"]
    assert time.monotonic() - begin < 5
    # The process that was at work is gone, and a spare one answers.
    assert queries.query("slow?seconds=0") != before
    eventually(lambda: not Path(f"/proc/{before}").exists(), "the process is gone", 5)
    assert queries.metric('freshet_query_kills_total{query="slow"}') >= 1


def test_late_calls_in_a_row_all_have_their_whole_time(queries: Worker) -> None:
    """The clock starts when a child is ready: children that are being started do not eat it up."""
    for _ in range(4):
        assert queries.get("/v1/queries/slow?seconds=9")[0] == 504
        assert queries.get("/v1/queries/slow?seconds=0.1")[0] == 200


def test_process_that_ignores_signals_is_ended(queries: Worker) -> None:
    assert queries.get("/v1/queries/slow?seconds=600&stubborn=true")[0] == 504


def test_busy_query_leaves_the_others_alone(queries: Worker) -> None:
    with concurrent.futures.ThreadPoolExecutor() as threads:
        busy = threads.submit(queries.get, "/v1/queries/slow?seconds=60")
        times = []
        while not busy.done():
            begin = time.monotonic()
            assert queries.query("top?user=a&n=1") == ["a"]
            times.append(time.monotonic() - begin)
        assert busy.result()[0] == 504
    assert statistics.median(times) < 0.1


def test_process_that_dies(queries: Worker) -> None:
    status, answer = queries.get("/v1/queries/acts?how=die")
    assert (status, answer["code"]) == (500, "crashed")
    assert queries.get("/v1/queries/acts?how=die")[0] == 500
    assert queries.metric('freshet_query_crashes_total{query="acts"}') == 2


def test_process_that_was_killed_while_it_waited(queries: Worker) -> None:
    pid = queries.query("echo?words=a")["pid"]
    os.kill(pid, signal.SIGKILL)
    eventually(lambda: queries.query("echo?words=a")["pid"] != pid, "another process answers")


def test_error_of_a_query(queries: Worker) -> None:
    status, answer = queries.get("/v1/queries/acts?how=fail")
    assert status == 500
    assert "ZeroDivisionError: division by zero" in answer["detail"]
    assert "return 1 / 0" in queries.log.read_text()


def test_memory_of_a_query_is_bounded(queries: Worker) -> None:
    status, answer = queries.get("/v1/queries/acts?how=eat")
    assert status == 500
    assert "MemoryError" in answer["detail"]


def test_result_that_is_too_large(queries: Worker) -> None:
    status, answer = queries.get("/v1/queries/acts?how=large")
    assert status == 500
    assert "more than 16777216" in answer["detail"]
    assert queries.get("/v1/queries/acts?how=large")[0] == 500


@pytest.mark.parametrize("how", ["connect", "write", "start", "system", "remove", "set"])
def test_query_only_reads_redis(queries: Worker, how: str) -> None:
    status, answer = queries.get(f"/v1/queries/acts?how={how}")
    assert status == 500
    assert "PermissionError: a query" in answer["detail"]
    assert not Path("/tmp/freshet-must-not-be").exists()


def test_host_of_another_name_is_refused(queries: Worker) -> None:
    assert queries.get("/v1/queries", Host="evil.example")[0] == 403
    assert queries.get("/metrics", Host="evil.example")[0] == 200
    assert queries.get("/v1/queries", Host="localhost")[0] == 200


def test_metrics_of_queries(queries: Worker) -> None:
    queries.query("top?user=a")
    assert queries.metric('freshet_query_requests_total{query="top",status="200"}') >= 1
    assert queries.metric('freshet_query_seconds_count{query="top"}') >= 1
    assert queries.metric('freshet_deployment_version{deployment="shop"}') == 1


def test_tasks_run_on_their_schedule(tmp_path: Path, redis_url: str) -> None:
    server = redis_py.Redis.from_url(redis_url)
    deploy(tmp_path, "jobs", TASKS)
    with worker(tmp_path, redis_url, "jobs") as running:
        eventually(lambda: int(server.get("freshet:jobs:task:ticks:count") or 0) >= 4, "the task has run four times")
        eventually(lambda: running.metric('freshet_task_ticks_last{kind="a",task="ticks"}') >= 4, "its gauge is there")
        assert running.metric('freshet_task_ticks_total{task="ticks"}') >= 4
        assert running.metric('freshet_task_runs_total{result="ok",task="ticks"}') >= 4
        eventually(
            lambda: running.metric('freshet_task_runs_total{result="failed",task="broken"}') >= 1,
            "the failure is counted",
        )
        assert "RuntimeError: as planned" in running.log.read_text()
        eventually(
            lambda: running.metric('freshet_task_runs_total{result="ok",task="overlaps"}') >= 3, "a slow task has run"
        )
        assert json.loads(server.get("freshet:jobs:task:overlaps:most")) == 1
        state = json.loads(server.get("freshet:jobs:task:broken:_state"))
        assert (state["result"], state["error"]) == ("failed", "RuntimeError: as planned")


def test_of_two_workers_one_runs_what_is_due(tmp_path: Path, redis_url: str) -> None:
    server = redis_py.Redis.from_url(redis_url)
    deploy(
        tmp_path,
        "once",
        "from freshet import task\nfrom freshet.backends import Commands\n\n"
        "@task(every='300ms', jitter=0)\ndef due(context):\n"
        "    context.redis.perform(Commands([('RPUSH', 'dues', str(round(context.due * 1000)))]))\n",
    )
    with worker(tmp_path, redis_url, "two") as first, worker(tmp_path, redis_url, "two") as second:
        eventually(lambda: server.llen("dues") >= 6, "six runs")
        dues = [int(each) for each in server.lrange("dues", 0, -1)]
        assert len(set(dues)) == len(dues)
        elsewhere = 'freshet_task_runs_total{result="elsewhere",task="due"}'
        eventually(lambda: first.metric(elsewhere) + second.metric(elsewhere) >= 1, "the other worker stepped back")


def test_signal_waits_for_the_running_task(tmp_path: Path, redis_url: str) -> None:
    server = redis_py.Redis.from_url(redis_url)
    deploy(
        tmp_path,
        "long",
        "import time\nfrom freshet import task\n\n@task(every='1h', jitter=0)\ndef long(context):\n"
        "    context.put('begun', 1)\n    time.sleep(1.5)\n    context.put('ended', 1)\n",
    )
    with worker(tmp_path, redis_url, "long") as running:
        eventually(lambda: server.get("freshet:long:task:long:begun"), "the task runs")
        running.running.send_signal(signal.SIGTERM)
        assert running.running.wait(20) == 0
        assert server.get("freshet:long:task:long:ended") == b"1"
    # What was done counts as done after a restart.
    server.delete("freshet:long:task:long:begun")
    with worker(tmp_path, redis_url, "long"):
        time.sleep(1.5)
        assert server.get("freshet:long:task:long:begun") is None


def test_task_ends_although_its_worker_was_killed(tmp_path: Path, redis_url: str) -> None:
    server = redis_py.Redis.from_url(redis_url)
    deploy(
        tmp_path,
        "orphan",
        "import time, os\nfrom freshet import task\n\n@task(every='200ms', jitter=0)\ndef orphan(context):\n"
        "    context.put('pid', os.getpid())\n",
    )
    with worker(tmp_path, redis_url, "orphan") as running:
        pid = eventually(lambda: server.get("freshet:orphan:task:orphan:pid"), "the task runs")
        running.running.kill()
        eventually(lambda: not Path(f"/proc/{int(pid)}").exists(), "its process ends, too", 10)


def test_versions_change_while_calls_arrive(tmp_path: Path, redis_url: str) -> None:
    text = "from freshet import query\n\n@query()\ndef version(context):\n    return {number}\n"
    deploy(tmp_path, "v", text.format(number=1))
    with worker(tmp_path, redis_url, "v") as running:
        eventually(lambda: running.get("/v1/queries/version")[0] == 200, "the first version answers")
        deploy(tmp_path, "v", text.format(number=2))
        seen = []

        def second() -> bool:
            seen.append(running.query("version"))
            return bool(seen[-1] == 2)

        eventually(second, "the second version answers")
        assert set(seen) == {1, 2}
        # A version whose children do not start leaves the one before in service.
        broken = tmp_path / "store/v/3"
        broken.mkdir()
        manifest = json.loads((tmp_path / "store/v/2/manifest.json").read_text())
        (broken / "manifest.json").write_text(json.dumps(manifest))
        (broken / "module.py").write_text("raise RuntimeError('does not start')")
        Deployments(tmp_path / "store").roll_back("v", 3)
        eventually(lambda: running.get("/readyz")[0] == 503, "the problem is told")
        assert "version 2 stays in service" in running.get("/readyz")[1]
        assert running.query("version") == 2
        Deployments(tmp_path / "store").roll_back("v")
        eventually(lambda: running.get("/readyz")[0] == 200, "the problem is over")
        Deployments(tmp_path / "store").roll_back("v", 1)
        eventually(lambda: running.query("version") == 1, "the first version is back")
        # A store that cannot be read leaves what runs in service.
        current = tmp_path / "store/v/current"
        current.write_text("nonsense")
        eventually(lambda: "the store cannot be read" in running.get("/readyz")[1], "the problem is told")
        assert running.query("version") == 1
        current.write_text("1\n")
        eventually(lambda: running.get("/readyz")[0] == 200, "the problem is over")
        Deployments(tmp_path / "store").remove("v")
        eventually(lambda: running.get("/v1/queries/version")[0] == 404, "it is out of service")


def test_token(tmp_path: Path, redis_url: str) -> None:
    file = tmp_path / "token"
    file.write_text("a-token-of-this-worker\n")
    with worker(tmp_path, redis_url, "t", "--token-file", str(file)) as running:
        assert running.get("/v1/queries")[0] == 401
        assert running.get("/v1/queries", Authorization="Bearer wrong")[0] == 401
        assert running.get("/v1/queries", Authorization="Bearer a-token-of-this-worker")[0] == 200
        assert running.get("/livez")[0] == 200
        assert "a-token" not in running.log.read_text()


def test_redis_that_comes_later(tmp_path: Path) -> None:
    """Nothing is lost while Redis is away: the due time is kept until it answers."""
    port = free_port()
    deploy(
        tmp_path,
        "later",
        "from freshet import task\n\n@task(every='1h', jitter=0)\ndef later(context):\n    context.put('x', 1)\n",
    )
    with worker(tmp_path, f"redis://127.0.0.1:{port}", "later") as running:
        eventually(
            lambda: running.metric('freshet_task_runs_total{result="delayed",task="later"}') >= 1, "it is delayed"
        )
        command = ["redis-server", "--port", str(port), "--save", "", "--dir", str(tmp_path)]
        with process(command, tmp_path / "redis.log"):
            eventually(
                lambda: running.metric('freshet_task_runs_total{result="ok",task="later"}') == 1, "it has run", 20
            )
