"""Is a ranker better than the lists of the factors alone? Trains CatBoost on candidates and reports what is so.

python examples/ranker/rank.py --data events.tsv.gz --work /tmp/ranker --freshet .build/release/freshet
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent))
import candidates

from freshet import frames, ranking

K = 10


def measure(
    data: Path, work: Path, freshet: str, *, iterations: int = 300, seed: int = 1, threads: int = 2
) -> dict[str, Any]:
    """NDCG, precision and recall at 10 with 95 % intervals, of the ranker and of what it has to beat."""
    from catboost import CatBoostClassifier

    begin = time.monotonic()
    events = frames.interactions(data).dropna(subset=["time"])[["user", "item", "time"]]
    first, second = candidates.borders(events)
    before, between, after = (
        events[events.time < first],
        events[(events.time >= first) & (events.time < second)],
        events[events.time >= second],
    )
    # Only users of whom something is to be learnt: those with at least one candidate that they came to.
    learn = candidates.make(candidates.train_model(freshet, before, work / "first"), before, between)
    history = events[events.time < second]
    test = candidates.make(candidates.train_model(freshet, history, work / "second"), history, after)
    prepared = time.monotonic()
    ranker = CatBoostClassifier(
        iterations=iterations,
        loss_function="Logloss",
        random_seed=seed,
        thread_count=threads,
        allow_writing_files=False,
        verbose=False,
    )
    names = list(candidates.FEATURES)
    ranker.fit(learn.rows[names], learn.rows.label)
    trained = time.monotonic()
    rows = test.rows.assign(ranker=ranker.predict_proba(test.rows[names])[:, 1])
    # Beside it: the factors with the two signals that need no learning, of which the engine's own lists have both.
    scale = rows.groupby("user").score.transform("std").clip(lower=1e-6)
    rows["blend"] = rows.score / scale + rows.popularity_recent / 2 + 10 * rows.after_recent
    systems = {
        name: _lists(rows, column) for name, column in (("als", "score"), ("blend", "blend"), ("ranker", "ranker"))
    }
    ceiling = rows.groupby("user").label.sum()
    found = {name: ranking.per_user(lists, test.truth, K) for name, lists in systems.items()}
    report: dict[str, Any] = {
        "data": data.name,
        "users": len(test.truth),
        "rows_learnt": len(learn.rows),
        "rows_tested": len(rows),
        "candidate_recall_at_100": float(
            sum(ceiling.get(user, 0) / len(items) for user, items in test.truth.items()) / len(test.truth)
        ),
        "seconds": {"prepare": round(prepared - begin, 1), "train": round(trained - prepared, 1)},
        "metrics": {
            name: {f"{metric}_at_{K}": vars(ranking.estimate(values)) for metric, values in metrics.items()}
            for name, metrics in found.items()
        },
        "gain_of_ndcg": {
            f"ranker over {other}": vars(ranking.relative_gain(found["ranker"]["ndcg"], found[other]["ndcg"]))
            for other in ("als", "blend")
        },
        "importance": dict(
            sorted(
                zip(names, map(float, ranker.get_feature_importance(type="PredictionValuesChange")), strict=True),
                key=lambda pair: -pair[1],
            )
        ),
    }
    return report


def _lists(rows: Any, column: str) -> dict[str, list[str]]:
    best = rows.sort_values(["user", column], ascending=[True, False], kind="stable").groupby("user").head(K)
    return dict(best.groupby("user").item.agg(list))


def table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['data']}: {report['users']} users, candidate recall at 100: {report['candidate_recall_at_100']:.3f}",
        "",
    ]
    lines += ["| lists | NDCG@10 | precision@10 | recall@10 |", "|---|---|---|---|"]
    for name, metrics in report["metrics"].items():
        cells = [ranking.Estimate(**metrics[f"{metric}_at_{K}"]) for metric in ("ndcg", "precision", "recall")]
        lines.append(f"| {name} | {' | '.join(map(str, cells))} |")
    lines.append("")
    for name, gain in report["gain_of_ndcg"].items():
        lines.append(f"{name}: {gain['mean']:+.1%} [{gain['low']:+.1%}, {gain['high']:+.1%}]")
    return "\n".join(lines)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True, help="interactions with times")
    parser.add_argument("--work", type=Path, required=True, help="directory for what is made on the way")
    parser.add_argument("--freshet", default="freshet", help="the program freshet")
    parser.add_argument("--iterations", type=int, default=300, help="trees of the ranker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()
    report = measure(given.data, given.work, given.freshet, iterations=given.iterations, seed=given.seed)
    print(json.dumps(report) if given.json else table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
