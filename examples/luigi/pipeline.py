"""The pipeline as tasks of Luigi.

    PIPELINE_SOURCE=events.tsv.gz PIPELINE_WORK=/var/lib/pipeline \\
      python -m luigi --module pipeline All --local-scheduler --retcode-task-failed 30

Without --retcode-task-failed, luigi's exit status is 0 although a task has failed. `--module pipeline CleanUp --step
train` removes the output of one step, and the next run makes it again.
"""

from __future__ import annotations

import os
import sys
from pathlib import Path

import luigi

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "pipeline"))
import steps


class PipelineStep(luigi.Task):
    """One step; it is complete when its output is."""

    step = luigi.Parameter()

    def requires(self) -> list[PipelineStep]:
        return [PipelineStep(step=name) for name in steps.STEPS[self.step].needs]

    def output(self) -> luigi.LocalTarget:
        # The mark of a complete output, and not its directory, which exists before.
        return luigi.LocalTarget(str(steps.output(steps.settings_from(os.environ), self.step) / steps.DONE))

    def run(self) -> None:
        steps.run(steps.settings_from(os.environ), self.step)


class All(luigi.WrapperTask):
    """Every step."""

    def requires(self) -> list[PipelineStep]:
        return [PipelineStep(step=name) for name in steps.STEPS]


class CleanUp(luigi.Task):
    """Removes the output of one step."""

    step = luigi.Parameter()

    def complete(self) -> bool:
        return not steps.output(steps.settings_from(os.environ), self.step).exists()

    def run(self) -> None:
        steps.clean(steps.settings_from(os.environ), self.step)
