"""The pipeline as a DAG of Airflow 3.

Put this file and the directory `pipeline` beside it into a folder of DAGs (or keep the layout of this repository), and
set PIPELINE_SOURCE and PIPELINE_WORK where tasks run. The work directory must be one that all workers share. The
parameter `clean` names a step whose output is removed first, so that this step runs again.
"""

from __future__ import annotations

import os
import sys
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

from airflow.sdk import Param, dag, task

for place in (Path(__file__).resolve().parent / "pipeline", Path(__file__).resolve().parents[1] / "pipeline"):
    if place.is_dir():
        sys.path.insert(0, str(place))
        break
import steps

RETRY_DELAY = timedelta(seconds=float(os.environ.get("PIPELINE_RETRY_SECONDS", "60")))


@dag(
    dag_id="freshet_batch",
    schedule="@daily",
    start_date=datetime(2026, 1, 1, tzinfo=timezone.utc),
    catchup=False,
    # Two runs at a time would write to one namespace.
    max_active_runs=1,
    default_args={"retries": 1, "retry_delay": RETRY_DELAY},
    params={"clean": Param("", enum=["", *steps.STEPS], description="A step whose output is removed first.")},
    tags=["freshet"],
)
def freshet_batch() -> None:
    @task
    def clean_up(params: dict[str, Any] | None = None) -> bool:
        name = (params or {}).get("clean")
        return steps.clean(steps.settings_from(os.environ), name) if name else False

    made: dict[str, Any] = {}
    first = clean_up()
    for name, step in steps.STEPS.items():

        @task(task_id=name)
        def run_step(name: str = name) -> dict[str, Any]:
            return steps.run(steps.settings_from(os.environ), name)

        made[name] = run_step()
        for before in step.needs:
            made[before] >> made[name]
    first >> made["download"]


batch = freshet_batch()
