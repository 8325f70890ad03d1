"""Runs of the program as MLflow and a webhook see them."""

import contextlib
import hashlib
import hmac
import http.server
import json
import os
import pathlib
import signal
import subprocess
import threading
import time
import urllib.request

import numpy as np
import pytest

SHIPPED = pathlib.Path(__file__).resolve().parents[2] / "Sources/freshet/Resources/online-retail/events.tsv.gz"
SECRET = "a secret of the webhook"


def environment(store: pathlib.Path) -> dict[str, str]:
    plain = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET")}
    return plain | {"FRESHET_RUNS_STORE": str(store)}


@pytest.fixture
def receiver():
    """A server that takes posted records; the first request is refused."""
    messages: list[tuple[dict[str, str], bytes]] = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            messages.append((dict(self.headers), body))
            self.send_response(503 if len(messages) == 1 else 204)
            self.end_headers()

        def log_message(self, *arguments):
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/hook", messages
    server.shutdown()
    server.server_close()


def test_a_training_is_shown_by_mlflow(freshet, tmp_path, mlflow_server, mlflow_client):
    command = [freshet, "train", "--train", str(SHIPPED), "--factors", "8", "--iterations", "3", "--output", str(tmp_path / "factors")]
    settings = ["--set", f"mlflow.uri={mlflow_server}", "--set", "mlflow.experiment=trainings", "--json"]
    done = subprocess.run([*command, *settings], capture_output=True, text=True, timeout=300, env=environment(tmp_path / "runs"))
    assert done.returncode == 0, done.stderr
    assert "warning" not in done.stderr, done.stderr
    (record,) = [json.loads(path.read_text()) for path in (tmp_path / "runs/runs").glob("*.json")]
    run = mlflow_client.get_run(record["mlflow"]["run"])
    assert run.info.status == "FINISHED" and run.info.run_name == record["id"]
    assert run.data.params["model.factors"] == "8" and run.data.params["input.0.sha256"] == record["inputs"][0]["sha256"]
    assert run.data.metrics["users"] == json.loads(done.stdout)["users"] and run.data.metrics["seconds"] > 0
    assert run.data.tags["freshet.kind"] == "train"
    shown = mlflow_client.download_artifacts(run.info.run_id, "run.json", str(tmp_path))
    assert json.loads(pathlib.Path(shown).read_text())["id"] == record["id"]
    names = [file.path for file in mlflow_client.list_artifacts(run.info.run_id, "files")]
    assert any(name.endswith("item_factors.npy") for name in names), names


def test_a_failed_run_is_failed_there_too(freshet, tmp_path, mlflow_server, mlflow_client):
    settings = ["--set", f"mlflow.uri={mlflow_server}", "--set", "mlflow.experiment=failures"]
    command = [freshet, "train", "--train", str(tmp_path / "nothing.csv"), *settings]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(tmp_path / "runs"))
    assert done.returncode == 1
    experiment = mlflow_client.get_experiment_by_name("failures")
    (run,) = mlflow_client.search_runs([experiment.experiment_id])
    assert run.info.status == "FAILED" and "nothing.csv" in run.data.tags["freshet.message"]


def test_no_server_and_no_receiver_fail_no_training(freshet, tmp_path):
    command = [freshet, "train", "--train", str(SHIPPED), "--factors", "8", "--iterations", "1", "--json"]
    for key in ("mlflow.uri=http://127.0.0.1:9", "mlflow.timeout=1s", "runs.webhook=http://127.0.0.1:9/x"):
        command += ["--set", key]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(tmp_path / "runs"))
    assert done.returncode == 0 and json.loads(done.stdout)["users"] > 1000
    assert "mlflow.uri" in done.stderr and "runs.webhook" in done.stderr, done.stderr


