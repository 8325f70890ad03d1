"""Files and lists of Freshet as data frames: pandas unless `form="arrow"`.

>>> from freshet import frames
>>> events = frames.interactions("events.tsv.gz")
>>> frames.to_interactions(events[events.value > 0], "orders.jsonl.gz")

Paths may be local or `s3://bucket/key`; files may be plain or gzip.
"""

from .archive import ArchivedPartition, ArchiveError, check_archive
from .factors import Factors, read_factors
from .interactions import InvalidRows, Written, interactions, to_interactions
from .lists import lists, read_lists
from .rows import write_rows
from .tables import read

__all__ = [
    "ArchiveError",
    "ArchivedPartition",
    "Factors",
    "InvalidRows",
    "Written",
    "check_archive",
    "interactions",
    "lists",
    "read",
    "read_factors",
    "read_lists",
    "to_interactions",
    "write_rows",
]
