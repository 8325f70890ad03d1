"""Freshet's training beside Spark's, on the same split, with the same rank and iterations; prints a table.

    FRESHET_DATA_SETS=DIRECTORY .build/platform/bin/python benchmarks/peers/spark.py

`make test-platform` makes that environment; any other with pyspark, numpy, scipy, pandas and pyarrow will do. Spark is run as an engine with
`retrain.external.command` runs it: examples/spark/train.py, in a directory with the pairs as Parquet.
"""
import argparse
import ctypes
import json
import os
import pathlib
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time

# Small matrices are solved here; threads of OpenBLAS would wait for one another. Read when numpy is imported.
os.environ["OPENBLAS_NUM_THREADS"] = "1"

import numpy as np
import pyarrow
import pyarrow.parquet

import compare
import data as data_sets
import quality

TRAIN = pathlib.Path(__file__).resolve().parents[2] / "examples/spark/train.py"
# Freshet's defaults; also for the users that are folded into Spark's items, as an engine does it.
UNOBSERVED_WEIGHT, REGULARIZATION = 0.1, 0.015
PR_SET_CHILD_SUBREAPER = 36


def measured(command, environment=None, directory=None):
    """(standard output, seconds, processor seconds, bytes of its largest process), with everything that the command starts."""
    # What outlives its parent, such as the JVM of Spark, becomes a child of this process, so that its time can be asked for.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1)
    variables = {key: value for key, value in os.environ.items() if not key.startswith("FRESHET")} | (environment or {})
    with tempfile.TemporaryFile() as output:
        begin = time.monotonic()
        pid = subprocess.Popen([str(word) for word in command], stdout=output, stderr=subprocess.STDOUT, env=variables, cwd=directory).pid
        seconds, status, processor, memory = None, 0, 0.0, 0
        while True:
            try:
                ended, code, usage = os.wait4(-1, 0)
            except ChildProcessError:
                break
            if ended == pid:
                seconds, status = time.monotonic() - begin, code
            processor += usage.ru_utime + usage.ru_stime
            memory = max(memory, usage.ru_maxrss * 1024)
        output.seek(0)
        text = output.read().decode()
    if status:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{text[-3000:]}")
    return text, seconds, processor, memory


def run_freshet(options, data, iterations, directory):
    """Figures, and the rows of users and items by their numbers in `data`."""
    np.savetxt(f"{directory}/test.tsv", data.test, fmt="%d", delimiter="\t")
    text, seconds, processor, memory = measured([
        os.environ["FRESHET"], "train", "--train", data.train_file, "--test", f"{directory}/test.tsv", "--factors", options.factors,
        "--iterations", iterations, "--unobserved-weight", UNOBSERVED_WEIGHT, "--regularization", REGULARIZATION, "--threads",
        options.threads, "--output", f"{directory}/model", "--json", "--quiet"])
    printed = json.loads(text.strip().split("\n")[-1])
    figures = {"training": printed["seconds_total"], "process": seconds, "processor": processor, "memory": memory, "printed": printed}
    return figures, compare.freshet_factors(f"{directory}/model", data)


def run_spark(options, data, iterations, alpha, regularization, directory):
    """Figures, and the rows of items by their numbers in `data`."""
    pyarrow.parquet.write_table(
        pyarrow.table({
            "user": [str(user) for user in data.train[:, 0]], "item": [str(item) for item in data.train[:, 1]],
            "strength": pyarrow.array(np.ones(len(data.train), dtype=np.float32))}),
        f"{directory}/interactions.parquet", compression="zstd")
    pathlib.Path(directory, "settings.json").write_text(json.dumps({"factors": options.factors, "seed": 42}))
    text, seconds, processor, memory = measured([sys.executable, TRAIN], {
        "ALS_ALPHA": str(alpha), "ALS_REGULARIZATION": str(regularization), "ALS_ITERATIONS": str(iterations), "ALS_MIN_SUPPORT": "1",
        "PYSPARK_SUBMIT_ARGS": f"--master local[{options.threads}] --driver-memory {options.heap} pyspark-shell"}, directory)
    training = float(re.search(r"items in ([0-9.]+) s", text).group(1))
    blas = "Java" if "libblas" in text else "native"
    figures = {"training": training, "process": seconds, "processor": processor, "memory": memory, "blas": blas}
    rows = np.zeros((data.items, options.factors), dtype=np.float32)
    rows[np.loadtxt(f"{directory}/item_ids.txt", dtype=np.int64)] = np.load(f"{directory}/item_factors.npy")
    return figures, rows


def fold_in(data, items, gramian_weight, observed_weight, target_weight, ridge):
    """Each user's row, solved exactly; `ridge` takes the number of the user's pairs."""
    matrix = data.matrix()
    items = items.astype(np.float64)
    gramian = gramian_weight * items.T @ items
    users = np.zeros((data.users, items.shape[1]))
    for user in range(data.users):
        own = items[matrix.indices[matrix.indptr[user]:matrix.indptr[user + 1]]]
        left = gramian + observed_weight * own.T @ own + ridge(len(own)) * np.eye(items.shape[1])
        users[user] = np.linalg.solve(left, target_weight * own.sum(axis=0))
    return users.astype(np.float32)


def fold_in_as_freshet(data, items):
    return fold_in(data, items, UNOBSERVED_WEIGHT, 1, 1, lambda pairs: REGULARIZATION * (pairs + UNOBSERVED_WEIGHT * data.items))


def fold_in_as_spark(data, items, alpha, regularization):
    """What Spark's last half-step of the users has solved."""
    return fold_in(data, items, 1, alpha, 1 + alpha, lambda pairs: regularization * pairs)


