"""One judge for everybody's factors: all items ranked by x.y, training items left out, means over users with test items.

recall@20 = hits / number of test items; ndcg@20 with binary gains 1 / log2(rank + 2), rank from 0.
"""
from concurrent.futures import ThreadPoolExecutor

import numpy as np

K = 20
USERS_AT_ONCE = 128


def judge(data, user_factors, item_factors, users_max=10_000, threads=2):
    test = data.matrix("test")
    train = data.matrix("train")
    users = np.flatnonzero(np.diff(test.indptr))
    if len(users) > users_max:
        users = np.sort(np.random.default_rng(1).choice(users, users_max, replace=False))
    gains = 1 / np.log2(np.arange(K) + 2)
    ideal = np.concatenate([[0], np.cumsum(gains)])
    items = np.ascontiguousarray(item_factors.T)

    def part(start):
        some = users[start:start + USERS_AT_ONCE]
        scores = user_factors[some] @ items
        for row, user in enumerate(some):
            scores[row, train.indices[train.indptr[user]:train.indptr[user + 1]]] = -np.inf
        best = np.argpartition(-scores, K, axis=1)[:, :K]
        order = np.argsort(-np.take_along_axis(scores, best, axis=1), axis=1, kind="stable")
        best = np.take_along_axis(best, order, axis=1)
        recall = ndcg = 0.0
        for row, user in enumerate(some):
            wanted = test.indices[test.indptr[user]:test.indptr[user + 1]]
            hits = np.isin(best[row], wanted)
            recall += hits.sum() / len(wanted)
            ndcg += gains[hits].sum() / ideal[min(K, len(wanted))]
        return recall, ndcg

    with ThreadPoolExecutor(threads) as pool:
        sums = list(pool.map(part, range(0, len(users), USERS_AT_ONCE)))
    return {
        "recall_at_20": sum(s[0] for s in sums) / len(users),
        "ndcg_at_20": sum(s[1] for s in sums) / len(users),
        "test_users": len(users),
    }
