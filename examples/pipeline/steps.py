"""Steps of a batch pipeline: download, split, train, evaluate, publish.

A step's output is a directory named by its key, a hash of everything that decides the output: the parameters and the
keys of the steps before. A step whose output is complete does not run again, and an output that is not complete is
begun anew, so any scheduler may repeat a step as often as it likes. `clean` removes the output of one step.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import shutil
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import redis

from freshet import Keyspace, frames, ranking

DONE = "done.json"


@dataclass(frozen=True)
class Settings:
    """Where the data comes from and the lists go to, and how the model is trained."""

    source: str
    work: Path
    redis_url: str = "redis://127.0.0.1:6379"
    namespace: str = "batch"
    freshet: str = "freshet"
    test_share: float = 0.2
    factors: int = 64
    iterations: int = 15
    seed: int = 1
    n: int = 20


@dataclass(frozen=True)
class Step:
    """One step: what it needs, what decides its output, and how it makes it."""

    name: str
    needs: tuple[str, ...]
    parameters: Callable[[Settings], Mapping[str, Any]]
    run: Callable[[Settings, Mapping[str, Path], Path], Mapping[str, Any]] = field(repr=False)


def key(settings: Settings, name: str) -> str:
    """The idempotency key of a step: equal keys mean equal outputs."""
    step = STEPS[name]
    content = [name, dict(step.parameters(settings)), [key(settings, before) for before in step.needs]]
    return hashlib.sha256(json.dumps(content, sort_keys=True, default=str).encode()).hexdigest()[:16]


def output(settings: Settings, name: str) -> Path:
    return settings.work / name / key(settings, name)


def result(settings: Settings, name: str) -> dict[str, Any] | None:
    """What a step has reported; None if its output is not complete."""
    try:
        found: dict[str, Any] = json.loads((output(settings, name) / DONE).read_text())
        return found
    except FileNotFoundError:
        return None


def run(settings: Settings, name: str) -> dict[str, Any]:
    """Runs a step unless its output is there, and returns what it reports."""
    if (found := result(settings, name)) is not None:
        return found
    step, target = STEPS[name], output(settings, name)
    missing = [before for before in step.needs if result(settings, before) is None]
    if missing:
        raise RuntimeError(f"{name} needs the output of {missing[0]}; run that first")
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir(parents=True)
    begin = time.monotonic()
    report = dict(step.run(settings, {before: output(settings, before) for before in step.needs}, target))
    report |= {"step": name, "key": key(settings, name), "seconds": round(time.monotonic() - begin, 3)}
    # Last, and in one piece: what is marked as done is complete.
    (target / ".done").write_text(json.dumps(report))
    (target / ".done").replace(target / DONE)
    return report


def run_all(settings: Settings) -> dict[str, dict[str, Any]]:
    return {name: run(settings, name) for name in STEPS}


def clean(settings: Settings, name: str) -> bool:
    """Removes the output of one step with the present settings; the next run makes it again."""
    target = output(settings, name)
    if not target.exists():
        return False
    shutil.rmtree(target)
    return True


# The steps


def _download(settings: Settings, _: Mapping[str, Path], target: Path) -> Mapping[str, Any]:
    source = settings.source
    file = target / ("events.tsv.gz" if source.endswith(".gz") else "events.tsv")
    if "://" in source:
        with urlopen(source, timeout=60) as answer, file.open("wb") as copy:
            shutil.copyfileobj(answer, copy)
    else:
        shutil.copyfile(source, file)
    opener = gzip.open if file.suffix == ".gz" else open
    with opener(file, "rb") as lines:
        count = sum(1 for _ in lines)
    return {"file": file.name, "lines": count}


def _split(settings: Settings, before: Mapping[str, Path], target: Path) -> Mapping[str, Any]:
    """By time for all users together: a split per user would let the model see the future of others."""
    (file,) = before["download"].glob("events.tsv*")
    events = frames.interactions(file).dropna(subset=["time"]).sort_values("time", kind="stable")
    border = events.time.quantile(1 - settings.test_share)
    train, test = events[events.time < border], events[events.time >= border]
    # Only what is new to a user is to be found, and users of whom the training knows nothing have no list of their own.
    known = train[["user", "item"]].drop_duplicates().assign(known=True)
    test = test.drop_duplicates(["user", "item"]).merge(known, how="left", on=["user", "item"])
    test = test[test.known.isna() & test.user.isin(set(train.user))]
    written = frames.to_interactions(train[["user", "item", "time"]], target / "train.tsv")
    frames.to_interactions(test[["user", "item", "time"]], target / "test.tsv")
    return {
        "border": str(border),
        "train_rows": written.rows,
        "test_rows": len(test),
        "test_users": test.user.nunique(),
    }


def _train(settings: Settings, before: Mapping[str, Path], target: Path) -> Mapping[str, Any]:
    command = [
        settings.freshet,
        "train",
        "--train",
        before["split"] / "train.tsv",
        "--output",
        target / "model",
        "--json",
        "--quiet",
    ]
    command += ["--factors", settings.factors, "--iterations", settings.iterations, "--seed", settings.seed]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"freshet train ended with {ended.returncode}: {ended.stderr.strip()}")
    report = json.loads(ended.stdout)
    return {name: report[name] for name in ("users", "items", "interactions", "factors", "seconds_total")}


def _lists(before: Mapping[str, Path], n: int, users: list[str] | None = None) -> dict[str, list[tuple[str, float]]]:
    model = frames.read_factors(before["train"] / "model")
    train = frames.interactions(before["split"] / "train.tsv")
    seen = train.groupby("user").item.agg(set).to_dict()
    known = list(model.user_ids) if users is None else [user for user in users if user in model.user_rows]
    return model.lists(known, n, seen=seen)


def _evaluate(settings: Settings, before: Mapping[str, Path], target: Path) -> Mapping[str, Any]:
    test = frames.interactions(before["split"] / "test.tsv")
    truth = test.groupby("user").item.agg(set).to_dict()
    train = frames.interactions(before["split"] / "train.tsv")
    seen = train.groupby("user").item.agg(set).to_dict()
    popular = list(train.drop_duplicates(["user", "item"]).item.value_counts().index)
    made = _lists(before, settings.n, list(truth))
    systems = {
        "als": {user: [item for item, _ in entries] for user, entries in made.items()},
        "popularity": {
            user: [item for item in popular if item not in seen.get(user, ())][: settings.n] for user in truth
        },
    }
    table = {
        system: {
            name: vars(ranking.estimate(values))
            for k in (10, settings.n)
            for name, values in (
                (f"{metric}_at_{k}", values) for metric, values in ranking.per_user(lists, truth, k).items()
            )
        }
        for system, lists in systems.items()
    }
    (target / "metrics.json").write_text(json.dumps(table, indent=2) + "\n")
    return {
        "users": len(truth),
        "ndcg_at_10": table["als"]["ndcg_at_10"]["mean"],
        "popularity_ndcg_at_10": table["popularity"]["ndcg_at_10"]["mean"],
    }


def _publish(settings: Settings, before: Mapping[str, Path], target: Path) -> Mapping[str, Any]:
    """Into a namespace that no engine writes to: applications read it with Client(namespace=...) as any other."""
    keys, server = Keyspace(settings.namespace), redis.Redis.from_url(settings.redis_url)
    if server.exists(f"{keys.root}:writer"):
        raise RuntimeError(f"an engine publishes to {keys.root}; choose another namespace")
    now = time.time_ns() // 1_000_000
    epoch = int(server.hget(keys.model, "epoch") or 0) + 1

    def text(entries: list[tuple[str, float]], source: str) -> str:
        value = {
            "v": 1,
            "epoch": epoch,
            "part": 0,
            "off": 0,
            "ts": now,
            "src": source,
            "items": [[item, round(score, 7)] for item, score in entries],
        }
        return json.dumps(value, ensure_ascii=False, separators=(",", ":"))

    made = _lists(before, settings.n)
    train = frames.interactions(before["split"] / "train.tsv").drop_duplicates(["user", "item"])
    popular = [(item, float(count)) for item, count in train.item.value_counts().head(100).items()]
    with server.pipeline(transaction=False) as pipeline:
        pipeline.set(keys.popular, text(popular, "popular"))
        for number, (user, entries) in enumerate(made.items(), 1):
            pipeline.set(keys.user_list(user), text(entries, "personal"), ex=7 * 86400)
            if number % 1000 == 0:
                pipeline.execute()
        pipeline.hset(
            keys.model, mapping={"epoch": epoch, "format": "freshet-1", "list_format": "json", "trained_at": now}
        )
        pipeline.execute()
    (target / "published.json").write_text(json.dumps({"namespace": settings.namespace, "epoch": epoch}))
    return {"lists": len(made), "epoch": epoch, "namespace": settings.namespace}


def _place(settings: Settings) -> Mapping[str, Any]:
    return {"redis": settings.redis_url, "namespace": settings.namespace, "n": settings.n}


STEPS: dict[str, Step] = {
    step.name: step
    for step in (
        Step("download", (), lambda s: {"source": s.source}, _download),
        Step("split", ("download",), lambda s: {"test_share": s.test_share}, _split),
        Step("train", ("split",), lambda s: {"factors": s.factors, "iterations": s.iterations, "seed": s.seed}, _train),
        Step("evaluate", ("split", "train"), lambda s: {"n": s.n}, _evaluate),
        Step(
            "publish",
            ("split", "train", "evaluate"),
            _place,
            _publish,
        ),
    )
}


def settings_from(environment: Mapping[str, str]) -> Settings:
    """Settings from PIPELINE_SOURCE and PIPELINE_WORK, and if set FRESHET_REDIS_URL, PIPELINE_NAMESPACE, FRESHET."""
    missing = [name for name in ("PIPELINE_SOURCE", "PIPELINE_WORK") if not environment.get(name)]
    if missing:
        raise RuntimeError(f"set {missing[0]}")
    return Settings(
        source=environment["PIPELINE_SOURCE"],
        work=Path(environment["PIPELINE_WORK"]),
        redis_url=environment.get("FRESHET_REDIS_URL", "redis://127.0.0.1:6379"),
        namespace=environment.get("PIPELINE_NAMESPACE", "batch"),
        freshet=environment.get("FRESHET", "freshet"),
    )
