"""Deployed modules: how they are loaded, and what they define."""

from __future__ import annotations

import importlib.util
import sys
import types
from dataclasses import asdict
from pathlib import Path
from typing import Any

from ..errors import FreshetError
from ..tasks import definitions


def load(path: Path) -> types.ModuleType:
    """The module in a file, run once."""
    specification = importlib.util.spec_from_file_location(f"freshet_deployed_{path.parent.name}", path)
    if specification is None or specification.loader is None:
        raise FreshetError(f"{path} is no Python module", fix="its name must end with .py")
    module = importlib.util.module_from_spec(specification)
    sys.modules[specification.name] = module
    specification.loader.exec_module(module)
    return module


def describe(path: Path) -> dict[str, Any]:
    """What a module defines, as the manifest of a deployment has it."""
    tasks, queries = definitions(load(path))
    return {
        "tasks": [asdict(task) for task, _ in tasks.values()],
        "queries": [asdict(query) for query, _ in queries.values()],
    }
