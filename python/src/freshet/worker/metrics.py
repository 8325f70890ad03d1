"""Series in Prometheus' text format."""

from __future__ import annotations

import math
import threading
from bisect import bisect_left
from collections.abc import Mapping
from dataclasses import dataclass, field

BUCKETS = (0.0005, 0.001, 0.002, 0.004, 0.008, 0.016, 0.032, 0.064, 0.128, 0.256, 0.512, 1.024, 2.048, 4.096, 8.192)
Labels = tuple[tuple[str, str], ...]


def labels_of(labels: Mapping[str, str]) -> Labels:
    return tuple(sorted(labels.items()))


@dataclass
class _Histogram:
    counts: list[int] = field(default_factory=lambda: [0] * (len(BUCKETS) + 1))
    total: float = 0.0


@dataclass
class _Family:
    kind: str
    text: str
    values: dict[Labels, float] = field(default_factory=dict)
    histograms: dict[Labels, _Histogram] = field(default_factory=dict)


class Registry:
    """All series of a process."""

    def __init__(self) -> None:
        self._families: dict[str, _Family] = {}
        self._lock = threading.Lock()

    def define(self, kind: str, name: str, text: str) -> None:
        self._families.setdefault(name, _Family(kind, text))

    def add(self, name: str, by: float = 1, **labels: str) -> None:
        with self._lock:
            values = self._families[name].values
            key = labels_of(labels)
            values[key] = values.get(key, 0) + by

    def set(self, name: str, value: float, **labels: str) -> None:
        with self._lock:
            self._families[name].values[labels_of(labels)] = value

    def observe(self, name: str, seconds: float, **labels: str) -> None:
        with self._lock:
            histogram = self._families[name].histograms.setdefault(labels_of(labels), _Histogram())
            histogram.counts[bisect_left(BUCKETS, seconds)] += 1
            histogram.total += seconds

    def drop(self, **labels: str) -> None:
        """Removes the series with these labels, of a task or query that is gone."""
        gone = set(labels.items())
        with self._lock:
            for family in self._families.values():
                for series in (family.values, family.histograms):
                    for key in [key for key in series if gone <= set(key)]:
                        del series[key]

    def text(self) -> str:
        with self._lock:
            lines: list[str] = []
            for name, family in sorted(self._families.items()):
                if not family.values and not family.histograms:
                    continue
                lines += [f"# HELP {name} {family.text}", f"# TYPE {name} {family.kind}"]
                lines += [f"{name}{_braces(key)} {_number(value)}" for key, value in sorted(family.values.items())]
                for key, histogram in sorted(family.histograms.items()):
                    count = 0
                    for bound, each in zip([*map(repr, BUCKETS), "+Inf"], histogram.counts, strict=True):
                        count += each
                        lines.append(f"{name}_bucket{_braces((*key, ('le', bound)))} {count}")
                    lines += [
                        f"{name}_sum{_braces(key)} {_number(histogram.total)}",
                        f"{name}_count{_braces(key)} {count}",
                    ]
        return "\n".join(lines) + "\n"


def _braces(labels: Labels) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_escaped(value)}"' for name, value in labels) + "}"


def _escaped(value: str) -> str:
    return value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else repr(value)
