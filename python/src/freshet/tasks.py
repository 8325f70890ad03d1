"""Functions that the worker runs: tasks on a schedule, and queries as endpoints."""

from __future__ import annotations

import inspect
import json
import re
import threading
import types
import typing
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Protocol, TypeVar

from .backends import Commands
from .client import Client
from .durations import seconds
from .errors import FreshetError
from .keys import Keyspace
from .runs import Run

Function = TypeVar("Function", bound=Callable[..., Any])

CATCH_UP = ("once", "all", "skip")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,63}")
_SERIES = re.compile(r"[a-z][a-z0-9_]{0,63}")
_TASK_ATTRIBUTE = "__freshet_task__"
_QUERY_ATTRIBUTE = "__freshet_query__"


@dataclass(frozen=True)
class Task:
    """When a task runs. `jitter` is the share of `every` by which a run may start late, so that tasks spread."""

    name: str
    every: float
    jitter: float
    catch_up: str


@dataclass(frozen=True)
class Parameter:
    """A parameter of a query: its kind is `str`, `int`, `float` or `bool`, or a list of one of them."""

    name: str
    kind: str
    is_list: bool
    is_required: bool

    def convert(self, values: Sequence[Any]) -> Any:
        """The value of the parameter from what a request gave; raises ValueError."""
        converted = [_CONVERTERS[self.kind](value) for value in values]
        if self.is_list:
            return converted
        if len(converted) != 1:
            raise ValueError("is given more than once")
        return converted[0]


@dataclass(frozen=True)
class Query:
    """What a query is called with, and the time it may take."""

    name: str
    timeout: float
    concurrency: int
    parameters: Sequence[Parameter]
    summary: str = ""

    def arguments(self, given: Mapping[str, Sequence[Any]]) -> dict[str, Any]:
        """The arguments of a call; raises ValueError with a sentence about what is wrong."""
        known = {parameter.name: parameter for parameter in self.parameters}
        if unknown := sorted(set(given) - set(known)):
            names = ", ".join(known) or "none"
            raise ValueError(f"{self.name} has no parameter {unknown[0]}; its parameters: {names}")
        arguments = {}
        for name, parameter in known.items():
            if name in given:
                try:
                    arguments[name] = parameter.convert(given[name])
                except (ValueError, TypeError) as fault:
                    kind = f"list of {parameter.kind}" if parameter.is_list else parameter.kind
                    raise ValueError(f"{name} must be {kind}: {fault}") from fault
            elif parameter.is_required:
                raise ValueError(f"{self.name} needs the parameter {name}")
        return arguments


def task(
    *, every: str | float | timedelta, name: str | None = None, jitter: float = 0.1, catch_up: str = "once"
) -> Callable[[Function], Function]:
    """Makes a function a task of the worker, called with a TaskContext at every multiple of `every` since 1970.

    A task never overlaps with itself. `catch_up` says what happens with times that passed while no worker ran, or
    while a run took too long: `once` runs once for all of them, `all` once for each, `skip` waits for the next time.
    """
    period = seconds(every)
    if not 0 <= jitter <= 1:
        raise ValueError(f"jitter is a share from 0 to 1, not {jitter}")
    if catch_up not in CATCH_UP:
        raise ValueError(f"catch_up is one of {', '.join(CATCH_UP)}, not {catch_up!r}")

    def mark(function: Function) -> Function:
        setattr(function, _TASK_ATTRIBUTE, Task(_checked_name(name or function.__name__), period, jitter, catch_up))
        return function

    return mark


def query(
    *, timeout: str | float | timedelta = "1s", name: str | None = None, concurrency: int = 1
) -> Callable[[Function], Function]:
    """Makes a function an endpoint of the worker, called with a QueryContext and the parameters of the request.

    It may read Redis and nothing else. A call that takes longer than `timeout` is ended. `concurrency` is the number
    of calls at a time, each in a process of its own.
    """
    limit = seconds(timeout)
    if not 1 <= concurrency <= 64:
        raise ValueError(f"concurrency is from 1 to 64, not {concurrency}")

    def mark(function: Function) -> Function:
        definition = Query(
            _checked_name(name or function.__name__),
            limit,
            concurrency,
            tuple(_parameters(function)),
            (inspect.getdoc(function) or "").partition("\n")[0],
        )
        setattr(function, _QUERY_ATTRIBUTE, definition)
        return function

    return mark


