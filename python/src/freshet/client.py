"""Clients for lists, scores, documents and events; the same calls for Redis and for a gateway."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, TypeVar

from .addresses import Address
from .backends import Backend, Commands, ListOptions, Operation, Records, Request, Step
from .backends.gateway import Gateway
from .backends.stored import StoredLists
from .errors import FreshetError, NotSupported
from .events import AnyEvent, Event
from .keys import Keyspace
from .lists import Change, Delivery, Document, Explanation, ItemList, Scores
from .transports.http_settings import HTTPSettings, read_token

if TYPE_CHECKING:
    from .producer import Producer

T = TypeVar("T")
ContextItems = Sequence[str | tuple[str, float]]

DEFAULT_URL = "redis://127.0.0.1:6379"
_REDIS_TIMEOUT = 1.0
_GATEWAY_TIMEOUT = 5.0


def _one_event(events: AnyEvent | Sequence[AnyEvent]) -> Sequence[AnyEvent]:
    """A single event as a sequence of one."""
    return [events] if isinstance(events, (Event, Mapping, str, bytes)) else list(events)


class _Calls:
    """What both clients share: which backend answers, and how the options of a list are put together."""

    def __init__(
        self,
        url: str,
        namespace: str,
        key_prefix: str,
        token: str | None,
        token_file: str | Path | None,
        producer: Producer | None,
    ) -> None:
        self._address = Address(url)
        self._producer = producer
        if not self._address.is_gateway and (token is not None or token_file is not None):
            raise ValueError("a token is for a gateway; Redis takes username and password")
        if token is not None and token_file is not None:
            raise ValueError("give token or token_file, not both")
        self._token = read_token(token_file) if token_file is not None else token
        self._backend: Backend = (
            Gateway()
            if self._address.is_gateway
            else StoredLists(Keyspace(namespace, key_prefix), producer is not None)
        )

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self._address.redacted!r})"

    def _http_settings(self, timeout: float | None, pool_size: int, ca_file: str | Path | None) -> HTTPSettings:
        return HTTPSettings(self._address, self._token, timeout or _GATEWAY_TIMEOUT, pool_size, ca_file)

    def _produce(self, records: Records) -> None:
        if self._producer is None:
            raise NotSupported("this client has no producer", fix="give it producer=Producer(...)")
        for event in records.events:
            self._producer.send(event)
        for user in records.forgotten:
            self._producer.forget(user)
        self._producer.flush()


def _options(
    n: int, offset: int = 0, exclude: Sequence[str] = (), available_only: bool = False, **parameters: Any
) -> ListOptions:
    given = {name: value for name, value in parameters.items() if value is not None and value != ()}
    if (category := given.get("category")) is not None:
        given["category"] = [category] if isinstance(category, str) else list(category)
    for name in ("include", "fields", "context"):
        if name in given:
            given[name] = list(given[name])
    if "seen" in given:
        given["seen"] = "include" if given["seen"] else "exclude"
    if isinstance(exclude, str):
        raise TypeError("exclude is a list of ids, not one text")
    return ListOptions(n, offset, tuple(exclude), available_only, given)


class Client(_Calls):
    """Reads lists from Redis, or from a gateway if the URL begins with `http`.

    >>> with Client("redis://127.0.0.1:6379") as client:
    ...     for entry in client.recommend("17850", 5):
    ...         print(entry.item, entry.score)

    Threads may share a client: it has `pool_size` connections. `timeout` holds for connecting and for each reply, 1 s
    with Redis and 5 s with a gateway unless given. A client of Redis sends events if it has a `producer`.
    """

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        namespace: str = "default",
        key_prefix: str = "freshet",
        timeout: float | None = None,
        pool_size: int = 16,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        producer: Producer | None = None,
    ) -> None:
        super().__init__(url, namespace, key_prefix, token, token_file, producer)
        if self._address.is_gateway:
            from .transports.http_pool import HTTPPool

            http_pool = HTTPPool(self._http_settings(timeout, pool_size, ca_file))
            self._perform: Callable[[Any], Any] = http_pool.perform
            self._close = http_pool.close
        else:
            from .transports.redis_pool import RedisPool, RedisSettings

            settings = RedisSettings(self._address, username, password, timeout or _REDIS_TIMEOUT, pool_size)
            redis_pool = RedisPool(settings)
            self._perform = redis_pool.perform
            self._close = redis_pool.close

    def __enter__(self) -> Client:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Closes the connections."""
        self._close()

    def _run(self, operation: Operation[T]) -> T:
        try:
            step: Step = next(operation)
            while True:
                try:
                    reply = self._reply(step)
                except FreshetError as fault:
                    step = operation.throw(fault)
                else:
                    step = operation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    def _reply(self, step: Step) -> Any:
        if isinstance(step, Records):
            self._produce(step)
            return None
        return self._perform(step)

    def recommend(
        self,
        user: str,
        n: int = 10,
        *,
        offset: int = 0,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        include: Sequence[str] = (),
        category: str | Sequence[str] = (),
        filter: str | None = None,  # noqa: A002
        strict: bool | None = None,
        context: ContextItems = (),
        diversity: float | None = None,
        max_per_category: int | None = None,
        min_score: float | None = None,
        fields: Sequence[str] = (),
        placement: str | None = None,
        seen: bool | None = None,
        explain: bool | None = None,
    ) -> ItemList:
        """The user's list; popular items for a user without one.

        What stands after `available_only` needs a gateway. `available_only` makes a reader of Redis look at the items'
        documents, too, and leave out what is hidden or out of date; a gateway always does.
        """
        return self._run(
            self._backend.recommend(
                user,
                _options(
                    n,
                    offset,
                    exclude,
                    available_only,
                    include=include,
                    category=category,
                    filter=filter,
                    strict=strict,
                    context=context,
                    diversity=diversity,
                    max_per_category=max_per_category,
                    min_score=min_score,
                    fields=fields,
                    placement=placement,
                    seen=seen,
                    explain=explain,
                ),
            )
        )

    def recommend_many(
        self,
        users: Sequence[str],
        n: int = 10,
        *,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        **options: Any,
    ) -> list[ItemList]:
        """The lists of several users in one exchange, in the order of the users. `options` are those of `recommend`."""
        return self._run(self._backend.recommend_many(users, _options(n, 0, exclude, available_only, **options)))

    def recommend_for_items(
        self, items: ContextItems, n: int = 10, *, exclude: Sequence[str] = (), **options: Any
    ) -> ItemList:
        """A list for a visitor who dealt with these items, each an id or a pair of id and weight; needs a gateway."""
        return self._run(self._backend.recommend_for_items(items, _options(n, 0, exclude, **options)))

    def similar(
        self,
        item: str,
        n: int = 10,
        *,
        offset: int = 0,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        **options: Any,
    ) -> ItemList:
        """Items that are similar to this one; NotFound if none are known."""
        return self._run(self._backend.similar(item, _options(n, offset, exclude, available_only, **options)))

    def popular(
        self, n: int = 10, *, offset: int = 0, exclude: Sequence[str] = (), available_only: bool = False, **options: Any
    ) -> ItemList:
        """The items that are popular now."""
        return self._run(self._backend.popular(_options(n, offset, exclude, available_only, **options)))

    def score(self, user: str, items: Sequence[str]) -> Scores:
        """The scores of given items; from Redis the part of the vectors alone (see `Scores.parts`)."""
        return self._run(self._backend.score(user, items))

    def explain(self, user: str, item: str) -> Explanation:
        """Why an item has its score for a user; needs a gateway that reaches its engine."""
        return self._run(self._backend.explain(user, item))

    def send(self, events: AnyEvent | Sequence[AnyEvent], *, partial: bool = False) -> Delivery:
        """Sends events, all or none: each is checked first, and the broker has all of them when this returns.

        With `partial` the good events are taken and the result has the others. After `Unavailable` some may have been
        written; with an `event_id` in each event, sending them again counts none twice.
        """
        return self._run(self._backend.send(_one_event(events), partial))

    def forget(self, user: str) -> None:
        """Erases a user: the engine forgets the history and removes the list."""
        self._run(self._backend.forget(user))

    def item(self, item: str) -> Document:
        """The document of an item; NotFound if there is none."""
        return self._run(self._backend.item(item))

    def put_item(self, item: str, content: Mapping[str, Any], *, etag: str | None = None, wait: float = 0) -> Change:
        """Writes the document of an item. With `wait`, it waits up to so many seconds until readers see the change."""
        return self._run(self._backend.change_item("PUT", item, content, etag, wait))

    def patch_item(self, item: str, changes: Mapping[str, Any], *, etag: str = "*", wait: float = 0) -> Change:
        """Changes fields of a document; None removes one. With `etag`, Conflict if somebody else was faster."""
        return self._run(self._backend.change_item("PATCH", item, changes, etag, wait))

    def delete_item(self, item: str, *, etag: str | None = None, wait: float = 0) -> Change:
        """Removes the document of an item, and the item from lists."""
        return self._run(self._backend.change_item("DELETE", item, None, etag, wait))


