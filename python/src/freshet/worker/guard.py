"""Keeps a query to reading Redis.

This guards against mistakes, such as a call of another service left in a notebook. It does not hold against code that
means harm: Python cannot be fenced in from within. Deploy what you would run yourself.
"""

from __future__ import annotations

import os
import socket
import sys
from typing import Any
from urllib.parse import unquote, urlsplit

READS = frozenset(
    """
    GET MGET GETRANGE STRLEN EXISTS TYPE TTL PTTL HGET HMGET HGETALL HLEN HKEYS HVALS HEXISTS HSCAN SMEMBERS SISMEMBER
    SMISMEMBER SCARD LRANGE LLEN LINDEX ZRANGE ZSCORE ZMSCORE ZCARD ZRANK ZREVRANK ZCOUNT SCAN PING
    """.split()  # noqa: SIM905
)

_PROCESSES = frozenset(
    ["subprocess.Popen", "os.system", "os.exec", "os.posix_spawn", "os.spawn", "os.fork", "os.forkpty", "pty.spawn"]
)
_CHANGES = frozenset(
    [
        "os.remove",
        "os.rename",
        "os.rmdir",
        "os.mkdir",
        "os.link",
        "os.symlink",
        "os.truncate",
        "os.chmod",
        "os.chown",
        "shutil.rmtree",
    ]
)
_WRITE_FLAGS = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND


def allowed_addresses(url: str) -> frozenset[Any]:
    """The addresses at which a URL's Redis is reached."""
    parts = urlsplit(url)
    if parts.scheme == "unix":
        return frozenset([unquote(parts.path)])
    host, port = parts.hostname or "127.0.0.1", parts.port or 6379
    return frozenset(entry[4][:2] for entry in socket.getaddrinfo(host, port, type=socket.SOCK_STREAM))


class _Forking:
    is_allowed = False


def fork() -> int:
    """Forks although the guard is in place."""
    _Forking.is_allowed = True
    try:
        return os.fork()
    finally:
        _Forking.is_allowed = False


def install(url: str) -> None:
    """From now on this process connects to Redis only, writes no file, and starts no program."""
    allowed = allowed_addresses(url)
    # No module may leave its compiled form behind.
    sys.dont_write_bytecode = True

    def watch(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "socket.connect":
            address = arguments[1][:2] if isinstance(arguments[1], tuple) else arguments[1]
            if address not in allowed:
                raise PermissionError(f"a query may connect to Redis only, not to {address}")
        elif event == "open":
            path, mode, flags = arguments
            writes = (isinstance(mode, str) and any(letter in mode for letter in "wax+")) or (
                isinstance(flags, int) and flags & _WRITE_FLAGS
            )
            if writes and path != os.devnull:
                raise PermissionError(f"a query may not write files: {path}")
        elif event in _PROCESSES and not (event == "os.fork" and _Forking.is_allowed):
            raise PermissionError("a query may not start programs")
        elif event in _CHANGES:
            raise PermissionError("a query may not change files")

    sys.addaudithook(watch)
