"""What the clients return."""

from __future__ import annotations

import json
import struct
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from .errors import BadReply


@dataclass(frozen=True)
class Item:
    """One item of a list; `source` says why it is there, `rank` counts from 1.

    `list_name` is the name of the imported list that an item with the source `imported` comes from.
    """

    item: str
    score: float | None
    rank: int
    source: str
    fields: Mapping[str, Any] = field(default_factory=dict)
    rules: Sequence[str] = ()
    explain: Mapping[str, Any] | None = None
    list_name: str | None = None


@dataclass(frozen=True)
class ItemList:
    """A list of items, best first.

    `source` is `personal` (as of the last training), `foldin` (after later events), `context`, `similar`, `popular`
    (for somebody without a list of their own), `pinned`, `imported` (of another program's list), or `none` for an
    empty list. `epoch` is the model that made it, `age_ms` how long ago. `degraded` says why a gateway's list is not
    quite what was asked for.
    """

    items: Sequence[Item]
    source: str
    epoch: int | None
    age_ms: int | None
    user: str | None = None
    recommendation_id: str | None = None
    degraded: str | None = None
    approximate: bool = False
    notes: Sequence[str] = ()

    def __iter__(self) -> Iterator[Item]:
        return iter(self.items)

    def __len__(self) -> int:
        return len(self.items)

    @property
    def ids(self) -> list[str]:
        """The ids of the items, best first."""
        return [entry.item for entry in self.items]

    @property
    def is_personal(self) -> bool:
        """Whether the list was made for this user, and not the popular one in its place."""
        return self.source not in ("popular", "none")


@dataclass(frozen=True)
class Score:
    """The score of an item for a user; None if the model has no vector of the item."""

    item: str
    score: float | None
    seen: bool | None = None
    available: bool | None = None


@dataclass(frozen=True)
class Scores:
    """Scores in the order of the items asked for.

    `parts` is `all` from a gateway: the scores by which lists are ordered. From Redis it is `vectors`: the product of
    the two vectors alone, without trend and transitions; `seen` and `available` are then unknown.
    """

    user: str
    scores: Sequence[Score]
    epoch: int
    parts: str
    age_ms: int | None = None

    def __iter__(self) -> Iterator[Score]:
        return iter(self.scores)

    def as_dict(self) -> dict[str, float | None]:
        return {entry.item: entry.score for entry in self.scores}


@dataclass(frozen=True)
class Contribution:
    """What one past item adds to a score."""

    item: str
    score: float


@dataclass(frozen=True)
class Explanation:
    """The parts of a score, which add up to it."""

    user: str
    item: str
    epoch: int
    score: float
    interactions: Sequence[Contribution]
    transitions: Sequence[Contribution]
    trend: float
    seen: bool
    hidden: bool


@dataclass(frozen=True)
class Rejection:
    """An event that was not taken: its number in the request, from 0, and why."""

    index: int
    reason: str
    message: str


@dataclass(frozen=True)
class Delivery:
    """How many events the broker has acknowledged, and those that were refused."""

    accepted: int
    ignored: int = 0
    rejections: Sequence[Rejection] = ()


@dataclass(frozen=True)
class Document:
    """The document of an item; `etag` guards a change, and is None where the client reads Redis."""

    item_id: str
    content: Mapping[str, Any]
    etag: str | None = None

    def __getitem__(self, name: str) -> Any:
        return self.content[name]

    def get(self, name: str, default: Any = None) -> Any:
        return self.content.get(name, default)


@dataclass(frozen=True)
class Change:
    """A change of a document: acknowledged by the broker, and `mirrored` once readers see it."""

    item_id: str
    mirrored: bool
    document: Document | None = None


def now_ms() -> int:
    return time.time_ns() // 1_000_000


def decode_list(
    text: bytes | str,
    *,
    n: int,
    offset: int = 0,
    exclude: frozenset[str] = frozenset(),
    user: str | None = None,
    now: int,
) -> ItemList:
    """Decodes a list as Redis holds it. Names of the object that are unknown are ignored."""
    try:
        stored = json.loads(text)
        version, epoch, made, source = stored["v"], int(stored["epoch"]), int(stored["ts"]), str(stored["src"])
        pairs = [(str(item), float(score)) for item, score in stored["items"]]
        fill = stored.get("fill")
    except (ValueError, KeyError, TypeError) as fault:
        raise BadReply("the list in Redis cannot be read", fix="see redis-keys.md for its format") from fault
    if version != 1:
        raise BadReply(f"the list in Redis has format {version}", fix="upgrade this package")
    kept = [
        (item, score, "popular" if fill is not None and place >= fill else source)
        for place, (item, score) in enumerate(pairs)
        if item not in exclude
    ]
    items = tuple(
        Item(item=item, score=score, rank=offset + place, source=of)
        for place, (item, score, of) in enumerate(kept[offset : offset + n], start=1)
    )
    return ItemList(
        items=items,
        source=items[0].source if items else "none",
        epoch=epoch,
        age_ms=max(0, now - made),
        user=user,
    )


def decode_vector(data: bytes) -> tuple[int, tuple[float, ...]]:
    """The epoch and the factors of a vector as Redis holds it."""
    if len(data) < 12 or data[:4] != b"FRV1":
        raise BadReply("the vector in Redis has another format", fix="upgrade this package")
    epoch, factors = struct.unpack_from("<II", data, 4)
    if len(data) != 12 + 4 * factors:
        raise BadReply(f"the vector in Redis has {len(data)} bytes, not those of {factors} factors")
    return epoch, struct.unpack_from(f"<{factors}f", data, 12)


def list_of_answer(answer: Mapping[str, Any]) -> ItemList:
    """The list in a gateway's answer."""
    try:
        source = str(answer["source"])
        items = tuple(
            Item(
                item=str(entry["item"]),
                score=_number(entry.get("score")),
                rank=int(entry["rank"]),
                source=str(entry.get("source", source)),
                fields=entry.get("fields") or {},
                rules=tuple(entry.get("rules") or ()),
                explain=entry.get("explain"),
                list_name=entry.get("list"),
            )
            for entry in answer["items"]
        )
        return ItemList(
            items=items,
            source=source,
            epoch=_integer(answer["epoch"]),
            age_ms=_integer(answer["age_ms"]),
            user=answer.get("user"),
            recommendation_id=answer.get("recommendation_id"),
            degraded=answer.get("degraded"),
            approximate=bool(answer.get("approximate")),
            notes=tuple(answer.get("notes") or ()),
        )
    except (KeyError, TypeError, ValueError) as fault:
        raise BadReply("the answer is no list of items", fix="is the URL that of a gateway?") from fault


def _number(value: Any) -> float | None:
    return None if value is None else float(value)


def _integer(value: Any) -> int | None:
    return None if value is None else int(value)