def definitions(module: types.ModuleType) -> tuple[dict[str, tuple[Task, Any]], dict[str, tuple[Query, Any]]]:
    """The tasks and queries of a module, by name."""
    tasks: dict[str, tuple[Task, Any]] = {}
    queries: dict[str, tuple[Query, Any]] = {}
    for value in list(vars(module).values()):
        if isinstance(marked := getattr(value, _TASK_ATTRIBUTE, None), Task):
            if marked.name in tasks and tasks[marked.name][1] is not value:
                raise ValueError(f"two tasks are called {marked.name}; give one of them another name=")
            tasks[marked.name] = (marked, value)
        if isinstance(found := getattr(value, _QUERY_ATTRIBUTE, None), Query):
            if found.name in queries and queries[found.name][1] is not value:
                raise ValueError(f"two queries are called {found.name}; give one of them another name=")
            queries[found.name] = (found, value)
    return tasks, queries


# What the functions are called with


class _Performs(Protocol):
    def perform(self, step: Commands) -> list[Any]: ...


@dataclass
class QueryContext:
    """What a query reads: lists through `client`, other keys through the methods."""

    client: Client
    redis: _Performs = field(repr=False)
    keys: Keyspace = field(default_factory=Keyspace)

    @classmethod
    def connect(cls, url: str, *, namespace: str = "default", key_prefix: str = "freshet") -> QueryContext:
        """A context for a notebook, to try a query before it is deployed."""
        from .addresses import Address
        from .transports.redis_pool import RedisPool, RedisSettings

        client = Client(url, namespace=namespace, key_prefix=key_prefix)
        return cls(client, RedisPool(RedisSettings(Address(url))), Keyspace(namespace, key_prefix))

    def get(self, key: str) -> bytes | None:
        """The value of a key."""
        value: bytes | None = self.redis.perform(Commands([("GET", key)]))[0]
        return value

    def mget(self, keys: Sequence[str]) -> list[bytes | None]:
        """The values of several keys."""
        return list(self.redis.perform(Commands([("GET", key) for key in keys]))) if keys else []

    def hgetall(self, key: str) -> dict[str, bytes]:
        """All fields of a hash."""
        reply = self.redis.perform(Commands([("HGETALL", key)]))[0]
        pairs = reply.items() if isinstance(reply, Mapping) else zip(reply[::2], reply[1::2], strict=True)
        return {name.decode() if isinstance(name, bytes) else name: value for name, value in pairs}

    def task_value(self, name: str, key: str) -> Any:
        """What a task has put under this key; None if nothing."""
        text = self.get(self.keys.task(name, key))
        return None if text is None else json.loads(text)


class TaskContext(QueryContext):
    """What a task is called with: it reads like a query, writes keys of its own, and sets series of `/metrics`."""

    def __init__(self, client: Client, redis: _Performs, keys: Keyspace, name: str, due: float = 0.0) -> None:
        super().__init__(client, redis, keys)
        self.name = name
        self.due = due
        self.series: dict[tuple[str, str, tuple[tuple[str, str], ...]], float] = {}
        self.stopping = threading.Event()
        self.run = Run(name, None)
        """The record of this run, with `metric`, `series`, `input`, `artifact`; kept if the worker has --runs-store."""

    @property
    def is_stopping(self) -> bool:
        """Whether the worker is about to end; a long task may then return early."""
        return self.stopping.is_set()

    def put(self, key: str, value: Any, *, ttl: str | float | timedelta | None = None) -> None:
        """Writes a value as JSON under `<prefix>:<namespace>:task:<name>:<key>`."""
        if not key or key.startswith("_"):
            raise FreshetError(
                f"{key!r} is no key of a task", fix="use one that is not empty and does not begin with _"
            )
        command: tuple[str, ...] = (
            "SET",
            self.keys.task(self.name, key),
            json.dumps(value, ensure_ascii=False, default=plain),
        )
        if ttl is not None:
            command = (*command, "PX", str(round(seconds(ttl) * 1000)))
        self.redis.perform(Commands([command]))

    def own(self, key: str) -> Any:
        """What this task has put under this key before."""
        return self.task_value(self.name, key)

    def gauge(self, name: str, value: float, **labels: str) -> None:
        """Sets the series `freshet_task_<name>{task="..."}` of the worker's `/metrics`."""
        self._series("gauge", name, float(value), labels)

    def count(self, name: str, by: float = 1, **labels: str) -> None:
        """Adds to the series `freshet_task_<name>_total{task="..."}`."""
        if by < 0:
            raise ValueError("a counter only grows")
        key = ("counter", name, tuple(sorted(labels.items())))
        self._series("counter", name, self.series.get(key, 0.0) + by, labels)

    def _series(self, kind: str, name: str, value: float, labels: Mapping[str, str]) -> None:
        if not _SERIES.fullmatch(name) or "task" in labels or any(not _SERIES.fullmatch(label) for label in labels):
            raise FreshetError(f"{name!r} with {list(labels)} is no series", fix="use lower-case letters, digits and _")
        key = (kind, name, tuple(sorted(labels.items())))
        if key not in self.series and len(self.series) >= 1000:
            raise FreshetError(f"the task {self.name} has more than 1000 series", fix="use labels with few values")
        self.series[key] = value


