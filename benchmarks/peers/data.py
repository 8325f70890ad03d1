"""Data sets of the comparison: pairs of a user and an item, each once, split 80/20 within each user.

Everything is seeded; `sha256` in the output says that two runs saw the same pairs.
"""
import hashlib
import os
import pathlib

import numpy as np
import pandas as pd

SPLIT_SEED = 98765
TEST_SHARE = 0.2

# name: (users, items, training pairs without what rounding adds, share of the users with a test part)
GENERATED = {
    "generated-810k": (30_000, 41_000, 800_000, 1.0),
    "generated-20m": (1_000_000, 100_000, 20_000_000, 0.02),
}
# Files of FRESHET_DATA_SETS: user, item, rating, unix time; the last two are not used. Their licences forbid to ship them.
FILES = {"ml-1m-pos4": "ml-1m-pos4.tsv.gz", "globo": "globo.tsv.gz"}
# Only for the comparison with Spark: peers have no settings for it.
SHIPPED = {"online-retail": pathlib.Path(__file__).resolve().parents[2] / "Sources/freshet/Resources/online-retail/events.tsv.gz"}
NAMES = list(FILES) + list(GENERATED)


class Data:
    """The pairs of one data set: `train.tsv` for programs that read files, arrays of int32 for the others."""

    def __init__(self, directory):
        self.directory = pathlib.Path(directory)
        arrays = np.load(self.directory / "pairs.npz")
        self.train, self.test = arrays["train"], arrays["test"]
        self.users, self.items = (int(n) for n in arrays["shape"])
        self.sha256 = hashlib.sha256(self.train.tobytes() + self.test.tobytes()).hexdigest()[:16]

    @property
    def train_file(self):
        return self.directory / "train.tsv"

    def matrix(self, which="train", value=1.0):
        import scipy.sparse

        pairs = self.train if which == "train" else self.test
        values = np.full(len(pairs), value, dtype=np.float32)
        return scipy.sparse.csr_matrix((values, (pairs[:, 0], pairs[:, 1])), shape=(self.users, self.items))


def load(name, cache):
    """The data set, built into the cache directory when it is not there; None where its file is missing."""
    directory = pathlib.Path(cache) / "data" / name
    if not (directory / "train.tsv").exists():
        if name in FILES:
            path = pathlib.Path(os.environ.get("FRESHET_DATA_SETS", "")) / FILES[name]
            if not os.environ.get("FRESHET_DATA_SETS") or not path.exists():
                return None
            pairs, shape, test_users = read(path)
        elif name in SHIPPED:
            pairs, shape, test_users = read(SHIPPED[name])
        else:
            pairs, shape, test_users = generate(*GENERATED[name])
        write(directory, pairs, shape, test_users)
    return Data(directory)


def read(path):
    frame = pd.read_csv(path, sep="\t", header=None, usecols=[0, 1], names=["user", "item"], dtype=str)
    users, user_names = pd.factorize(frame["user"], sort=True)
    items, item_names = pd.factorize(frame["item"], sort=True)
    return unique(users, items, len(item_names)), (len(user_names), len(item_names)), 1.0


def generate(users, items, training_pairs, test_users):
    """Pairs of a low-rank model with Zipf popularity.

    P(item | user) = sum over tastes g of P(g | user) P(item | g): every user mixes three of 64 tastes; P(item | g) is the item's
    popularity (Zipf, exponent 0.8) times exp(2 x gaussian) of the item and the taste. Activity of users is lognormal.
    """
    random = np.random.default_rng(20_240_501)
    tastes = 64
    popularity = (1.0 + np.arange(items)) ** -0.8
    mass = popularity[None, :] * np.exp(2.0 * random.standard_normal((tastes, items)))
    cumulative = np.cumsum(mass, axis=1)
    cumulative /= cumulative[:, -1:]
    wanted = int(training_pairs / (1 - TEST_SHARE * test_users))
    activity = np.exp(random.standard_normal(users))
    counts = np.maximum(5, np.round(activity * (wanted / activity.sum()))).astype(np.int64)
    tastes_of_user = random.integers(0, tastes, (users, 3))
    shares = np.array([0.6, 0.9, 1.0])
    user = np.repeat(np.arange(users), counts)
    keys = np.zeros(0, dtype=np.int64)
    # Draws of popular items collide: draw again for what is missing, a few times.
    while len(keys) < wanted and len(user):
        which = np.searchsorted(shares, random.random(len(user)), side="right").clip(0, 2)
        taste = tastes_of_user[user, which]
        item = np.empty(len(user), dtype=np.int64)
        point = random.random(len(user))
        order = np.argsort(taste, kind="stable")
        bounds = np.searchsorted(taste[order], np.arange(tastes + 1))
        for g in range(tastes):
            part = order[bounds[g]:bounds[g + 1]]
            item[part] = np.searchsorted(cumulative[g], point[part])
        keys = np.unique(np.concatenate([keys, user * items + np.minimum(item, items - 1)]))
        missing = wanted - len(keys)
        user = random.choice(users, size=int(missing * 1.2) + 1, p=activity / activity.sum()) if missing > 0 else user[:0]
    if len(keys) > wanted:
        keys = np.sort(random.permutation(keys)[:wanted])
    pairs = np.stack([keys // items, keys % items], axis=1).astype(np.int32)
    return pairs, (users, items), test_users


def unique(users, items, item_count):
    keys = np.unique(users.astype(np.int64) * item_count + items)
    return np.stack([keys // item_count, keys % item_count], axis=1).astype(np.int32)


def write(directory, pairs, shape, test_users):
    """Splits within each user: a seeded random fifth (rounded down) is the test part."""
    random = np.random.default_rng(SPLIT_SEED)
    order = np.lexsort((random.random(len(pairs)), pairs[:, 0]))
    pairs = pairs[order]
    counts = np.bincount(pairs[:, 0], minlength=shape[0])
    first = np.cumsum(counts) - counts
    place = np.arange(len(pairs)) - first[pairs[:, 0]]
    has_test = random.random(shape[0]) < test_users
    is_test = (place < np.floor(TEST_SHARE * counts)[pairs[:, 0]]) & has_test[pairs[:, 0]]
    train, test = pairs[~is_test], pairs[is_test]
    train = train[np.lexsort((train[:, 1], train[:, 0]))]
    # Items and users without a training pair are left out, so that every program sees the same number of rows.
    users, train[:, 0] = np.unique(train[:, 0], return_inverse=True)
    items, train[:, 1] = np.unique(train[:, 1], return_inverse=True)
    test = test[np.isin(test[:, 1], items)]
    test = np.stack([np.searchsorted(users, test[:, 0]), np.searchsorted(items, test[:, 1])], axis=1).astype(np.int32)
    shape = (len(users), len(items))
    directory.mkdir(parents=True, exist_ok=True)
    np.savez(directory / "pairs.npz", train=train, test=test, shape=np.array(shape))
    partial = directory / "train.tsv.partial"
    pd.DataFrame(train).to_csv(partial, sep="\t", header=False, index=False)
    partial.rename(directory / "train.tsv")
