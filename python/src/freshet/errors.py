"""What can go wrong, as exceptions whose text says how to fix it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any


class FreshetError(Exception):
    """The base of all errors of this package; `fix` says what to do about it, and may be empty."""

    accepted = 0
    """Of an error while many events are sent: how many the broker had acknowledged before it."""

    def __init__(self, message: str, *, fix: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.fix = fix

    def __str__(self) -> str:
        return f"{self.message}; {self.fix}" if self.fix else self.message


class MissingExtra(FreshetError, ImportError):
    """A library of an optional part is not installed."""

    def __init__(self, extra: str, library: str) -> None:
        super().__init__(f"{library} is not installed", fix=f"pip install 'freshet[{extra}]'")


class Unavailable(FreshetError):
    """A server cannot be reached or does not answer in time; the same call may succeed later."""

    def __init__(self, message: str, *, fix: str = "", retry_after: float | None = None) -> None:
        super().__init__(message, fix=fix)
        self.retry_after = retry_after


class NothingPublished(Unavailable):
    """Redis has neither the list asked for nor a popular one."""


class NotSupported(FreshetError):
    """What the client talks to cannot do this."""


class BadReply(FreshetError):
    """A server answered with something that this version does not understand."""


class InvalidEvent(FreshetError, ValueError):
    """An event that the engine would reject; `reason` is the one that it would give."""

    def __init__(self, reason: str, message: str, *, index: int | None = None) -> None:
        where = "" if index is None else f"event {index}: "
        super().__init__(f"{where}{reason}: {message}")
        self.reason = reason
        self.index = index


class DeliveryFailed(FreshetError):
    """Kafka did not take all records; `failures` has the first of those that it did not take."""

    def __init__(self, message: str, *, fix: str = "", failures: Sequence[Any] = (), count: int = 0) -> None:
        super().__init__(message, fix=fix)
        self.failures = tuple(failures)
        self.count = count


class Problem(FreshetError):
    """A gateway refused a request, as a problem of RFC 9457.

    `code` is stable and for programs; `members` has everything that the answer said, such as `position` of a filter.
    """

    def __init__(self, status: int, members: Mapping[str, Any]) -> None:
        detail = str(members.get("detail") or members.get("title") or f"the server answered {status}")
        super().__init__(detail, fix=str(members.get("fix") or ""))
        self.status = status
        self.code = str(members.get("code") or "")
        self.title = str(members.get("title") or "")
        self.members = dict(members)


class BadRequest(Problem):
    """The request is malformed (400, 413, 415); sending it again does not help."""


class Unauthorized(Problem):
    """The token is missing, wrong, or not allowed to do this (401, 403)."""


class NotFound(Problem):
    """There is no such thing (404)."""


class Conflict(Problem):
    """Somebody else has changed it, or the version is missing (409, 412, 428)."""


class NotConfigured(Problem):
    """The server is not configured for that (501)."""


class EventsRejected(BadRequest):
    """Some events were refused, and therefore none was taken; `rejections` has an entry for each bad one."""

    @property
    def rejections(self) -> list[InvalidEvent]:
        return [
            InvalidEvent(str(entry.get("reason")), str(entry.get("message")), index=entry.get("index"))
            for entry in self.members.get("errors") or []
        ]


class ServerProblem(Problem, Unavailable):
    """The server cannot answer now (429, 5xx); `retry_after` is the number of seconds that it asks for."""

    def __init__(self, status: int, members: Mapping[str, Any], retry_after: float | None = None) -> None:
        Problem.__init__(self, status, members)
        self.retry_after = retry_after


_BY_STATUS: dict[int, type[Problem]] = {
    401: Unauthorized,
    403: Unauthorized,
    404: NotFound,
    409: Conflict,
    412: Conflict,
    428: Conflict,
    501: NotConfigured,
}


def problem(status: int, members: Mapping[str, Any], retry_after: float | None = None) -> Problem:
    """The exception for an answer of a gateway that is no success."""
    if status == 400 and members.get("code") == "events":
        return EventsRejected(status, members)
    if status == 429 or (status >= 500 and status != 501):
        return ServerProblem(status, members, retry_after)
    return _BY_STATUS.get(status, BadRequest if 400 <= status < 500 else Problem)(status, members)
