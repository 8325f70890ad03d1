"""Freshet beside other ALS programs on one machine, in one run. `run` makes the environment and calls this."""
import argparse
import datetime
import json
import os
import pathlib
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time

import numpy as np

import data as data_sets
import quality

QUIET_CORES = 0.15
HERE = pathlib.Path(__file__).resolve().parent
FRESHET_SOLVERS = ["auto", "cg", "cholesky", "ials++"]
PEERS = ["implicit cg", "implicit cholesky", "irspack cg", "irspack cholesky", "irspack ials++ 16", "irspack ials++ 32", "irspack ials++ 64"]
EXACT_IS_TOO_LONG = {"generated-20m": 64}  # above this rank only approximate solvers run

# Chosen from a coarse grid of some ten settings at rank 64, by irspack's nDCG: unobserved weight a and lambda of Freshet and irspack (exponent 1 in both). implicit has one ridge for all rows: see ridge().
LOSS = {
    "ml-1m-pos4": {"unobserved_weight": 0.3, "regularization": 0.007},
    "globo": {"unobserved_weight": 0.03, "regularization": 0.003},
    "generated-810k": {"unobserved_weight": 0.1, "regularization": 0.004},
    "generated-20m": {"unobserved_weight": 0.03, "regularization": 0.003},
}


def ridge(data, loss):
    """implicit's ridge: the mean over all rows of lambda (n_row + a others), over a (its loss is Freshet's over a)."""
    a = loss["unobserved_weight"]
    scales = np.concatenate([
        np.bincount(data.train[:, 0], minlength=data.users) + a * data.items,
        np.bincount(data.train[:, 1], minlength=data.items) + a * data.users])
    return float(loss["regularization"] * scales.mean() / a)


class Usage:
    """How many cores other processes used while one of ours was measured."""

    def __init__(self):
        self.wall, self.busy, self.own = time.monotonic(), self.busy_seconds(), self.own_seconds()

    @staticmethod
    def busy_seconds():
        fields = [int(n) for n in open("/proc/stat").readline().split()[1:9]]
        return (sum(fields) - fields[3] - fields[4]) / os.sysconf("SC_CLK_TCK")

    @staticmethod
    def own_seconds():
        both = [resource.getrusage(who) for who in (resource.RUSAGE_CHILDREN, resource.RUSAGE_SELF)]
        return sum(u.ru_utime + u.ru_stime for u in both)

    def others(self):
        wall = time.monotonic() - self.wall
        return max(0.0, (self.busy_seconds() - self.busy - self.own_seconds() + self.own) / max(wall, 1e-9))


