#!/usr/bin/env python3
"""Checks that every metric and label in the alerts exists, and that each alert has a test in which it fires and one in which not."""
import pathlib
import re
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
NAME = re.compile(r"\b(?:freshet|process)_[a-z0-9_]+\b")


def known():
    """The labels of each metric: from docs/metrics.md and from the gateway's table."""
    metrics = {}
    for line in (ROOT / "docs/metrics.md").read_text().splitlines():
        if row := re.match(r"\| `([a-z0-9_]+)` \| (\w+) \| (.*?) \|", line):
            metrics[row[1]] = (row[2], set(re.findall(r"`(\w+)`", row[3])))
    source = (ROOT / "Sources/Gateway/Server/GatewayMetrics.swift").read_text()
    for kind, name, rest in re.findall(r"MetricDefinition\.(\w+)\(\s*\"(\w+)\"(.*?)\)\n", source, re.S):
        labels = re.search(r"labels: \[([^\]]*)\]", rest)
        metrics[name] = (kind, set(re.findall(r'"(\w+)"', labels[1])) if labels else set())
    for name, (kind, labels) in list(metrics.items()):
        if kind == "histogram":
            metrics[name + "_bucket"] = ("counter", labels | {"le"})
            metrics[name + "_sum"] = metrics[name + "_count"] = ("counter", labels)
    return metrics


def main():
    metrics, problems = known(), []
    if len(metrics) < 50:
        sys.exit("the tables of metrics cannot be read")
    for path in sorted((ROOT / "deploy/prometheus").glob("*.yml")) + sorted((ROOT / "deploy/grafana").glob("*.json")):
        text = "\n".join(line for line in path.read_text().replace('\\"', '"').splitlines() if not line.lstrip().startswith("#"))
        problems += [f"{path.name}: there is no metric {name}" for name in sorted(set(NAME.findall(text)) - metrics.keys())]
        for name, matchers in re.findall(r"\b((?:freshet|process)_[a-z0-9_]+)\{([^}]*)\}", text):
            used = set(re.findall(r"(\w+)\s*(?:=~|!=|!~|=)", re.sub(r'"[^"]*"', '""', matchers)))
            for label in used - metrics.get(name, ("", set()))[1] - {"instance", "job"}:
                problems.append(f"{path.name}: {name} has no label {label}")
    rules = (ROOT / "deploy/prometheus/rules.yml").read_text()
    tests = re.split(r"alertname: ", (ROOT / "deploy/prometheus/rules_test.yml").read_text())[1:]
    for alert in re.findall(r"- alert: (\w+)", rules):
        outcomes = {"exp_alerts: []" in part for part in tests if part.split()[0] == alert}
        problems += [f"{alert} has no test in which it {'does not fire' if quiet else 'fires'}" for quiet in {True, False} - outcomes]
    print(*problems, sep="\n", end="\n" if problems else "", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
