"""Candidates of a first model with features and labels, split by time so that nothing of the future leaks in.

The time line is cut in three: the first model is trained on what is before the first border, the ranker on what
happened between the borders, and everything is measured with what came after the second. For that the first model is
trained again up to the second border, as in production.
"""

from __future__ import annotations

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy
import pandas

from freshet import frames

FEATURES = (
    "score",
    "rank",
    "popularity",
    "popularity_recent",
    "popularity_trend",
    "item_age",
    "item_last",
    "history",
    "history_recent",
    "user_last",
    "similar_most",
    "similar_sum",
    "after_last",
    "after_recent",
)


@dataclass(frozen=True)
class Candidates:
    """Rows of `user`, `item`, the features and `label`; and by user all items that were wanted, found or not."""

    rows: pandas.DataFrame
    truth: dict[str, set[str]]


def borders(events: pandas.DataFrame, shares: tuple[float, float] = (0.70, 0.85)) -> tuple[Any, Any]:
    """The two times that cut the events by these shares."""
    times = events.time.sort_values().reset_index(drop=True)
    return tuple(times[int(len(times) * share)] for share in shares)  # type: ignore[return-value]


def train_model(freshet: str, history: pandas.DataFrame, directory: Path, factors: int = 64) -> frames.Factors:
    """The first model: `freshet train` with its defaults."""
    directory.mkdir(parents=True, exist_ok=True)
    frames.to_interactions(history[["user", "item", "time"]], directory / "history.tsv")
    command = [
        freshet,
        "train",
        "--train",
        directory / "history.tsv",
        "--output",
        directory / "model",
        "--factors",
        factors,
        "--json",
        "--quiet",
    ]
    ended = subprocess.run([str(part) for part in command], capture_output=True, text=True, check=False)
    if ended.returncode:
        raise RuntimeError(f"freshet train ended with {ended.returncode}: {ended.stderr.strip()}")
    json.loads(ended.stdout)
    return frames.read_factors(directory / "model")


def make(model: frames.Factors, history: pandas.DataFrame, future: pandas.DataFrame, n: int = 100) -> Candidates:
    """Candidates for the users of `future` whom `history` knows.

    The label is whether they came to the item then, for the first time.
    """
    history = history.sort_values("time", kind="stable")
    seen: dict[str, set[str]] = history.groupby("user").item.agg(set).to_dict()
    truth = {
        user: wanted
        for user, items in future.groupby("user").item.agg(set).items()
        if user in model.user_rows and (wanted := items - seen[user])
    }
    lists = model.lists(list(truth), n, seen=seen)
    rows = pandas.DataFrame(
        [(user, item, score, rank) for user, entries in lists.items() for rank, (item, score) in enumerate(entries, 1)],
        columns=["user", "item", "score", "rank"],
    )
    rows = _with_features(rows, history)
    rows["label"] = [int(item in truth[user]) for user, item in zip(rows.user, rows.item, strict=True)]
    return Candidates(rows, truth)


def _with_features(rows: pandas.DataFrame, history: pandas.DataFrame) -> pandas.DataFrame:
    now, day = history.time.max(), pandas.Timedelta(days=1)
    # What is recent is a tenth of the time that there is: data sets span from days to years.
    window = (now - history.time.quantile(0.02)) / 10
    recent = history[history.time > now - window]
    pairs = history.drop_duplicates(["user", "item"])
    counts, counts_recent = pairs.item.value_counts(), recent.drop_duplicates(["user", "item"]).item.value_counts()
    by_item, by_user = history.groupby("item").time, history.groupby("user").time
    users_recent = recent.user.value_counts()
    rows = rows.copy()
    rows["popularity"] = numpy.log1p(rows.item.map(counts).fillna(0))
    rows["popularity_recent"] = numpy.log1p(rows.item.map(counts_recent).fillna(0))
    rows["popularity_trend"] = rows.popularity_recent - rows.popularity
    rows["item_age"] = rows.item.map((now - by_item.min()) / day).astype(float)
    rows["item_last"] = rows.item.map((now - by_item.max()) / day).astype(float)
    rows["history"] = numpy.log1p(rows.user.map(pairs.user.value_counts()).fillna(0))
    rows["history_recent"] = numpy.log1p(rows.user.map(users_recent).fillna(0))
    rows["user_last"] = rows.user.map((now - by_user.max()) / day).astype(float)
    return _with_neighbours(rows, history, pairs)


def _with_neighbours(rows: pandas.DataFrame, history: pandas.DataFrame, pairs: pandas.DataFrame) -> pandas.DataFrame:
    """Cosines to the items that the user dealt with last, and how often the item came next after them."""
    from scipy.sparse import csr_matrix, diags

    items = {item: column for column, item in enumerate(pairs.item.unique())}
    users = {user: row for row, user in enumerate(pairs.user.unique())}
    matrix = csr_matrix(
        (numpy.ones(len(pairs), dtype="float32"), (pairs.user.map(users), pairs.item.map(items))),
        shape=(len(users), len(items)),
    )
    norms = numpy.sqrt(numpy.asarray(matrix.sum(axis=0)).ravel())
    cosines = (matrix @ diags(1 / numpy.maximum(norms, 1e-9))).tocsc()
    latest: dict[str, list[str]] = {
        user: list(dict.fromkeys(reversed(list(group))))[:20] for user, group in history.groupby("user").item
    }
    transitions = _transitions(history)
    outgoing = Counter({item: sum(nexts.values()) for item, nexts in transitions.items()})
    columns: dict[str, list[float]] = {
        name: [] for name in ("similar_most", "similar_sum", "after_last", "after_recent")
    }
    for user, group in rows.groupby("user", sort=False):
        mine = latest[user]
        wanted = cosines[:, [items[item] for item in group.item]]
        similar = (wanted.T @ cosines[:, [items[item] for item in mine]]).toarray()
        columns["similar_most"].extend(similar.max(axis=1))
        columns["similar_sum"].extend(similar.sum(axis=1))
        for item in group.item:
            chances = [
                transitions[before][item] / (outgoing[before] + 20) if before in transitions else 0.0 for before in mine
            ]
            columns["after_last"].append(chances[0])
            columns["after_recent"].append(sum(chance * 0.7**place for place, chance in enumerate(chances)))
    # The rows of a user stand together, so the groups come in the order of the rows.
    for name, values in columns.items():
        rows[name] = values
    return rows


def _transitions(history: pandas.DataFrame) -> dict[str, Counter[str]]:
    """How often an item is among the five that follow another in a user's history."""
    found: dict[str, Counter[str]] = {}
    for _, group in history.groupby("user").item:
        order = list(group)
        for place, item in enumerate(order):
            for later in order[place + 1 : place + 6]:
                if later != item:
                    found.setdefault(item, Counter())[later] += 1
    return found