def translated(data):
    """Freshet's loss over its unobserved weight; the ridge of rows of mean length is the same."""
    return 1 / UNOBSERVED_WEIGHT, REGULARIZATION * (1 / UNOBSERVED_WEIGHT + data.users * data.items / len(data.train))


def judged(options, data, users, items):
    found = quality.judge(data, users, items, users_max=data.users, threads=options.threads)
    return found["recall_at_20"], found["ndcg_at_20"]


def check_judge(data, found, printed):
    """The judge of this comparison must say what Freshet's own evaluation says of the same factors."""
    for name, value in zip(("recall_at_20", "ndcg_at_20"), found, strict=True):
        # Ties aside, which the two may order differently.
        if abs(value - printed[name]) > 2e-5:
            sys.exit(f"{data.directory.name}: the judge finds {name} {value:.6f}, and Freshet has printed {printed[name]:.6f}")


def compare_on(options, name, data, iterations):
    settings = [translated(data) if word == "translated" else tuple(map(float, word.split(":"))) for word in options.spark]
    trainers = [("Freshet", None)] + [("Spark", pair) for pair in settings]
    runs, found = {trainer: [] for trainer in trainers}, {}
    for repeat in range(options.repeats):
        for trainer in trainers:
            program, pair = trainer
            compare.wait_for_quiet(options.wait_quiet)
            usage = compare.Usage()
            directory = tempfile.mkdtemp(prefix="freshet-spark-")
            try:
                if program == "Freshet":
                    figures, (users, items) = run_freshet(options, data, iterations, directory)
                else:
                    figures, items = run_spark(options, data, iterations, *pair, directory)
            finally:
                shutil.rmtree(directory)
            figures["others"] = usage.others()
            runs[trainer].append(figures)
            compare.note(f"{name}, {iterations} iterations, {program} {pair or ''}: {figures['training']:.2f} s of {figures['process']:.2f} s")
            if trainer not in found:
                if program == "Spark":
                    users = fold_in_as_spark(data, items, *pair)
                own = judged(options, data, users, items)
                if program == "Freshet":
                    check_judge(data, own, figures["printed"])
                found[trainer] = own + judged(options, data, fold_in_as_freshet(data, items), items)
                compare.note("recall@20 {:.4f}, ndcg@20 {:.4f}; folded in by Freshet {:.4f}, {:.4f}".format(*found[trainer]))
    rows = []
    for (program, pair), all_figures in runs.items():
        good = [run for run in all_figures if run["others"] <= compare.QUIET_CORES] or all_figures
        row = {key: statistics.median(run[key] for run in good) for key in ("training", "process", "processor", "memory")}
        row |= {"data": name, "iterations": iterations, "program": program, "pair": pair, "blas": good[0].get("blas"), "runs": len(good)}
        row |= {"others": max(run["others"] for run in good), "quality": found[program, pair]}
        rows.append(row)
    return rows


def markdown(options, rows, about):
    lines = [
        f"{about['processor']}, {options.threads} threads, rank {options.factors}, {about['system']}, {about['date']}; {about['freshet']}; "
        f"{about['spark']}; medians of up to {options.repeats} runs", "",
        "| data | trainer | iterations | recall@20 | ndcg@20 | folded in by Freshet | training, s | process, s | processor, s | memory, MB | others |",
        "|---|---|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        trainer = row["program"] if row["pair"] is None else "Spark, alpha {:g}, regParam {:.3g}".format(*row["pair"])
        recall, ndcg, recall_folded, ndcg_folded = row["quality"]
        lines.append(
            f"| {row['data']} | {trainer} | {row['iterations']} | {recall:.4f} | {ndcg:.4f} | {recall_folded:.4f} / {ndcg_folded:.4f} "
            f"| {row['training']:.2f} | {row['process']:.2f} | {row['processor']:.2f} | {row['memory'] / 1e6:.0f} | {row['others']:.1f} |")
    return "\n".join(lines)


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/peers/spark.py", description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=compare.words, default=["ml-1m-pos4", "online-retail"], help=", ".join([*data_sets.NAMES, *data_sets.SHIPPED]))
    parser.add_argument("--factors", type=int, default=64)
    parser.add_argument("--iterations", type=lambda text: [int(n) for n in compare.words(text)], default=[5, 10])
    parser.add_argument(
        "--spark", type=compare.words, default=["3:0.2", "translated"],
        help="ALPHA:REGPARAM, or translated: from Freshet's settings, as docs/model.md says; several with commas")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--heap", default="2g", help="of the JVM")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--wait-quiet", type=float, default=0, help="seconds to wait, at most, before each run for the other processes to end")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    os.environ.setdefault("FRESHET", str(TRAIN.parents[2] / ".build/release/freshet"))
    cache = os.environ.get("FRESHET_BENCHMARK_CACHE") or pathlib.Path(os.environ.get("XDG_CACHE_HOME", pathlib.Path.home() / ".cache")) / "freshet-benchmarks"
    import pyspark

    rows = []
    about = compare.machine()
    for name in options.data:
        data = data_sets.load(name, cache)
        if data is None:
            compare.note(f"{name}: left out; FRESHET_DATA_SETS must name a directory with {data_sets.FILES[name]}")
            continue
        compare.note(f"{name}: {data.users} users, {data.items} items, {len(data.train)} training pairs, {len(data.test)} test pairs")
        for iterations in options.iterations:
            rows += compare_on(options, name, data, iterations)
    if not rows:
        sys.exit("nothing was measured")
    about |= {"spark": f"Spark {pyspark.__version__}, {next(filter(None, (row['blas'] for row in rows)), 'no')} BLAS"}
    if options.json:
        print(json.dumps({"machine": about, "rows": rows}, indent=1))
    else:
        print(markdown(options, rows, about))


if __name__ == "__main__":
    main()
