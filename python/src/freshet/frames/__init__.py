"""Files and lists of Freshet as data frames: pandas unless `as_="arrow"`.

>>> from freshet import frames
>>> events = frames.interactions("events.tsv.gz")
>>> frames.to_interactions(events[events.value > 0], "orders.jsonl.gz")

Paths may be local or `s3://bucket/key`; files may be plain or gzip.
"""

from .factors import Factors, read_factors
from .interactions import InvalidRows, Written, interactions, to_interactions
from .lists import lists
from .tables import read

__all__ = ["Factors", "InvalidRows", "Written", "interactions", "lists", "read", "read_factors", "to_interactions"]
