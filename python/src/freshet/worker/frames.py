"""Messages between the worker and its children: the length in four bytes, then JSON."""

from __future__ import annotations

import asyncio
import json
import os
import socket
import struct
from typing import Any, BinaryIO

from ..tasks import plain

MAX_FRAME_BYTES = 16 * 1024 * 1024


class TooLarge(ValueError):
    """A message is larger than a frame may be."""


def encode(message: Any) -> bytes:
    body = json.dumps(message, ensure_ascii=False, default=plain, allow_nan=False).encode()
    if len(body) > MAX_FRAME_BYTES:
        raise TooLarge(f"the result has {len(body)} bytes of JSON, more than {MAX_FRAME_BYTES}")
    return struct.pack("<I", len(body)) + body


async def read(stream: asyncio.StreamReader) -> Any:
    """The next message; raises EOFError at the end, and ValueError for what is no message."""
    try:
        (size,) = struct.unpack("<I", await stream.readexactly(4))
        if size > MAX_FRAME_BYTES:
            raise ValueError(f"a message of {size} bytes")
        return json.loads(await stream.readexactly(size))
    except asyncio.IncompleteReadError as fault:
        raise EOFError from fault


class Pipe:
    """The child's side of an exchange of messages."""

    def __init__(self, source: BinaryIO, sink: BinaryIO) -> None:
        self._source = source
        self._sink = sink

    @classmethod
    def of_standard_streams(cls) -> Pipe:
        """Standard input and output, which the code that is run no longer reaches: what it prints goes to the log."""
        pipe = cls(os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb"))
        os.dup2(2, 1)
        null = os.open(os.devnull, os.O_RDONLY)
        os.dup2(null, 0)
        os.close(null)
        return pipe

    @classmethod
    def of_socket(cls, descriptor: int) -> Pipe:
        connection = socket.socket(fileno=descriptor)
        return cls(connection.makefile("rb"), connection.makefile("wb"))

    def read(self) -> Any:
        """The next message; None at the end."""
        head = self._source.read(4)
        if len(head) < 4:
            return None
        return json.loads(self._source.read(struct.unpack("<I", head)[0]))

    def write(self, message: Any) -> None:
        self._sink.write(encode(message))
        self._sink.flush()
