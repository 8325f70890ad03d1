"""Events of version 1, checked before they are sent as the engine will read them, with the same reasons."""

from __future__ import annotations

import datetime
import json
import math
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from decimal import Decimal
from typing import Any

from .errors import InvalidEvent, NotSupported

MAX_TEXT_BYTES = 256
MAX_TYPE_CHARACTERS = 64
MAX_IMPRESSIONS = 100

_OPERATIONS = frozenset(
    "add once set delete merge c u r d OP_ADD OP_SET OP_DELETE OP_ONCE OP_MERGE".split()  # noqa: SIM905
)
_MERGES = frozenset(["merge", "OP_MERGE"])

# Field of an event -> its names: the canonical ones match exactly, the others (of other systems) in any case.
_CANONICAL = {
    "user_id": "user_id",
    "item_id": "item_id",
    "event_type": "event_type",
    "event_value": "event_value",
    "timestamp": "timestamp",
    "timestamp_ms": "timestamp_ms",
    "event_id": "event_id",
    "op": "op",
    "__op": "__op",
    "__deleted": "deleted",
    "into": "into",
    "session_id": "session_id",
    "recommendation_id": "recommendation_id",
    "impression": "impression",
    "properties": "properties",
}
_ALIASES = {
    "user_id": "user_id",
    "userid": "user_id",
    "visitorid": "user_id",
    "user": "user_id",
    "item_id": "item_id",
    "itemid": "item_id",
    "item": "item_id",
    "event_type": "event_type",
    "eventtype": "event_type",
    "feedbacktype": "event_type",
    "event_value": "event_value",
    "eventvalue": "event_value",
    "quantity": "event_value",
    "value": "event_value",
    "rating": "event_value",
    "timestamp": "timestamp",
    "sentat": "timestamp",
    "eventtime": "timestamp",
    "event_id": "event_id",
    "eventid": "event_id",
    "session_id": "session_id",
    "sessionid": "session_id",
    "recommendation_id": "recommendation_id",
    "recommendationid": "recommendation_id",
    "attributiontoken": "recommendation_id",
    "impression": "impression",
    "eventlist": "container",
    "userinfo": "container",
    "productdetails": "container",
}


@dataclass(frozen=True)
class Event:
    """One interaction. Only `user_id` and `item_id` are needed; schemas/README.md says what each field means.

    >>> Event("anna", "sku-1", event_type="purchase", event_value=2)
    """

    user_id: str | int
    item_id: str | int | None = None
    event_type: str | None = None
    event_value: float | None = None
    timestamp: int | str | datetime.datetime | None = None
    event_id: str | int | None = None
    op: str | None = None
    into: str | int | None = None
    session_id: str | None = None
    recommendation_id: str | None = None
    impression: Sequence[str] | None = None
    properties: Mapping[str, Any] | None = None

    def as_dict(self) -> dict[str, Any]:
        """The fields that are set."""
        values = ((field.name, getattr(self, field.name)) for field in fields(self))
        return {name: value for name, value in values if value is not None}


AnyEvent = Event | Mapping[str, Any] | str | bytes


@dataclass(frozen=True)
class Limits:
    """The engine's limits: `input.max_record_bytes`, `input.max_id_bytes`, `input.max_depth`."""

    record_bytes: int = 65536
    id_bytes: int = 256
    depth: int = 16


@dataclass(frozen=True)
class CheckedEvent:
    """An event that the engine will accept: the key of its record and its value."""

    key: bytes
    value: bytes


def check(event: AnyEvent, limits: Limits = Limits()) -> CheckedEvent:
    """Checks one event; raises InvalidEvent with the reason that the engine would give."""
    if isinstance(event, (str, bytes)):
        try:
            value = event.encode() if isinstance(event, str) else event
        except UnicodeEncodeError as fault:
            raise InvalidEvent("bad_utf8", "the text has half of a surrogate pair") from fault
        _check_size(value, limits)
        pairs = _parse(value, limits)
    else:
        members = event.as_dict() if isinstance(event, Event) else event
        pairs = [(name, _plain(member)) for name, member in members.items()]
        value = b""
    user = _check_pairs(pairs, limits)
    if not value:
        value = _encode(dict(pairs))
        _check_size(value, limits)
    return CheckedEvent(user, value)


def check_all(events: Iterable[AnyEvent], limits: Limits = Limits()) -> list[CheckedEvent]:
    """Checks several events; the error of the first bad one has its number."""
    checked = []
    for index, event in enumerate(events):
        try:
            checked.append(check(event, limits))
        except InvalidEvent as fault:
            raise InvalidEvent(fault.reason, fault.message.partition(": ")[2], index=index) from fault
    return checked


# Reading


class _Object(dict[str, Any]):
    """A JSON object that remembers its members in order, repeated ones too."""

    def __init__(self, pairs: list[tuple[str, Any]]) -> None:
        super().__init__(pairs)
        self.pairs = pairs


