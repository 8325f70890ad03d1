"""How good lists are: definitions as `freshet evaluate` has them, and intervals by resampling users."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True)
class Estimate:
    """A mean over users and its interval."""

    mean: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.mean:.4f} [{self.low:.4f}, {self.high:.4f}]"


def per_user(lists: Mapping[str, Sequence[str]], truth: Mapping[str, Collection[str]], k: int) -> dict[str, Any]:
    """`ndcg`, `precision` and `recall` at k for each user of `truth` who has items there, in its order.

    ndcg: gains of 0 or 1, discount 1/log2(rank + 1), the ideal of min(k, items) hits. precision: hits / k. recall:
    hits / items. A user without a list counts as one without a hit.
    """
    import numpy

    discounts = 1 / numpy.log2(numpy.arange(2, k + 2))
    users = [user for user, items in truth.items() if items]
    result = {name: numpy.zeros(len(users)) for name in ("ndcg", "precision", "recall")}
    for row, user in enumerate(users):
        wanted = set(truth[user])
        hits = numpy.array([item in wanted for item in list(lists.get(user, ()))[:k]], dtype=float)
        gain = float(hits @ discounts[: len(hits)])
        result["ndcg"][row] = gain / discounts[: min(k, len(wanted))].sum()
        result["precision"][row] = hits.sum() / k
        result["recall"][row] = hits.sum() / len(wanted)
    return result


def estimate(values: Any, *, resamples: int = 1000, seed: int = 1) -> Estimate:
    """The mean of values, one for each user, and its 95 % bootstrap interval."""
    import numpy

    values = numpy.asarray(values, dtype=float)
    if len(values) == 0:
        raise ValueError("there is no user to measure with")
    random = numpy.random.default_rng(seed)
    means = [values[random.integers(0, len(values), len(values))].mean() for _ in range(resamples)]
    low, high = numpy.percentile(means, [2.5, 97.5])
    return Estimate(float(values.mean()), float(low), float(high))


def relative_gain(new: Any, old: Any, *, resamples: int = 1000, seed: int = 1) -> Estimate:
    """The gain of the mean of `new` over that of `old`, both of the same users, as a share of the latter."""
    import numpy

    new, old = numpy.asarray(new, dtype=float), numpy.asarray(old, dtype=float)
    if len(new) != len(old) or old.mean() <= 0:
        raise ValueError("both need the same users, and the old one a mean above 0")
    random = numpy.random.default_rng(seed)
    gains = []
    for _ in range(resamples):
        rows = random.integers(0, len(new), len(new))
        gains.append(new[rows].mean() / max(old[rows].mean(), 1e-12) - 1)
    low, high = numpy.percentile(gains, [2.5, 97.5])
    return Estimate(float(new.mean() / old.mean() - 1), float(low), float(high))