class AsyncClient(_Calls):
    """The calls of Client for asyncio."""

    def __init__(
        self,
        url: str = DEFAULT_URL,
        *,
        namespace: str = "default",
        key_prefix: str = "freshet",
        timeout: float | None = None,
        pool_size: int = 16,
        username: str | None = None,
        password: str | None = None,
        token: str | None = None,
        token_file: str | Path | None = None,
        ca_file: str | Path | None = None,
        producer: Producer | None = None,
    ) -> None:
        super().__init__(url, namespace, key_prefix, token, token_file, producer)
        if self._address.is_gateway:
            from .transports.http_async import AsyncHTTPPool

            http_pool = AsyncHTTPPool(self._http_settings(timeout, pool_size, ca_file))
            self._perform: Callable[[Any], Awaitable[Any]] = http_pool.perform
            self._close = http_pool.close
        else:
            from .transports.redis_pool import AsyncRedisPool, RedisSettings

            settings = RedisSettings(self._address, username, password, timeout or _REDIS_TIMEOUT, pool_size)
            redis_pool = AsyncRedisPool(settings)
            self._perform = redis_pool.perform
            self._close = redis_pool.close

    async def __aenter__(self) -> AsyncClient:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Closes the connections."""
        await self._close()

    async def _run(self, operation: Operation[T]) -> T:
        try:
            step: Step = next(operation)
            while True:
                try:
                    reply = await self._reply(step)
                except FreshetError as fault:
                    step = operation.throw(fault)
                else:
                    step = operation.send(reply)
        except StopIteration as end:
            result: T = end.value
            return result

    async def _reply(self, step: Commands | Request | Records) -> Any:
        if isinstance(step, Records):
            await asyncio.to_thread(self._produce, step)
            return None
        return await self._perform(step)

    async def recommend(
        self,
        user: str,
        n: int = 10,
        *,
        offset: int = 0,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        include: Sequence[str] = (),
        category: str | Sequence[str] = (),
        filter: str | None = None,  # noqa: A002
        strict: bool | None = None,
        context: ContextItems = (),
        diversity: float | None = None,
        max_per_category: int | None = None,
        min_score: float | None = None,
        fields: Sequence[str] = (),
        placement: str | None = None,
        seen: bool | None = None,
        explain: bool | None = None,
    ) -> ItemList:
        """As Client.recommend."""
        return await self._run(
            self._backend.recommend(
                user,
                _options(
                    n,
                    offset,
                    exclude,
                    available_only,
                    include=include,
                    category=category,
                    filter=filter,
                    strict=strict,
                    context=context,
                    diversity=diversity,
                    max_per_category=max_per_category,
                    min_score=min_score,
                    fields=fields,
                    placement=placement,
                    seen=seen,
                    explain=explain,
                ),
            )
        )

    async def recommend_many(
        self,
        users: Sequence[str],
        n: int = 10,
        *,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        **options: Any,
    ) -> list[ItemList]:
        """As Client.recommend_many."""
        return await self._run(self._backend.recommend_many(users, _options(n, 0, exclude, available_only, **options)))

    async def recommend_for_items(
        self, items: ContextItems, n: int = 10, *, exclude: Sequence[str] = (), **options: Any
    ) -> ItemList:
        """As Client.recommend_for_items."""
        return await self._run(self._backend.recommend_for_items(items, _options(n, 0, exclude, **options)))

    async def similar(
        self,
        item: str,
        n: int = 10,
        *,
        offset: int = 0,
        exclude: Sequence[str] = (),
        available_only: bool = False,
        **options: Any,
    ) -> ItemList:
        """As Client.similar."""
        return await self._run(self._backend.similar(item, _options(n, offset, exclude, available_only, **options)))

    async def popular(
        self, n: int = 10, *, offset: int = 0, exclude: Sequence[str] = (), available_only: bool = False, **options: Any
    ) -> ItemList:
        """As Client.popular."""
        return await self._run(self._backend.popular(_options(n, offset, exclude, available_only, **options)))

    async def score(self, user: str, items: Sequence[str]) -> Scores:
        """As Client.score."""
        return await self._run(self._backend.score(user, items))

    async def explain(self, user: str, item: str) -> Explanation:
        """As Client.explain."""
        return await self._run(self._backend.explain(user, item))

    async def send(self, events: AnyEvent | Sequence[AnyEvent], *, partial: bool = False) -> Delivery:
        """As Client.send."""
        return await self._run(self._backend.send(_one_event(events), partial))

    async def forget(self, user: str) -> None:
        """As Client.forget."""
        await self._run(self._backend.forget(user))

    async def item(self, item: str) -> Document:
        """As Client.item."""
        return await self._run(self._backend.item(item))

    async def put_item(
        self, item: str, content: Mapping[str, Any], *, etag: str | None = None, wait: float = 0
    ) -> Change:
        """As Client.put_item."""
        return await self._run(self._backend.change_item("PUT", item, content, etag, wait))

    async def patch_item(self, item: str, changes: Mapping[str, Any], *, etag: str = "*", wait: float = 0) -> Change:
        """As Client.patch_item."""
        return await self._run(self._backend.change_item("PATCH", item, changes, etag, wait))

    async def delete_item(self, item: str, *, etag: str | None = None, wait: float = 0) -> Change:
        """As Client.delete_item."""
        return await self._run(self._backend.change_item("DELETE", item, None, etag, wait))
