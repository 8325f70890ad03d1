"""Connections to Redis through redis-py, one at a time or with asyncio."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ..addresses import Address
from ..backends import Commands
from ..errors import FreshetError, MissingExtra, Unavailable


@dataclass(frozen=True)
class RedisSettings:
    """How to connect; `timeout` holds for connecting, for each reply, and for waiting for a free connection."""

    address: Address
    username: str | None = None
    password: str | None = None
    timeout: float = 1.0
    pool_size: int = 16

    def arguments(self) -> dict[str, Any]:
        given = {"username": self.username, "password": self.password}
        return {
            "max_connections": self.pool_size,
            "timeout": self.timeout,
            "socket_timeout": self.timeout,
            "socket_connect_timeout": self.timeout,
            "socket_keepalive": True,
            # A reader's rights are few: no HELLO, no CLIENT.
            "protocol": 2,
            "lib_name": None,
            "lib_version": None,
            **{name: value for name, value in given.items() if value is not None},
        }

    def connection_arguments(self) -> dict[str, Any]:
        arguments = self.arguments()
        if self.address.url.startswith("unix:"):
            del arguments["socket_keepalive"]
        return arguments

    def error(self, fault: Exception) -> FreshetError:
        """The error of this package for one of redis-py."""
        name, where = type(fault).__name__, self.address.redacted
        if name in ("AuthenticationError", "AuthenticationWrongNumberOfArgsError", "NoPermissionError"):
            return FreshetError(f"Redis at {where} refuses: {fault}", fix="give username and password of a reader")
        if name == "TimeoutError":
            return Unavailable(
                f"Redis at {where} did not answer within {self.timeout} s", fix="raise timeout, or look at its load"
            )
        if name == "MaxConnectionsError" or "No connection available" in str(fault):
            return Unavailable(
                f"all {self.pool_size} connections to Redis at {where} are in use",
                fix="raise pool_size, or share fewer threads",
            )
        if name in ("ConnectionError", "BusyLoadingError", "OSError"):
            return Unavailable(f"Redis at {where} cannot be reached: {fault}", fix="is it running there?")
        return FreshetError(f"Redis at {where} answered: {fault}")


class RedisPool:
    """A pool of connections that threads may share."""

    def __init__(self, settings: RedisSettings) -> None:
        redis, retry = _library()
        self._settings = settings
        self._errors = (redis.exceptions.RedisError, OSError)
        # One repetition covers a kept connection that the server has closed; all that is read may be read twice.
        pool = redis.BlockingConnectionPool.from_url(
            settings.address.url,
            retry=retry,
            retry_on_error=[redis.exceptions.ConnectionError],
            **settings.connection_arguments(),
        )
        self._redis = redis.Redis(connection_pool=pool)

    def perform(self, step: Commands) -> list[Any]:
        try:
            if len(step.commands) == 1:
                return [self._redis.execute_command(*step.commands[0])]
            with self._redis.pipeline(transaction=False) as pipeline:
                for command in step.commands:
                    pipeline.execute_command(*command)
                return list(pipeline.execute())
        except self._errors as fault:
            raise self._settings.error(fault) from fault

    def close(self) -> None:
        self._redis.connection_pool.disconnect()


class AsyncRedisPool:
    """The same for asyncio."""

    def __init__(self, settings: RedisSettings) -> None:
        redis, retry = _library(is_async=True)
        self._settings = settings
        self._errors = (redis.RedisError, OSError)
        pool = redis.BlockingConnectionPool.from_url(
            settings.address.url, retry=retry, retry_on_error=[redis.ConnectionError], **settings.connection_arguments()
        )
        self._redis = redis.Redis(connection_pool=pool)

    async def perform(self, step: Commands) -> list[Any]:
        try:
            if len(step.commands) == 1:
                return [await self._redis.execute_command(*step.commands[0])]
            async with self._redis.pipeline(transaction=False) as pipeline:
                for command in step.commands:
                    pipeline.execute_command(*command)
                return list(await pipeline.execute())
        except self._errors as fault:
            raise self._settings.error(fault) from fault

    async def close(self) -> None:
        await self._redis.connection_pool.disconnect()


def _library(*, is_async: bool = False) -> tuple[Any, Any]:
    try:
        import redis
        from redis.asyncio.retry import Retry as AsyncRetry
        from redis.backoff import NoBackoff
        from redis.retry import Retry
    except ImportError as fault:
        raise MissingExtra("redis", "redis") from fault
    if is_async:
        return redis.asyncio, AsyncRetry(NoBackoff(), 1)
    return redis, Retry(NoBackoff(), 1)