def _check_size(value: bytes, limits: Limits) -> None:
    if not value:
        raise InvalidEvent("empty", "the value has no bytes")
    if len(value) > limits.record_bytes:
        raise InvalidEvent("too_large", f"the event has {len(value)} bytes, more than {limits.record_bytes}")


def _integer(text: str) -> int | Decimal:
    return int(text) if len(text) < 32 else Decimal(text)


def _no_constant(name: str) -> Any:
    raise ValueError(f"{name} is no JSON")


def _parse(value: bytes, limits: Limits) -> list[tuple[str, Any]]:
    try:
        text = value.decode().removeprefix("\ufeff")
    except UnicodeDecodeError as fault:
        raise InvalidEvent("bad_utf8", f"the value is no UTF-8 at byte {fault.start}") from fault
    try:
        parsed = json.loads(
            text, object_pairs_hook=_Object, parse_float=Decimal, parse_int=_integer, parse_constant=_no_constant
        )
    except ValueError as fault:
        raise InvalidEvent("bad_json", str(fault)) from fault
    except RecursionError as fault:
        raise InvalidEvent("too_deep", f"the value has more than {limits.depth} levels") from fault
    _walk(parsed, limits.depth)
    if not isinstance(parsed, _Object):
        raise InvalidEvent("not_object", "the value is JSON but not an object")
    return parsed.pairs


def _walk(value: Any, depth_max: int) -> None:
    """Refuses what a parser of strict JSON would: too many levels, half of a surrogate pair."""
    todo: list[tuple[Any, int]] = [(value, 0)]
    while todo:
        value, depth = todo.pop()
        if isinstance(value, str):
            try:
                value.encode()
            except UnicodeEncodeError as fault:
                raise InvalidEvent("bad_utf8", "a text has half of a surrogate pair") from fault
        elif isinstance(value, (Mapping, list, tuple)):
            if depth >= depth_max:
                raise InvalidEvent("too_deep", f"the value has more than {depth_max} levels")
            if isinstance(value, Mapping):
                pairs = value.pairs if isinstance(value, _Object) else value.items()
                todo.extend((part, depth + 1) for pair in pairs for part in pair)
            else:
                todo.extend((part, depth + 1) for part in value)


def _plain(value: Any) -> Any:
    """A date as RFC 3339, a number of NumPy as one of Python."""
    if isinstance(value, datetime.datetime):
        if value.tzinfo is None:
            raise InvalidEvent("bad_timestamp", "the date has no zone; add tzinfo=datetime.timezone.utc")
        return value.astimezone(datetime.timezone.utc).isoformat().replace("+00:00", "Z")
    if type(value).__module__ == "numpy" and hasattr(value, "item"):
        return value.item()
    return value


def _encode(members: Mapping[str, Any]) -> bytes:
    try:
        return json.dumps(
            members, ensure_ascii=False, allow_nan=False, separators=(",", ":"), default=_plain_or_fail
        ).encode()
    except UnicodeEncodeError as fault:
        raise InvalidEvent("bad_utf8", "a text has half of a surrogate pair") from fault
    except (TypeError, ValueError) as fault:
        raise InvalidEvent("bad_json", str(fault)) from fault


def _plain_or_fail(value: Any) -> Any:
    plain = _plain(value)
    if plain is value:
        raise TypeError(f"a {type(value).__name__} is no JSON")
    return plain


# Meaning


def _check_pairs(pairs: Sequence[tuple[str, Any]], limits: Limits) -> bytes:
    """The key of the record; raises for the first fault, and for a repeated field before any other."""
    names: set[str] = set()
    found: dict[str, Any] = {}
    for name, value in pairs:
        if not isinstance(name, str):
            raise InvalidEvent("bad_json", f"the name {name!r} is no text")
        field = _CANONICAL.get(name) or _ALIASES.get(name.lower(), "")
        if (field and field != "container" and field in found) or (not field and name in names):
            what = field or f"the field {name}"
            raise InvalidEvent("duplicate_field", f"{what} appears more than once (under this name or an alias)")
        names.add(name)
        if field:
            found.setdefault(field, value)
    _walk(dict(pairs), limits.depth)
    is_merge = found.get("op") in _MERGES if isinstance(found.get("op"), str) else False
    if "container" in found or (not is_merge and _is_envelope(found, dict(pairs))):
        raise NotSupported(
            "the event has the form of another system",
            fix="send it with send_record(key, value), which does not check it",
        )
    for field, value in found.items():
        if value is not None and field in _FIELD_CHECKS:
            _FIELD_CHECKS[field](field, value)
    user = _id("user_id", found.get("user_id"), limits)
    item = _id("item_id", found.get("item_id"), limits)
    if (event_id := found.get("event_id")) is not None:
        _text_id("event_id", event_id)
    if user is None:
        raise InvalidEvent("missing_user_id", "user_id is missing or null")
    if is_merge:
        if _id("into", found.get("into"), limits) is None:
            raise InvalidEvent("missing_user_id", "into is missing or null")
    elif item is None:
        raise InvalidEvent("missing_item_id", "item_id is missing or null")
    return user


