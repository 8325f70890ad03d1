"""Processes that answer one query each, ended when they are late, with a spare one always ready."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Any

from .query_host import Child, Crashed

_RETRY_SECONDS_MAX = 30.0


class Late(Exception):
    """The query took longer than it may."""


class Busy(Exception):
    """Too many calls wait, or no child gets ready."""


@dataclass
class PoolCounts:
    """What happened to the children."""

    starts: int = 0
    kills: int = 0
    crashes: int = 0


class QueryPool:
    """The children of one query.

    `concurrency` of them may be at work, and one more is ready to take a dead one's place.
    """

    def __init__(
        self,
        start_child: Callable[[], Awaitable[Child]],
        *,
        timeout: float,
        concurrency: int = 1,
        waiting_max: int = 64,
        wait_limit: float = 5.0,
    ) -> None:
        self._start_child = start_child
        self._timeout = timeout
        self._concurrency = concurrency
        self._waiting_max = waiting_max
        self._wait_limit = wait_limit
        self._ready: asyncio.LifoQueue[Child] = asyncio.LifoQueue()
        self._places = asyncio.Semaphore(concurrency)
        self._children: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._waiting = 0
        self._busy = 0
        self._is_closed = False
        self.counts = PoolCounts()
        self.last_error = ""

    @property
    def ready(self) -> int:
        """The number of children that wait for a call."""
        return self._ready.qsize()

    async def start(self) -> None:
        """Starts all children, and returns once one of them is ready; raises Crashed if the first one is not."""
        self._take_in(await self._start_child())
        for _ in range(self._concurrency):
            self._replace()

    async def call(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        """Answers one call. The clock of the query starts when a child that is ready has it."""
        if self._is_closed or self._waiting >= self._waiting_max:
            raise Busy(f"{self._waiting} calls wait already")
        self._waiting += 1
        try:
            await asyncio.wait_for(self._places.acquire(), self._wait_limit)
        except asyncio.TimeoutError as fault:
            raise Busy(f"no process was free within {self._wait_limit:g} s") from fault
        finally:
            self._waiting -= 1
        self._busy += 1
        try:
            return await self._call(arguments)
        finally:
            self._busy -= 1
            self._places.release()

    async def _call(self, arguments: Mapping[str, Any]) -> dict[str, Any]:
        child = await self._next_child()
        begin = time.monotonic()
        try:
            answer: dict[str, Any] = await asyncio.wait_for(child.exchange(arguments), self._timeout)
        except asyncio.TimeoutError as fault:
            self.counts.kills += 1
            await self._drop(child)
            raise Late(f"it took longer than {self._timeout:g} s and was ended") from fault
        except (EOFError, ValueError, OSError) as fault:
            self.counts.crashes += 1
            await self._drop(child)
            raise Crashed(f"the process ended after {time.monotonic() - begin:.3f} s") from fault
        except BaseException:
            # The caller went away in the middle; the child's answer would reach the next one.
            await self._drop(child)
            raise
        self._ready.put_nowait(child)
        return answer

    async def close(self) -> None:
        """Ends the children, after the calls that they answer."""
        self._is_closed = True
        for task in self._tasks:
            task.cancel()
        while self._busy:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        await asyncio.gather(*(child.end() for child in list(self._children)), *self._tasks, return_exceptions=True)

    # Parts

    async def _next_child(self) -> Child:
        while True:
            try:
                child = await asyncio.wait_for(self._ready.get(), self._wait_limit)
            except asyncio.TimeoutError as fault:
                raise Busy(f"no process is ready: {self.last_error or 'they are being started'}") from fault
            if not child.is_gone:
                return child
            # It ended while it waited.
            self.counts.crashes += 1
            await self._drop(child)

    def _take_in(self, child: Child) -> None:
        self.counts.starts += 1
        self.last_error = ""
        self._children.add(child)
        self._ready.put_nowait(child)

    async def _drop(self, child: Child) -> None:
        self._children.discard(child)
        self._replace()
        await child.end()

    def _replace(self) -> None:
        if self._is_closed:
            return
        task = asyncio.create_task(self._start_one())
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_one(self) -> None:
        pause = 0.1
        while not self._is_closed:
            try:
                child = await self._start_child()
            except Crashed as fault:
                self.last_error = str(fault)
                await asyncio.sleep(pause)
                pause = min(2 * pause, _RETRY_SECONDS_MAX)
                continue
            self._take_in(child)
            return