def wait_for_quiet(seconds):
    """Returns when other processes used hardly any core for a second, or when the time is over."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        usage = Usage()
        time.sleep(1)
        if usage.others() <= QUIET_CORES:
            return


def quiet_ones(runs):
    """The runs that had the machine to themselves; all of them where none had."""
    return [run for run in runs if run["cores_used_by_others"] <= QUIET_CORES] or runs


def execute(command, timeout, own_threads):
    """(parsed JSON, None) or (None, why not)."""
    # Freshet takes every FRESHET_* variable for one of its settings.
    environment = {key: value for key, value in os.environ.items() if not key.startswith("FRESHET")}
    if own_threads:
        environment["OPENBLAS_NUM_THREADS"] = "1"
    wait_for_quiet(float(os.environ.get("FRESHET_BENCHMARK_WAIT", 0)))
    usage = Usage()
    try:
        result = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=timeout, env=environment)
    except subprocess.TimeoutExpired:
        return None, f"more than {timeout:.0f} s"
    if result.returncode != 0:
        said = result.stderr.strip().split("\n")[-1]
        return None, said[:160] or f"status {result.returncode}"
    figures = json.loads(result.stdout.strip().split("\n")[-1])
    figures["cores_used_by_others"] = round(usage.others(), 2)
    return figures, None


def peer(job, timeout):
    return execute([sys.executable, str(HERE / "peer.py"), json.dumps(job)], timeout, own_threads=True)


def freshet(arguments, timeout):
    return execute([os.environ["FRESHET"], *[str(a) for a in arguments], "--json", "--quiet"], timeout, own_threads=False)


def train_freshet(job, data, solver):
    """Freshet cannot stop half-way: when its share of time looks too short, one iteration is run first, then as many as fit."""
    def once(iterations, output=None):
        arguments = [
            "train", "--train", data.train_file, "--factors", job["factors"], "--iterations", iterations, "--solver", solver,
            "--unobserved-weight", job["unobserved_weight"], "--regularization", job["regularization"], "--threads", job["threads"],
            "--seed", job["seed"], *(["--output", output] if output else [])]
        # Reading the file is not measured, but takes its time.
        return freshet(arguments, 4 * job["seconds_max"] + len(data.train) / 20_000 + 60)

    iterations = job["iterations"]
    k, rows = job["factors"], data.users + data.items
    slow = (2 * len(data.train) * k * (k + 1) + rows * k**3 / 3) / 5e9
    if slow * iterations > job["seconds_max"]:
        trial, why = once(1)
        if why:
            return None, why
        # The one iteration carries the final half-step as well: 3 half-steps.
        iterations = int(np.clip(job["seconds_max"] / (trial["seconds_total"] * 2 / 3), 1, iterations))
    figures, why = once(iterations, job["output"] if iterations == job["iterations"] else None)
    if figures:
        figures["iterations"] = iterations
    return figures, why


def freshet_factors(directory, data):
    """Factors by the index of this comparison: Freshet writes the ids of its rows beside them."""
    result = []
    for side, rows in (("user", data.users), ("item", data.items)):
        factors = np.load(f"{directory}/{side}_factors.npy")
        ids = np.loadtxt(f"{directory}/{side}_ids.txt", dtype=np.int64)
        whole = np.zeros((rows, factors.shape[1]), dtype=np.float32)
        whole[ids] = factors
        result.append(whole)
    return result


def compare_training(options):
    rows = []
    for name in options.data:
        data = data_sets.load(name, options.cache)
        if data is None:
            note(f"{name}: not built; FRESHET_DATA_SETS must name a directory with {data_sets.FILES[name]}")
            continue
        loss = LOSS[name]
        note(f"{name}: {data.users} users, {data.items} items, {len(data.train)} training pairs, {len(data.test)} test pairs ({data.sha256})")
        for factors in options.factors:
            rows += compare_programs(options, name, data, loss, factors)
    return rows


def compare_programs(options, name, data, loss, factors):
    programs = [f"freshet {solver}" for solver in options.solvers] + options.peers
    cells = {program: [] for program in programs}
    excuses, found = {}, {}
    for repeat in range(options.repeats):
        for program in programs:
            if "cholesky" in program and factors > EXACT_IS_TOO_LONG.get(name, factors):
                excuses[program] = "left out: too long"
            if program in excuses:
                continue
            with tempfile.TemporaryDirectory() as output:
                job = {
                    "what": "train", "program": program, "data": name, "cache": options.cache, "factors": factors,
                    "iterations": options.iterations, "threads": options.threads, "seed": 42, "output": output,
                    "seconds_max": options.seconds_max, "implicit_regularization": ridge(data, loss), **loss}
                if program.startswith("freshet "):
                    figures, why = train_freshet(job, data, program.split(" ", 1)[1])
                else:
                    figures, why = peer(job, 2 * options.seconds_max + 600)
                if why:
                    excuses[program] = why
                    note(f"{name}, rank {factors}, {program}: {why}")
                    continue
                cells[program].append(figures)
                note(f"{name}, rank {factors}, {program}: {figures['seconds_per_iteration']:.4f} s an iteration")
                if program not in found and figures["iterations"] == options.iterations and options.evaluate_users > 0:
                    if program.startswith("freshet "):
                        both = freshet_factors(output, data)
                    else:
                        both = [np.load(f"{output}/{side}_factors.npy") for side in ("user", "item")]
                    found[program] = quality.judge(data, *both, users_max=options.evaluate_users, threads=options.threads)
    cells = {program: quiet_ones(runs) for program, runs in cells.items()}
    base = [f["seconds_per_iteration"] for f in cells.get(f"freshet {options.solvers[0]}", [])] if options.solvers else []
    rows = []
    for program in programs:
        row = {"data": name, "factors": factors, "program": program}
        if cells[program]:
            seconds = [f["seconds_per_iteration"] for f in cells[program]]
            row |= {
                "seconds_per_iteration": statistics.median(seconds), "seconds_min": min(seconds), "seconds_max": max(seconds),
                "times_freshet": statistics.median(seconds) / statistics.median(base) if base else None,
                "iterations": cells[program][0]["iterations"], "repeats": len(seconds), "kernel": cells[program][0].get("kernel", ""),
                "solver": cells[program][0].get("solver", program),
                "cores_used_by_others": max(f["cores_used_by_others"] for f in cells[program]), **found.get(program, {})}
        else:
            row["not_run"] = excuses.get(program, "")
        rows.append(row)
    return rows


def compare_fold_in(options):
    rows = []
    for factors in options.factors:
        shape = {"factors": factors, "history": 50, "items": 41_000, "batch": 2000, "threads": options.threads}
        candidates = {
            "freshet": lambda: freshet(
                ["benchmark", "fold-in", "--factors", factors, "--history", 50, "--items", 41_000, "--batch", 2000, "--threads",
                 options.threads], 300),
            "implicit cholesky": lambda: peer({"what": "fold-in", "seed": 42, **shape}, 600)}
        rows += side_by_side(options, candidates, {"what": f"fold-in, {shape['history']} pairs, {shape['items']} items", "factors": factors},
                             ["microseconds_per_user", "users_per_second"])
    return rows


def compare_top_n(options):
    rows = []
    # The users of generated-810k against its items; a large catalogue; one user alone with the fold-in before.
    for users, items, factors in [(30_000, 41_000, 64), (2_000, 1_000_000, 50)]:
        candidates = {
            "freshet": lambda: freshet(
                ["benchmark", "top-n", "--items", items, "--factors", factors, "--batch", min(users, 2000), "--threads",
                 options.threads], 600),
            "implicit": lambda: peer(
                {"what": "top-n", "users": users, "items": items, "factors": factors, "threads": options.threads, "seed": 42}, 900)}
        rows += side_by_side(options, candidates, {"what": f"top 20 of {items} items", "factors": factors}, ["lists_per_second"])

    data = data_sets.load("generated-810k", options.cache)
    loss = LOSS["generated-810k"]
    candidates = {
        "freshet": lambda: freshet(
            ["benchmark", "top-n", "--data", data.train_file, "--factors", 64, "--threads", options.threads, "--set",
             f"model.unobserved_weight={loss['unobserved_weight']}", "--set", f"model.regularization={loss['regularization']}"], 600),
        "implicit": lambda: peer(
            {"what": "recommend", "data": "generated-810k", "cache": options.cache, "factors": 64, "threads": options.threads,
             "seed": 42, "implicit_regularization": ridge(data, loss), **loss}, 900)}
    rows += side_by_side(options, candidates, {"what": "top 20 for all users of generated-810k, trained model, seen items left out", "factors": 64},
                         ["lists_per_second"])

    def one_user():
        folded, why = freshet(["benchmark", "fold-in", "--factors", 64, "--history", 50, "--items", 41_000, "--threads", 1], 300)
        if why:
            return None, why
        listed, why = freshet(["benchmark", "top-n", "--items", 41_000, "--factors", 64, "--batch", 1, "--threads", 1], 300)
        if why:
            return None, why
        listed["microseconds_fold_in_and_list"] = folded["microseconds_per_user"] + listed["microseconds_per_list"]
        return listed, None

    candidates = {
        "freshet": one_user,
        "implicit": lambda: peer({"what": "top-n", "users": 1, "items": 41_000, "factors": 64, "threads": 1, "seed": 42}, 600)}
    return rows + side_by_side(options, candidates, {"what": "fold-in and top 20 of 41000 items, one user", "factors": 64},
                               ["microseconds_fold_in_and_list"])


def side_by_side(options, candidates, what, keys):
    """Each candidate in turn, `repeats` times; medians."""
    figures = {name: [] for name in candidates}
    excuses = {}
    for _ in range(options.repeats):
        for name, measure in candidates.items():
            if name in excuses:
                continue
            found, why = measure()
            if why:
                excuses[name] = why
                note(f"{what['what']}, {name}: {why}")
            else:
                figures[name].append(found)
    rows = []
    for name, all_figures in figures.items():
        all_figures = quiet_ones(all_figures)
        row = dict(what, program=name)
        if all_figures:
            row |= {key: statistics.median(f[key] for f in all_figures) for key in keys}
            row["kernel"] = all_figures[0].get("kernel", "")
            row["cores_used_by_others"] = max(f["cores_used_by_others"] for f in all_figures)
        else:
            row["not_run"] = excuses[name]
        rows.append(row)
    return rows


def machine():
    model = [line.split(":", 1)[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name")]
    version = subprocess.run([os.environ["FRESHET"], "version"], stdout=subprocess.PIPE, text=True, check=False).stdout.split("\n")[0]
    return {
        "processor": model[0] if model else platform.machine(), "cores": os.cpu_count(), "system": platform.platform(terse=True),
        "date": datetime.date.today().isoformat(), "freshet": version, "load_average": round(os.getloadavg()[0], 2)}


def note(text):
    print(text, file=sys.stderr, flush=True)


def markdown(what, rows, about, options):
    lines = [
        f"{about['processor']}, {about['cores']} cores ({options.threads} threads used), {about['system']}, {about['date']}; "
        f"{about['freshet']}", ""]
    if what == "train":
        lines += [
            "| data | rank | program | s/iteration | x Freshet | recall@20 | ndcg@20 | kernel | others |",
            "|---|---|---|---|---|---|---|---|---|"]
        for row in rows:
            start = f"| {row['data']} | {row['factors']} | {row['program']} "
            if "not_run" in row:
                lines.append(start + f"| - | - | - | - | {row['not_run']} | |")
                continue
            short = "" if row["iterations"] == options.iterations else f" ({row['iterations']} iterations)"
            lines.append(
                start + f"| {row['seconds_per_iteration']:.4f}{short} | {number(row['times_freshet'], 2)} "
                f"| {number(row.get('recall_at_20'), 4)} | {number(row.get('ndcg_at_20'), 4)} | {row['kernel']} "
                f"| {row['cores_used_by_others']:.1f} |")
    else:
        keys = [k for k in rows[0] if k not in ("what", "factors", "program", "kernel", "cores_used_by_others", "not_run")]
        keys += sorted({k for row in rows for k in row if k.endswith(("per_user", "per_second", "and_list"))} - set(keys))
        lines += [
            "| what | rank | program | " + " | ".join(keys) + " | kernel | others |", "|---" * (len(keys) + 5) + "|"]
        for row in rows:
            cells = " | ".join(number(row.get(k), 1) for k in keys)
            tail = row.get("not_run") or row.get("kernel", "")
            lines.append(f"| {row['what']} | {row['factors']} | {row['program']} | {cells} | {tail} | {number(row.get('cores_used_by_others'), 1)} |")
    return "\n".join(lines)


def number(value, digits):
    return "-" if value is None else f"{value:.{digits}f}"


def words(text):
    return [word.strip() for word in text.split(",") if word.strip()]


def main():
    parser = argparse.ArgumentParser(prog="benchmarks/peers/run", description=__doc__)
    parser.add_argument("what", nargs="?", choices=["train", "fold-in", "top-n"], default="train")
    parser.add_argument("--data", type=words, default=["ml-1m-pos4", "generated-810k"], help=", ".join(data_sets.NAMES))
    parser.add_argument("--factors", type=lambda text: [int(n) for n in words(text)], default=[64], help="ranks, such as 32,64,128,256")
    parser.add_argument("--solvers", type=words, default=FRESHET_SOLVERS, help="of Freshet; the first is what the others are compared with")
    parser.add_argument("--peers", type=words, default=PEERS, help="names as in the table, or a program: implicit, irspack, none")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repeats", type=int, default=1, help="whole runs, program by program; medians are printed, of those on a quiet machine where there are any")
    parser.add_argument("--seconds-max", type=float, default=120, help="for the iterations of one training; fewer are run when it is over")
    parser.add_argument("--wait-quiet", type=float, default=0, help="seconds to wait, at most, before each run for the other processes to end")
    parser.add_argument("--evaluate-users", type=int, default=10_000, help="test users drawn for recall and nDCG; 0: no quality")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    options.cache = os.environ["FRESHET_BENCHMARK_CACHE"]
    os.environ["FRESHET_BENCHMARK_WAIT"] = str(options.wait_quiet)
    unknown = [n for n in options.data if n not in data_sets.NAMES]
    if unknown:
        parser.error(f"no data set {', '.join(unknown)}; there are {', '.join(data_sets.NAMES)}")
    # A program's name stands for all its solvers.
    options.peers = [p for p in PEERS if any(p == name or p.split()[0] == name for name in options.peers)]
    about = machine()
    rows = {"train": compare_training, "fold-in": compare_fold_in, "top-n": compare_top_n}[options.what](options)
    about["load_average_after"] = round(os.getloadavg()[0], 2)
    if not rows:
        sys.exit("nothing was measured")
    if options.json:
        settings = {k: v for k, v in vars(options).items() if k not in ("cache", "json")}
        print(json.dumps({"machine": about, "settings": settings, "rows": rows}, indent=1))
    else:
        print(markdown(options.what, rows, about, options))


if __name__ == "__main__":
    main()
