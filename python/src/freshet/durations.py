"""Lengths of time as configuration writes them."""

from __future__ import annotations

import datetime
import re

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}


def seconds(value: str | float | datetime.timedelta) -> float:
    """The seconds of `250ms`, `5s`, `10m`, `6h`, `7d`, a number of seconds, or a timedelta."""
    if isinstance(value, datetime.timedelta):
        result = value.total_seconds()
    elif isinstance(value, str):
        found = re.fullmatch(r"([0-9]+(?:\.[0-9]+)?)(ms|s|m|h|d)", value.strip())
        if found is None:
            raise ValueError(f"{value!r} is no length of time; write 250ms, 5s, 10m, 6h or 7d")
        result = float(found[1]) * _UNITS[found[2]]
    else:
        result = float(value)
    if not 0 < result < 1e9:
        raise ValueError(f"{value!r} must be longer than 0 and shorter than 30 years")
    return result
