"""One measurement of one peer, in a process of its own: reads a job as JSON from its first argument, prints figures as JSON.

Threads of the peer's own are told to the peer; OPENBLAS_NUM_THREADS=1 comes from the caller.
"""
import json
import sys
import time

import numpy as np

import data as data_sets

# Names as in the table: program, solver, and what the solver's constructor wants.
IMPLICIT = {"implicit cg": {"use_cg": True}, "implicit cholesky": {"use_cg": False}}
IRSPACK = {
    "irspack cg": {"solver_type": "CG", "max_cg_steps": 3},
    "irspack cholesky": {"solver_type": "CHOLESKY"},
    "irspack ials++ 16": {"solver_type": "IALSPP", "ialspp_subspace_dimension": 16},
    "irspack ials++ 32": {"solver_type": "IALSPP", "ialspp_subspace_dimension": 32},
    "irspack ials++ 64": {"solver_type": "IALSPP", "ialspp_subspace_dimension": 64},
}
NAMES = list(IMPLICIT) + list(IRSPACK)


class OutOfTime(Exception):
    pass


def openblas():
    from threadpoolctl import threadpool_info

    found = {f"OpenBLAS {i['architecture']}" for i in threadpool_info() if i.get("internal_api") == "openblas"}
    return ", ".join(sorted(found))


def train(job):
    data = data_sets.load(job["data"], job["cache"])
    factors = train_implicit if job["program"] in IMPLICIT else train_irspack
    result, user, item = factors(job, data)
    seconds = result.pop("seconds")
    result["iterations"] = len(seconds)
    result["seconds_per_iteration"] = sum(seconds) / len(seconds)
    result["median_after_first"] = float(np.median(seconds[1:] or seconds))
    if len(seconds) == job["iterations"]:
        np.save(job["output"] + "/user_factors.npy", user)
        np.save(job["output"] + "/item_factors.npy", item)
    return result


def train_implicit(job, data):
    from implicit.cpu.als import AlternatingLeastSquares

    # implicit's confidence of an observed pair is what it is given, that of the others is 1: with 1 + 1/a it minimises
    # Freshet's loss over a, up to the target (1 + 1/a in place of 1/a) and the ridge, which is the same for every row there.
    model = AlternatingLeastSquares(
        factors=job["factors"], regularization=job["implicit_regularization"], alpha=1.0 + 1.0 / job["unobserved_weight"],
        iterations=job["iterations"], num_threads=job["threads"], random_state=job["seed"], **IMPLICIT[job["program"]])
    seconds, began = [], time.monotonic()

    def after_iteration(iteration, elapsed, loss):
        seconds.append(elapsed)
        if time.monotonic() - began > job["seconds_max"]:
            raise OutOfTime

    try:
        model.fit(data.matrix(), show_progress=False, callback=after_iteration)
    except OutOfTime:
        pass
    return {"seconds": seconds, "kernel": openblas()}, model.user_factors, model.item_factors


def train_irspack(job, data):
    from irspack.recommenders.ials import IALSRecommender

    # The same loss, word for word: alpha0, reg and nu of irspack are unobserved weight, lambda and exponent.
    recommender = IALSRecommender(
        data.matrix(), n_components=job["factors"], alpha0=job["unobserved_weight"], reg=job["regularization"], nu=1.0,
        init_std=0.1, random_seed=job["seed"], n_threads=job["threads"], **IRSPACK[job["program"]])
    trainer = recommender._create_trainer()
    seconds, began = [], time.monotonic()
    for _ in range(job["iterations"]):
        start = time.monotonic()
        trainer.run_epoch()
        seconds.append(time.monotonic() - start)
        if time.monotonic() - began > job["seconds_max"]:
            break
    from irspack.recommenders import _ials_core

    built_for = (_ials_core.__doc__ or "").strip().split("\n")[-1].split()
    return {"seconds": seconds, "kernel": f"wheel, {built_for[0] if built_for else '?'}"}, trainer.core_trainer.user, trainer.core_trainer.item


def random_model(users, items, factors, threads, seed):
    """implicit's model with random factors: speed does not depend on what they are."""
    from implicit.cpu.als import AlternatingLeastSquares

    random = np.random.default_rng(seed)
    model = AlternatingLeastSquares(factors=factors, regularization=0.01, alpha=11.0, num_threads=threads)
    model.user_factors = random.standard_normal((users, factors), dtype=np.float32) * 0.1
    model.item_factors = random.standard_normal((items, factors), dtype=np.float32) * 0.1
    return model


def histories(users, items, length, seed):
    """`length` distinct random items for each user."""
    import scipy.sparse

    random = np.random.default_rng(seed)
    columns = np.concatenate([np.sort(random.choice(items, length, replace=False)) for _ in range(users)]).astype(np.int32)
    starts = np.arange(users + 1, dtype=np.int32) * length
    return scipy.sparse.csr_matrix((np.ones(len(columns), dtype=np.float32), columns, starts), shape=(users, items))


def timed(body, seconds=2.0, runs_min=5):
    """Median seconds of a call, after one that is not counted."""
    body()
    times, began = [], time.monotonic()
    while len(times) < runs_min or time.monotonic() - began < seconds:
        start = time.perf_counter()
        body()
        times.append(time.perf_counter() - start)
    return float(np.median(times))


def fold_in(job):
    one = random_model(10, job["items"], job["factors"], 1, job["seed"])
    row = histories(1, job["items"], job["history"], job["seed"])
    rows = histories(job["batch"], job["items"], job["history"], job["seed"])
    many = random_model(job["batch"], job["items"], job["factors"], job["threads"], job["seed"])
    users = np.arange(job["batch"])
    batch = timed(lambda: many.partial_fit_users(users, rows))
    return {
        "microseconds_per_user": timed(lambda: one.recalculate_user(0, row)) * 1e6,
        "users_per_second": job["batch"] / batch,
        "kernel": openblas(),
    }


def top_n(job):
    from implicit.cpu.topk import topk

    model = random_model(job["users"], job["items"], job["factors"], job["threads"], job["seed"])
    if job["users"] == 1:
        row = histories(1, job["items"], 50, job["seed"])
        one = timed(lambda: model.recommend(0, row, N=20, recalculate_user=True))
        return {"microseconds_fold_in_and_list": one * 1e6, "kernel": openblas()}
    seconds = timed(lambda: topk(model.item_factors, model.user_factors, 20, num_threads=job["threads"]), runs_min=3)
    return {"lists_per_second": job["users"] / seconds, "kernel": openblas()}


def recommend(job):
    """A trained model's lists for all users, without what each has seen."""
    from implicit.cpu.als import AlternatingLeastSquares

    matrix = data_sets.load(job["data"], job["cache"]).matrix()
    model = AlternatingLeastSquares(
        factors=job["factors"], regularization=job["implicit_regularization"], alpha=1.0 + 1.0 / job["unobserved_weight"], iterations=8,
        num_threads=job["threads"], random_state=job["seed"])
    model.fit(matrix, show_progress=False)
    users = np.arange(matrix.shape[0])
    seconds = timed(lambda: model.recommend(users, matrix, N=20, filter_already_liked_items=True), runs_min=3)
    return {"lists_per_second": len(users) / seconds, "kernel": openblas()}


def main():
    job = json.loads(sys.argv[1])
    import threadpoolctl  # noqa: F401  (says which kernels OpenBLAS chose)

    print(json.dumps({"train": train, "fold-in": fold_in, "top-n": top_n, "recommend": recommend}[job["what"]](job)))


if __name__ == "__main__":
    main()