def test_ended_runs_are_posted_with_a_signature(freshet, tmp_path, receiver):
    address, messages = receiver
    secret = tmp_path / "secret"
    secret.write_text(SECRET + "\n")
    secret.chmod(0o600)
    command = [freshet, "train", "--train", str(SHIPPED), "--factors", "8", "--iterations", "1"]
    command += ["--set", f"runs.webhook={address}", "--set", f"runs.webhook_secret_file={secret}"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, env=environment(tmp_path / "runs"))
    assert done.returncode == 0 and "warning" not in done.stderr, done.stderr
    # The first answer was 503.
    (first, body), (second, again) = messages
    assert body == again and first["X-Freshet-Delivery"] == second["X-Freshet-Delivery"]
    assert second["X-Freshet-Signature"] == "sha256=" + hmac.new(SECRET.encode(), body, hashlib.sha256).hexdigest()
    record = json.loads(body)
    assert record["state"] == "done" and record["kind"] == "train"
    assert SECRET not in done.stderr and SECRET not in body.decode()


class Engine:
    def __init__(self, freshet: str, folder: pathlib.Path, settings: list[str]) -> None:
        self.freshet, self.folder, self.data = freshet, folder, folder / "engine"
        command = [freshet, "serve", "--embedded", "--data-dir", str(self.data), "--admin", "127.0.0.1:0"]
        for setting in ("model.factors=8", *settings):
            command += ["--set", setting]
        with (folder / "engine.log").open("ab") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log, env=environment(folder / "runs"))
        self.until(lambda: (self.data / "endpoints.json").exists())

    def until(self, condition, seconds: float = 120) -> None:
        deadline = time.monotonic() + seconds
        while not condition():
            assert self.process.poll() is None and time.monotonic() < deadline, (self.folder / "engine.log").read_text()[-3000:]
            time.sleep(0.1)

    def command(self, *words: str) -> None:
        line = [self.freshet, *words, "--data-dir", str(self.data)]
        done = subprocess.run(line, capture_output=True, text=True, timeout=300, env=environment(self.folder / "runs"))
        assert done.returncode == 0, f"{line}: {done.stdout} {done.stderr}"

    def status(self) -> dict:
        address = json.loads((self.data / "endpoints.json").read_text())["admin"]
        with urllib.request.urlopen(f"http://{address}/v1/status", timeout=10) as answer:
            return json.load(answer)

    def end(self) -> None:
        self.process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(timeout=60)
        self.process.kill()


def test_accepted_retrains_become_versions_of_a_model(freshet, tmp_path, mlflow_server, mlflow_client, receiver):
    address, messages = receiver
    settings = [f"mlflow.uri={mlflow_server}", "mlflow.model=shop-als", "mlflow.experiment=shop", f"runs.webhook={address}"]
    engine = Engine(freshet, tmp_path, settings)
    try:
        engine.command("produce", str(SHIPPED), "--max")
        engine.until(lambda: engine.status()["lag_records"] == 0 and engine.status()["events_applied"] > 100_000)
        engine.command("retrain", "--wait")
        engine.command("retrain", "--wait")

        def versions():
            return sorted(mlflow_client.search_model_versions("name='shop-als'"), key=lambda version: int(version.version))

        def shown():
            return [json.loads(path.read_text()) for path in sorted((tmp_path / "runs/runs").glob("*-retrain-*.json"))]

        engine.until(lambda: len(shown()) >= 2 and all(record.get("mlflow") for record in shown() if record["state"] == "done"))
        accepted = [record for record in shown() if record["state"] == "done"]
        assert [version.version for version in versions()] == [record["mlflow"]["model_version"] for record in accepted]
        champion = mlflow_client.get_model_version_by_alias("shop-als", "champion")
        assert champion.version == accepted[-1]["mlflow"]["model_version"] and champion.run_id == accepted[-1]["mlflow"]["run"]
        folder = pathlib.Path(mlflow_client.download_artifacts(champion.run_id, "model", str(tmp_path)))
        factors, ids = np.load(folder / "item_factors.npy"), (folder / "item_ids.txt").read_text().splitlines()
        assert factors.shape == (len(ids), 8) and np.isfinite(factors).all() and len(ids) > 1000
        run = mlflow_client.get_run(champion.run_id)
        assert run.data.metrics["interactions"] > 10_000 and len(mlflow_client.get_metric_history(champion.run_id, "loss")) > 1
        posted = [json.loads(body)["id"] for _, body in messages]
        assert {record["id"] for record in accepted} <= set(posted)
    finally:
        engine.end()