def plain(value: Any) -> Any:
    """What JSON can hold in place of a value: for dataclasses, sets, arrays and numbers of NumPy, bytes."""
    import dataclasses

    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {each.name: getattr(value, each.name) for each in dataclasses.fields(value)}
    if isinstance(value, (set, frozenset, tuple)):
        return sorted(value, key=str) if isinstance(value, (set, frozenset)) else list(value)
    if hasattr(value, "tolist"):
        return value.tolist()
    if hasattr(value, "to_dict"):
        return value.to_dict("records") if hasattr(value, "columns") else value.to_dict()
    if hasattr(value, "isoformat"):
        return value.isoformat()
    if isinstance(value, bytes):
        return value.decode()
    raise TypeError(f"a {type(value).__name__} cannot be written as JSON")


# Parts


def _checked_name(name: str) -> str:
    if not _NAME.fullmatch(name):
        raise ValueError(f"{name!r} is no name; use letters, digits, _ and -, at most 64, a letter first")
    return name


def _boolean(value: Any) -> bool:
    words = {"true": True, "1": True, "false": False, "0": False}
    if isinstance(value, bool):
        return value
    if str(value).lower() not in words:
        raise ValueError(f"{value!r} is neither true nor false")
    return words[str(value).lower()]


def _number_or_fail(value: Any) -> float:
    if isinstance(value, bool):
        raise ValueError("a boolean is no number")
    return float(value)


def _integer_or_fail(value: Any) -> int:
    if isinstance(value, bool) or (isinstance(value, float) and not value.is_integer()):
        raise ValueError(f"{value!r} is no integer")
    return int(value)


def _text_or_fail(value: Any) -> str:
    if isinstance(value, (dict, list)) or value is None:
        raise ValueError(f"{value!r} is no text")
    return str(value)


_CONVERTERS: dict[str, Callable[[Any], Any]] = {
    "str": _text_or_fail,
    "int": _integer_or_fail,
    "float": _number_or_fail,
    "bool": _boolean,
}


def _parameters(function: Callable[..., Any]) -> list[Parameter]:
    hints = typing.get_type_hints(function)
    found = list(inspect.signature(function).parameters.values())
    if not found:
        raise ValueError(f"{function.__name__} needs a first parameter, for the QueryContext")
    parameters = []
    for each in found[1:]:
        if each.kind in (each.VAR_POSITIONAL, each.VAR_KEYWORD, each.POSITIONAL_ONLY):
            raise ValueError(f"{function.__name__} has the parameter {each.name} without a name of its own")
        kind, is_list = _kind(hints.get(each.name, str), f"{function.__name__}: {each.name}")
        parameters.append(Parameter(each.name, kind, is_list, each.default is each.empty))
    return parameters


def _kind(hint: Any, where: str) -> tuple[str, bool]:
    options = [each for each in typing.get_args(hint) if each is not type(None)]
    if typing.get_origin(hint) in (typing.Union, types.UnionType) and len(options) == 1:
        hint = options[0]
    if typing.get_origin(hint) is list:
        return _kind(typing.get_args(hint)[0], where)[0], True
    name = getattr(hint, "__name__", str(hint))
    if name not in _CONVERTERS:
        raise ValueError(f"{where} has the type {name}; a parameter is str, int, float, bool, or a list of these")
    return name, False
