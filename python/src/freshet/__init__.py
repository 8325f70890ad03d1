"""Recommendations from Freshet, and events into it.

>>> from freshet import Client
>>> Client("redis://127.0.0.1:6379").recommend("17850", 5).ids
"""

__version__ = "0.1.0"

from .client import AsyncClient, Client
from .errors import (
    BadReply,
    BadRequest,
    Conflict,
    DeliveryFailed,
    EventsRejected,
    FreshetError,
    InvalidEvent,
    MissingExtra,
    NotConfigured,
    NotFound,
    NothingPublished,
    NotSupported,
    Problem,
    Unauthorized,
    Unavailable,
)
from .events import Event, Limits
from .keys import Keyspace, key_part
from .lists import Change, Delivery, Document, Explanation, Item, ItemList, Score, Scores
from .producer import Producer
from .tasks import TaskContext, query, task

__all__ = [
    "AsyncClient",
    "BadReply",
    "BadRequest",
    "Change",
    "Client",
    "Conflict",
    "Delivery",
    "DeliveryFailed",
    "Document",
    "Event",
    "EventsRejected",
    "Explanation",
    "FreshetError",
    "InvalidEvent",
    "Item",
    "ItemList",
    "Keyspace",
    "Limits",
    "MissingExtra",
    "NotConfigured",
    "NotFound",
    "NotSupported",
    "NothingPublished",
    "Problem",
    "Producer",
    "Score",
    "Scores",
    "TaskContext",
    "Unauthorized",
    "Unavailable",
    "key_part",
    "query",
    "task",
]
