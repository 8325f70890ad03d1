"""When tasks are due."""

from __future__ import annotations

import pytest

from freshet.durations import seconds
from freshet.tasks import Task
from freshet.worker.schedule import Run, delay, next_run
from freshet.worker.service import series_reference

from .support import REPOSITORY


def every(period: float, catch_up: str = "once", jitter: float = 0.0) -> Task:
    return Task("t", period, jitter, catch_up)


@pytest.mark.parametrize(
    ("catch_up", "last_due", "now", "expected"),
    [
        # A task that has never run begins at once, unless it waits for its next time.
        ("once", None, 25_000, Run(20_000, 25_000)),
        ("all", None, 25_000, Run(20_000, 25_000)),
        ("skip", None, 25_000, Run(30_000, 30_000)),
        # Nothing was missed.
        ("once", 20_000, 25_000, Run(30_000, 30_000)),
        ("all", 20_000, 25_000, Run(30_000, 30_000)),
        ("skip", 20_000, 25_000, Run(30_000, 30_000)),
        ("once", 20_000, 20_000, Run(30_000, 30_000)),
        # Three times have passed.
        ("once", 20_000, 55_000, Run(50_000, 55_000)),
        ("all", 20_000, 55_000, Run(30_000, 55_000)),
        ("skip", 20_000, 55_000, Run(60_000, 60_000)),
        # The clock was set back by a little, and by much.
        ("once", 30_000, 25_000, Run(40_000, 40_000)),
        ("once", 900_000, 25_000, Run(40_000, 40_000)),
    ],
)
def test_next_run(catch_up: str, last_due: int | None, now: int, expected: Run) -> None:
    assert next_run(every(10, catch_up), last_due, now) == expected


def test_run_within_its_jitter_is_not_late() -> None:
    for catch_up in ("once", "all", "skip"):
        task = every(100, catch_up, jitter=1.0)
        wait = delay(task, 200_000)
        assert 0 < wait < 100_000
        # The worker started again between the due time and its begin.
        assert next_run(task, 100_000, 200_000 + wait // 2) == Run(200_000, 200_000 + wait)


def test_every_due_time_runs_once_when_nothing_is_late() -> None:
    task = every(7, jitter=0.5)
    now, last, dues = 1_000_000_000, None, []
    for _ in range(500):
        run = next_run(task, last, now)
        assert run.begin >= now
        now, last = run.begin + 3000, run.due
        dues.append(run.due)
    assert dues == list(range(dues[0], dues[0] + 500 * 7000, 7000))


def test_delays_spread() -> None:
    task = every(1000, jitter=0.1)
    delays = [delay(task, due) for due in range(0, 100_000_000, 1_000_000)]
    assert all(0 <= each < 100_000 for each in delays)
    assert len({each // 10_000 for each in delays}) == 10


def test_documentation_has_the_series_of_the_worker() -> None:
    rows = [f"| `{name}` | {kind} |" for name, kind, _ in series_reference()]
    text = (REPOSITORY / "docs/python.md").read_text()
    assert [row for row in rows if row not in text] == []
    assert len(rows) >= 11


def test_lengths_of_time() -> None:
    assert [seconds(text) for text in ("250ms", "5s", "1.5m", "6h", "7d", 3)] == [0.25, 5, 90, 21600, 604800, 3]
    for wrong in ("5", "", "-1s", "5 parsecs", 0, -1):
        with pytest.raises(ValueError, match="is no length|must be longer"):
            seconds(wrong)
