"""The process that has loaded a deployed module, from which the children that answer its queries are forked.

Loading a module costs its imports once, and a child that takes a dead one's place costs a few milliseconds.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
import socket
from collections.abc import Mapping, Sequence
from typing import Any

from . import frames


class Crashed(Exception):
    """A process ended, or did not get ready."""


class Child:
    """A process that answers one call at a time."""

    def __init__(
        self, host: QueryHost, number: int, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        self._host = host
        self._number = number
        self._reader = reader
        self._writer = writer

    @property
    def is_gone(self) -> bool:
        """Whether it is known to have ended."""
        return self._reader.at_eof()

    async def read(self) -> Any:
        return await frames.read(self._reader)

    async def exchange(self, arguments: Mapping[str, Any]) -> Any:
        self._writer.write(frames.encode(arguments))
        await self._writer.drain()
        return await self.read()

    async def end(self) -> None:
        """Ends it at once, whatever it does, and waits until it is gone."""
        await self._host.kill(self._number)
        self._writer.close()
        with contextlib.suppress(OSError):
            await self._writer.wait_closed()


class QueryHost:
    """A loaded module, and how to get children of it."""

    def __init__(self, process: asyncio.subprocess.Process, control: socket.socket) -> None:
        self._process = process
        self._control = control
        self._numbers = itertools.count(1)
        self._ends: dict[int, asyncio.Future[None]] = {}
        self._reader: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: Sequence[str], limit: float) -> QueryHost:
        """Starts the process; raises Crashed if the module does not load within the limit, in seconds."""
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            process = await asyncio.create_subprocess_exec(
                *command,
                "--control",
                str(theirs.fileno()),
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                pass_fds=[theirs.fileno()],
            )
        host = cls(process, ours)
        assert process.stdout is not None
        try:
            message = await asyncio.wait_for(frames.read(process.stdout), limit)
            if not message.get("ready"):
                raise Crashed(message.get("error", "it did not get ready"))
        except asyncio.TimeoutError as fault:
            await host.close()
            raise Crashed(f"the module was not loaded within {limit:g} s") from fault
        except (EOFError, ValueError) as fault:
            await host.close()
            raise Crashed("it ended before it was ready; the log says why") from fault
        except BaseException:
            await host.close()
            raise
        host._reader = asyncio.create_task(host._read())
        return host

    @property
    def is_gone(self) -> bool:
        return self._process.returncode is not None

    async def new_child(self, query: str, limit: float = 30.0) -> Child:
        """A child that is ready to answer this query."""
        if self.is_gone:
            raise Crashed("the process with the module has ended")
        number = next(self._numbers)
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_STREAM)
        self._ends[number] = asyncio.get_running_loop().create_future()
        with theirs:
            try:
                socket.send_fds(
                    self._control, [json.dumps({"start": number, "query": query}).encode()], [theirs.fileno()]
                )
            except OSError as fault:
                ours.close()
                raise Crashed("the process with the module has ended") from fault
        reader, writer = await asyncio.open_connection(sock=ours, limit=2**20)
        child = Child(self, number, reader, writer)
        try:
            await asyncio.wait_for(child.read(), limit)
        except (asyncio.TimeoutError, EOFError, ValueError) as fault:
            await child.end()
            raise Crashed(f"a process for {query} did not get ready") from fault
        except BaseException:
            await child.end()
            raise
        return child

    async def kill(self, number: int) -> None:
        """Ends a child. Its parent does it, which knows whether the process is still the one that was meant."""
        end = self._ends.get(number)
        if end is None:
            return
        with contextlib.suppress(OSError):
            self._control.send(json.dumps({"kill": number}).encode())
        await asyncio.shield(end)

    async def close(self) -> None:
        """Ends the process and all its children."""
        self._control.close()
        try:
            await asyncio.wait_for(self._process.wait(), 5)
        except asyncio.TimeoutError:
            with contextlib.suppress(ProcessLookupError):
                self._process.kill()
            await self._process.wait()
        if self._reader is not None:
            await self._reader

    async def _read(self) -> None:
        """Follows which children have ended, until the process itself ends."""
        assert self._process.stdout is not None
        with contextlib.suppress(EOFError, ValueError):
            while True:
                message = await frames.read(self._process.stdout)
                self._note_end(int(message["ended"]))
        await self._process.wait()
        for number in list(self._ends):
            self._note_end(number)

    def _note_end(self, number: int) -> None:
        end = self._ends.pop(number, None)
        if end is not None and not end.done():
            end.set_result(None)
