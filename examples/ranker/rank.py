"""Is a ranker better than the lists that there are? Trains CatBoost on candidates of the engine and reports what is so.

freshet export candidates --data events.csv --output training.parquet
python examples/ranker/rank.py training.parquet

To rank what is now, and to serve it:

freshet export candidates --fresh --output now.parquet
python examples/ranker/rank.py training.parquet --rank now.parquet --lists lists.parquet
freshet import lists lists.parquet --name ranker --replace
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import Any

import numpy
import pandas

from freshet import ranking

K = 10
ORDERS = {"als": "als_score", "engine": "score", "ranker": "ranker"}
NOT_FEATURES = ("part", "user", "item", "time", "label", "held_out")


def part(rows: pandas.DataFrame, name: str) -> pandas.DataFrame:
    """The rows of a part, of the users for whom there is something to be found."""
    found = rows[(rows.part == name) & (rows.held_out > 0)]
    if found.empty or found.label.sum() == 0:
        raise SystemExit(f"no candidate of the part {name} was wanted: export more events, or cut them at other times")
    return found


def train(rows: pandas.DataFrame, features: list[str], *, iterations: int, seed: int, threads: int) -> Any:
    from catboost import CatBoostClassifier

    ranker = CatBoostClassifier(
        iterations=iterations,
        loss_function="Logloss",
        random_seed=seed,
        thread_count=threads,
        allow_writing_files=False,
        verbose=False,
    )
    return ranker.fit(rows[features], rows.label)


def ranked(rows: pandas.DataFrame, by: str, n: int) -> pandas.DataFrame:
    """The best `n` rows of each user, with `rank` from 1. Equal ones stay in the engine's order."""
    best = rows.sort_values(["user", by], ascending=[True, False], kind="stable").groupby("user").head(n)
    return best.assign(rank=best.groupby("user").cumcount() + 1)


def per_user(rows: pandas.DataFrame, by: str) -> dict[str, Any]:
    """NDCG, precision and recall at 10 of each user, as `freshet.ranking` defines them.

    What was wanted and is no candidate counts as missed.
    """
    best = ranked(rows, by, K)
    wanted = rows.groupby("user").held_out.first()
    hits = best.groupby("user").label.sum()
    gains = (best.label / numpy.log2(best["rank"] + 1)).groupby(best.user).sum()
    ideal = numpy.cumsum(1 / numpy.log2(numpy.arange(2, K + 2)))[wanted.clip(upper=K).to_numpy(dtype=int) - 1]
    return {
        "ndcg": (gains / ideal).to_numpy(),
        "precision": (hits / K).to_numpy(),
        "recall": (hits / wanted).to_numpy(),
    }


def measure(rows: pandas.DataFrame) -> dict[str, Any]:
    """Means with 95 % intervals, and the differences of pairs of orders over the same users."""
    found = {name: per_user(rows, by) for name, by in ORDERS.items()}
    wanted = rows.groupby("user").held_out.first()
    return {
        "users": len(wanted),
        "candidate_recall": float((rows.groupby("user").label.sum() / wanted).mean()),
        "metrics": {
            name: {f"{metric}_at_{K}": vars(ranking.estimate(values)) for metric, values in metrics.items()}
            for name, metrics in found.items()
        },
        "differences": {
            f"{new} - {old}": {
                f"{metric}_at_{K}": vars(ranking.estimate(found[new][metric] - found[old][metric]))
                for metric in found[new]
            }
            for new, old in (("ranker", "als"), ("ranker", "engine"), ("engine", "als"))
        },
    }


def table(report: dict[str, Any]) -> str:
    lines = [
        f"{report['users']} users; {report['candidate_recall']:.3f} of what they wanted is among their candidates",
        "",
        f"| order | NDCG@{K} | precision@{K} | recall@{K} |",
        "|---|---|---|---|",
    ]
    for kind in ("metrics", "differences"):
        for name, metrics in report[kind].items():
            cells = [_cell(metrics[f"{metric}_at_{K}"], kind) for metric in ("ndcg", "precision", "recall")]
            lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", f"most important: {', '.join(list(report['importance'])[:6])}"])


def _cell(value: dict[str, float], kind: str) -> str:
    sign = "+" if kind == "differences" else ""
    return f"{value['mean']:{sign}.4f} [{value['low']:{sign}.4f}, {value['high']:{sign}.4f}]"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("candidates", type=Path, help="what freshet export candidates --data has written")
    parser.add_argument("--rank", type=Path, help="candidates to rank; without it, those of the part test")
    parser.add_argument("--lists", type=Path, help="write the ranked lists here, as Parquet for freshet import lists")
    parser.add_argument("--length", type=int, default=50, help="items of a list")
    parser.add_argument("--iterations", type=int, default=300, help="trees of the ranker")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    given = parser.parse_args()

    rows = pandas.read_parquet(given.candidates)
    features = [name for name in rows.columns if name not in NOT_FEATURES]
    ranker = train(part(rows, "train"), features, iterations=given.iterations, seed=given.seed, threads=given.threads)
    importance = ranker.get_feature_importance(type="PredictionValuesChange")

    def scored(some: pandas.DataFrame) -> pandas.DataFrame:
        return some.assign(ranker=ranker.predict_proba(some[features])[:, 1])

    report = measure(scored(part(rows, "test")))
    report["importance"] = dict(sorted(zip(features, map(float, importance), strict=True), key=lambda pair: -pair[1]))
    if given.lists:
        candidates = pandas.read_parquet(given.rank) if given.rank else rows[rows.part == "test"]
        lists = ranked(scored(candidates), "ranker", given.length)
        lists = lists.assign(score=lists.ranker)[["user", "item", "rank", "score"]]
        lists.to_parquet(given.lists, index=False)
        report["lists"] = {"users": int(lists.user.nunique()), "rows": len(lists)}
    print(json.dumps(report) if given.json else table(report))
    return 0


if __name__ == "__main__":
    sys.exit(main())
