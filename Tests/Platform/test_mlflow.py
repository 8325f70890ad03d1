"""Runs that the program sends to a real server of MLflow, read back with MLflow's own client."""

import http.client
import http.server
import json
import os
import pathlib
import subprocess
import threading

import pytest
from conftest import free_port, program

STARTED = 1_795_219_200_000
TOKEN = "t0ken-that-is-secret"


@pytest.fixture(scope="session")
def server(mlflow_server):
    return mlflow_server


@pytest.fixture(scope="session")
def client(mlflow_client):
    return mlflow_client


@pytest.fixture(scope="module")
def model(tmp_path_factory) -> pathlib.Path:
    path = tmp_path_factory.mktemp("model") / "items.bin"
    path.write_bytes(os.urandom(3_000_001))
    return path


def send(address: str, experiment: str, model: pathlib.Path, token: str = "") -> subprocess.CompletedProcess:
    done = subprocess.run(
        [program("FRESHET_TRACKING_SAMPLE", "TrackingSample"), address, experiment, str(model)],
        env={"PATH": os.environ["PATH"], "TRACKING_TOKEN": token},
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert not token or token not in done.stdout + done.stderr
    return done


def sent(*words) -> dict:
    done = send(*words)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_a_run_arrives_whole(server, client, model, tmp_path):
    report = sent(server, "whole é", model)
    assert report["page"] == f"{server}/#/experiments/{report['experiment']}/runs/{report['run']}"
    assert report["omitted"] == ["nothing", "loss"] and report["shortened"] == ["long"]
    assert client.get_experiment_by_name("whole é").experiment_id == report["experiment"]

    run = client.get_run(report["run"])
    assert run.info.status == "FINISHED" and run.info.run_name == "evaluate prequential é"
    assert (run.info.start_time, run.info.end_time) == (STARTED, STARTED + 90_000)

    params = dict(run.data.params)
    assert [params.pop(f"model.option_{number}") for number in range(230)] == [str(number) for number in range(230)]
    mark = " ... [shortened: 7000 characters]"
    long = params.pop("long")
    assert long == "é" * (6000 - len(mark)) + mark
    assert params == {"model.factors": "64", "empty": "", "50_x25_ of _at_home": "x"}

    metrics = dict(run.data.metrics)
    assert metrics.pop("loss") == 1 / 2500
    assert metrics == {"recall_at_20": 0.25, "ndcg_at_10": 1 / 3, "tiny": 2.5e-308, "huge": 1e300, "whole": 3}
    history = client.get_metric_history(report["run"], "loss")
    assert sorted((point.step, point.value, point.timestamp) for point in history) == [
        (step, 1 / (step + 1), STARTED + step) for step in range(2500)
    ]
    assert run.data.tags["freshet.version"] == "0.9 é日"
    assert run.data.tags["mlflow.note.content"] == "A note.\nIts second line."

    for path, content in [
        ("report/summary é 日.json", b'{"recall@20":0.25}'),
        ("model/items.bin", model.read_bytes()),
        ("model/nothing.txt", b""),
    ]:
        assert pathlib.Path(client.download_artifacts(report["run"], path, str(tmp_path))).read_bytes() == content
    assert [entry.path for entry in client.list_artifacts(report["run"])] == ["model", "report"]


def test_the_alias_moves_to_the_version_of_the_newest_run(server, client, model):
    first, second = sent(server, "versions", model), sent(server, "versions", model)
    assert (first["version"], second["version"]) == ("1", "2") and first["experiment"] == second["experiment"]
    version = client.get_model_version_by_alias("shop-als versions", "champion")
    assert (version.version, version.run_id) == ("2", second["run"]) and version.status == "READY"
    assert version.source == f"{client.get_run(second['run']).info.artifact_uri}/model"
    assert client.get_model_version_download_uri("shop-als versions", "2") == version.source


class Gate:
    """A proxy under a path that asks for a token, and can lose answers of the server behind it."""

    prefix = "/team/mlflow"

    def __init__(self, target: str, lost: set[str]):
        self.lost, self.seen, self.host = set(lost), [], None
        gate, host = self, target.removeprefix("http://")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def answer(self):
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.headers.get("Authorization") != f"Bearer {TOKEN}":
                    return self.give(401, b"{}")
                if not self.path.startswith(gate.prefix + "/api/"):
                    return self.give(404, b"<html>")
                gate.seen.append(self.path)
                server = http.client.HTTPConnection(host, timeout=30)
                headers = {"Content-Type": self.headers.get("Content-Type", ""), "Host": gate.host or host}
                server.request(self.command, self.path.removeprefix(gate.prefix), body, headers)
                response = server.getresponse()
                content = response.read()
                server.close()
                if any(self.path.endswith(end) for end in gate.lost):
                    gate.lost = {end for end in gate.lost if not self.path.endswith(end)}
                    self.close_connection = True
                    return None
                return self.give(response.status, content)

            def give(self, status: int, content: bytes) -> None:
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            do_GET = do_POST = do_PUT = answer

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.address = f"http://127.0.0.1:{self.server.server_address[1]}{self.prefix}"


@pytest.fixture
def gate(server):
    created = Gate(server, {"/runs/create", "/model-versions/create", "/log-batch", "/items.bin", "/experiments/create"})
    yield created
    created.server.shutdown()
    created.server.server_close()


def test_lost_answers_store_nothing_twice(gate, client, model):
    report = sent(gate.address, "lost answers", model, TOKEN)
    assert not gate.lost
    assert report["page"].startswith(gate.address + "/#/")
    assert [run.info.run_id for run in client.search_runs([report["experiment"]])] == [report["run"]]
    assert len(client.search_model_versions("name='shop-als lost answers'")) == 1
    assert len(client.get_metric_history(report["run"], "loss")) == 2500
    assert client.get_run(report["run"]).info.status == "FINISHED"


def test_a_wrong_token_is_an_error_with_its_fix(gate, model):
    done = send(gate.address, "token", model, "another-" + TOKEN)
    assert done.returncode == 1 and not gate.seen
    assert "(401): check mlflow.token_file" in done.stderr and gate.address in done.stderr


def test_a_wrong_path_is_an_error_with_its_fix(gate, model):
    done = send(gate.address.removesuffix("/mlflow"), "path", model, TOKEN)
    assert done.returncode == 1 and "correct the path of mlflow.uri" in done.stderr


def test_a_server_that_is_away_is_an_error_with_its_fix(model):
    address = f"http://127.0.0.1:{free_port()}"
    done = send(address, "away", model)
    assert done.returncode == 1
    assert address in done.stderr and "start the server, or correct mlflow.uri" in done.stderr


def test_a_host_that_the_server_does_not_know_is_an_error_with_its_fix(gate, model):
    gate.host = "shop.example"
    done = send(gate.address, "host", model, TOKEN)
    assert done.returncode == 1 and "--allowed-hosts" in done.stderr


def test_a_deleted_experiment_is_an_error_with_the_way_back(server, client, model):
    report = sent(server, "deleted", model)
    client.delete_experiment(report["experiment"])
    done = send(server, "deleted", model)
    assert done.returncode == 1 and f"mlflow experiments restore -x {report['experiment']}" in done.stderr
    client.restore_experiment(report["experiment"])
    assert sent(server, "deleted", model)["experiment"] == report["experiment"]
