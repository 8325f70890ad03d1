"""What a client does with Redis or a gateway, as generators that do no I/O themselves.

An operation yields a step (commands for Redis, a request, records for Kafka), is sent the reply, and returns its
result. The clients perform the steps, one at a time or with asyncio.
"""

from __future__ import annotations

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from ..errors import NotSupported
from ..events import AnyEvent
from ..lists import Change, Delivery, Document, Explanation, ItemList, Scores

T = TypeVar("T")


@dataclass(frozen=True)
class Commands:
    """Commands for Redis, sent together; the reply is the list of their replies."""

    commands: Sequence[tuple[str, ...]]


@dataclass(frozen=True)
class Request:
    """A request to a gateway; the reply is a Response."""

    method: str
    path: str
    query: Sequence[tuple[str, str]] = ()
    body: bytes | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    extra_timeout: float = 0.0

    @property
    def is_safe(self) -> bool:
        """Whether it may be sent a second time when a kept connection turns out to be closed."""
        return self.method in ("GET", "PUT", "DELETE") or self.path in ("/v1/recommend", "/v1/score")


@dataclass(frozen=True)
class Response:
    status: int
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True)
class Records:
    """Records for Kafka; the reply comes when the broker has them all."""

    events: Sequence[AnyEvent] = ()
    forgotten: Sequence[str] = ()


Step = Commands | Request | Records
Operation = Generator[Step, Any, T]


@dataclass(frozen=True)
class ListOptions:
    """What is asked of a list.

    Redis alone answers `n`, `offset`, `exclude` and `available_only`; to the last a gateway always keeps.
    """

    n: int = 10
    offset: int = 0
    exclude: Sequence[str] = ()
    available_only: bool = False
    parameters: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.n < 1:
            raise ValueError(f"n must be at least 1, not {self.n}")
        if self.offset < 0:
            raise ValueError(f"offset must not be negative, not {self.offset}")


class Backend(Protocol):
    """One way to the lists."""

    def recommend(self, user: str, options: ListOptions) -> Operation[ItemList]: ...
    def recommend_many(self, users: Sequence[str], options: ListOptions) -> Operation[list[ItemList]]: ...
    def recommend_for_items(self, items: Sequence[Any], options: ListOptions) -> Operation[ItemList]: ...
    def similar(self, item: str, options: ListOptions) -> Operation[ItemList]: ...
    def popular(self, options: ListOptions) -> Operation[ItemList]: ...
    def score(self, user: str, items: Sequence[str]) -> Operation[Scores]: ...
    def explain(self, user: str, item: str) -> Operation[Explanation]: ...
    def send(self, events: Sequence[AnyEvent], partial: bool) -> Operation[Delivery]: ...
    def forget(self, user: str) -> Operation[None]: ...
    def item(self, item: str) -> Operation[Document]: ...
    def change_item(
        self, method: str, item: str, content: Mapping[str, Any] | None, etag: str | None, wait: float
    ) -> Operation[Change]: ...


def needs_gateway(what: str) -> NotSupported:
    """The error of an operation that Redis alone cannot answer."""
    return NotSupported(f"{what} needs a gateway", fix="give the client its URL, such as http://127.0.0.1:8087")
