"""Lists as Redis holds them: the key rule, the popular list for unknown users, documents, vectors."""

from __future__ import annotations

import datetime
import json
from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from operator import mul
from typing import Any

from ..errors import NotFound, NothingPublished, NotSupported
from ..events import AnyEvent, check_all
from ..keys import Keyspace
from ..lists import Change, Delivery, Document, Explanation, ItemList, Score, Scores, decode_list, decode_vector, now_ms
from . import Commands, ListOptions, Operation, Records, needs_gateway


@dataclass(frozen=True)
class StoredLists:
    """What a client does that reads Redis, and writes to Kafka if it has a producer."""

    keys: Keyspace
    has_producer: bool = False

    def recommend(self, user: str, options: ListOptions) -> Operation[ItemList]:
        self._check(options)
        (stored,) = yield Commands([("GET", self.keys.user_list(user))])
        if stored is None:
            (stored,) = yield Commands([("GET", self.keys.popular)])
        return (yield from self._list(stored, options, user))

    def recommend_many(self, users: Sequence[str], options: ListOptions) -> Operation[list[ItemList]]:
        self._check(options)
        if not users:
            return []
        *stored, popular = yield Commands(
            [("GET", self.keys.user_list(user)) for user in users] + [("GET", self.keys.popular)]
        )
        lists = []
        for user, text in zip(users, stored, strict=True):
            lists.append((yield from self._list(popular if text is None else text, options, user)))
        return lists

    def recommend_for_items(self, items: Sequence[Any], options: ListOptions) -> Operation[ItemList]:
        yield from ()
        raise needs_gateway("a list for a visitor")

    def similar(self, item: str, options: ListOptions) -> Operation[ItemList]:
        self._check(options)
        (stored,) = yield Commands([("GET", self.keys.similar(item))])
        if stored is None:
            detail = f"there are no similar items of {item} under {self.keys.root}"
            fix = "the item needs events, and a training after them"
            raise NotFound(404, {"code": "not_found", "detail": detail, "fix": fix})
        return (yield from self._list(stored, options, None))

    def popular(self, options: ListOptions) -> Operation[ItemList]:
        self._check(options)
        (stored,) = yield Commands([("GET", self.keys.popular)])
        return (yield from self._list(stored, options, None))

    def score(self, user: str, items: Sequence[str]) -> Operation[Scores]:
        (text,) = yield Commands([("GET", self.keys.user_vector(user))])
        if text is None:
            detail = f"there is no vector of the user {user} under {self.keys.root}"
            raise NotFound(
                404,
                {
                    "code": "not_found",
                    "detail": detail,
                    "fix": "the user needs an event first, and publish.vectors=true",
                },
            )
        epoch, factors = decode_vector(text)
        vectors = (yield Commands([("GET", self.keys.item_vector(epoch, item)) for item in items])) if items else []
        scores = []
        for item, vector in zip(items, vectors, strict=True):
            value = None if vector is None else sum(map(mul, factors, decode_vector(vector)[1]))
            scores.append(Score(item, value))
        return Scores(user=user, scores=tuple(scores), epoch=epoch, parts="vectors")

    def explain(self, user: str, item: str) -> Operation[Explanation]:
        yield from ()
        raise needs_gateway("an explanation")

    def send(self, events: Sequence[AnyEvent], partial: bool) -> Operation[Delivery]:
        if partial:
            raise needs_gateway("partial=True")
        self._check_producer("sending events")
        check_all(events)
        yield Records(events=events)
        return Delivery(accepted=len(events))

    def forget(self, user: str) -> Operation[None]:
        self._check_producer("forgetting a user")
        yield Records(forgotten=[user])

    def item(self, item: str) -> Operation[Document]:
        ((text,),) = yield Commands([("HMGET", self.keys.items, item)])
        if text is None:
            detail = f"there is no document of the item {item} under {self.keys.root}"
            raise NotFound(
                404, {"code": "not_found", "detail": detail, "fix": "put_item writes one, through a gateway"}
            )
        return Document(item, json.loads(text))

    def change_item(
        self, method: str, item: str, content: Mapping[str, Any] | None, etag: str | None, wait: float
    ) -> Operation[Change]:
        yield from ()
        raise needs_gateway("changing a document")

    # Parts

    def _check(self, options: ListOptions) -> None:
        if options.parameters:
            raise needs_gateway(", ".join(sorted(options.parameters)))

    def _check_producer(self, what: str) -> None:
        if not self.has_producer:
            raise NotSupported(
                f"{what} needs a gateway or a producer",
                fix="give the client a gateway's URL, or producer=Producer(...)",
            )

    def _list(self, stored: Any, options: ListOptions, user: str | None) -> Generator[Commands, Any, ItemList]:
        if stored is None:
            raise NothingPublished(
                f"nothing is published under {self.keys.root}",
                fix="is an engine running, and are namespace and key_prefix those of its "
                "redis.namespace and redis.key_prefix?",
            )
        hidden: frozenset[str] = frozenset(options.exclude)
        now = now_ms()
        if options.available_only:
            whole = decode_list(stored, n=100_000, exclude=hidden, now=now)
            if whole.ids:
                (documents,) = yield Commands([("HMGET", self.keys.items, *whole.ids)])
                hidden |= {item for item, text in zip(whole.ids, documents, strict=True) if not is_available(text, now)}
        return decode_list(stored, n=options.n, offset=options.offset, exclude=hidden, user=user, now=now)


def is_available(document: bytes | str | None, now: int) -> bool:
    """Whether an item with this document may be shown now (milliseconds since 1970)."""
    if document is None:
        return True
    content = json.loads(document)
    if content.get("hidden"):
        return False
    begin, end = content.get("available_from"), content.get("available_until")
    return not ((begin and now < _milliseconds(begin)) or (end and now >= _milliseconds(end)))


def _milliseconds(text: str) -> int:
    return round(datetime.datetime.fromisoformat(text.replace("Z", "+00:00")).timestamp() * 1000)