def _is_envelope(found: Mapping[str, Any], members: Mapping[str, Any]) -> bool:
    if found.get("user_id") is not None and found.get("item_id") is not None:
        return False
    if "specversion" in members and ("data" in members or "data_base64" in members):
        return True
    return any(isinstance(members.get(name), Mapping) for name in ("payload", "after", "before"))


def _as_integer(value: Any) -> int | None:
    """The 64-bit integer that a number stands for, also in the notation of a fraction."""
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        return None
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if not -(2**63) <= value < 2**63 or value != int(value):
        return None
    return int(value)


def _id_type(name: str, value: Any) -> None:
    if not isinstance(value, str) and _as_integer(value) is None:
        raise InvalidEvent("bad_id", f"{name} must be a string or a 64-bit integer")


def _id(name: str, value: Any, limits: Limits) -> bytes | None:
    if value is None:
        return None
    data = value.encode() if isinstance(value, str) else str(_as_integer(value)).encode()
    if not data:
        raise InvalidEvent("bad_id", f"{name} is empty")
    if len(data) > limits.id_bytes:
        raise InvalidEvent("id_too_long", f"{name} has {len(data)} bytes, more than {limits.id_bytes}")
    if b"\0" in data:
        raise InvalidEvent("bad_id", f"{name} contains a zero byte")
    return data


def _text_id(name: str, value: Any) -> None:
    if value == "":
        raise InvalidEvent("bad_id", f"{name} is empty")
    _short_text(name, value)


def _short_text(name: str, value: Any) -> None:
    if isinstance(value, str) and len(value.encode()) > MAX_TEXT_BYTES:
        raise InvalidEvent("id_too_long", f"{name} has more than {MAX_TEXT_BYTES} bytes")


def _event_type(name: str, value: Any) -> None:
    if not isinstance(value, str):
        raise InvalidEvent("bad_event_type", f"{name} must be a string")
    if not 1 <= len(value) <= MAX_TYPE_CHARACTERS:
        raise InvalidEvent(
            "bad_event_type", f"{name} must have 1 to {MAX_TYPE_CHARACTERS} characters, got {len(value)}"
        )


def _event_value(name: str, value: Any) -> None:
    if isinstance(value, bool) or not isinstance(value, (int, float, Decimal)):
        raise InvalidEvent("bad_value", f"{name} must be a number or null")
    try:
        is_finite = math.isfinite(float(value))
    except OverflowError:
        is_finite = False
    if not is_finite:
        raise InvalidEvent("bad_value", f"{name} is not a finite number")


def _operation(name: str, value: Any) -> None:
    if not isinstance(value, str) or value not in _OPERATIONS:
        raise InvalidEvent("bad_value", f"{name} must be one of {', '.join(sorted(_OPERATIONS))}")


def _timestamp(name: str, value: Any) -> None:
    if isinstance(value, str):
        if value and not re.search("[0-9]", value):
            raise InvalidEvent("bad_timestamp", f"{name} {value!r} is no time")
    elif isinstance(value, bool):
        raise InvalidEvent("bad_timestamp", f"{name} must be a time, not a boolean")
    elif isinstance(value, (list, tuple)):
        if not 3 <= len(value) <= 7 or any(_as_integer(part) is None for part in value):
            raise InvalidEvent("bad_timestamp", f"{name} is a list that is no date")
    elif isinstance(value, Mapping):
        wrapper = next((each for each in ("$date", "$numberLong") if each in value), None)
        if wrapper is None:
            raise InvalidEvent("bad_timestamp", f"{name} is an object without $date")
        if value[wrapper] is not None:
            _timestamp(name, value[wrapper])
    elif isinstance(value, float) and not math.isfinite(value):
        raise InvalidEvent("bad_json", f"{name} is not a finite number")


def _deleted(name: str, value: Any) -> None:
    words = ("", "false", "0", "f", "n", "no", "true", "1", "t", "y", "yes")
    if isinstance(value, bool) or str(value).lower() in words:
        return
    try:
        _timestamp(name, value)
    except InvalidEvent as fault:
        raise InvalidEvent("bad_value", "the flag of a deleted row must be true, false or a time") from fault


def _impression(name: str, value: Any) -> None:
    if not isinstance(value, (list, tuple)):
        return
    for entry in value:
        _short_text(name, entry)
    if len(value) > MAX_IMPRESSIONS:
        raise InvalidEvent("too_large", f"{name} has {len(value)} items, more than {MAX_IMPRESSIONS}")


_FIELD_CHECKS = {
    "user_id": _id_type,
    "item_id": _id_type,
    "event_id": _id_type,
    "into": _id_type,
    "event_type": _event_type,
    "event_value": _event_value,
    "timestamp": _timestamp,
    "timestamp_ms": _timestamp,
    "op": _operation,
    "__op": _operation,
    "deleted": _deleted,
    "session_id": _short_text,
    "recommendation_id": _short_text,
    "impression": _impression,
}
