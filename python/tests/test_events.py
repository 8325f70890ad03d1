"""The check of events before they are sent, against the golden file that the engine is tested with."""

from __future__ import annotations

import datetime
import json
from typing import Any

import pytest

from freshet.errors import InvalidEvent, NotSupported
from freshet.events import Event, Limits, check, check_all

from .support import SCHEMAS

GOLDEN = [json.loads(line) for line in (SCHEMAS / "examples/event-golden.jsonl").read_text().splitlines()]


def _mapping(case: dict[str, Any]) -> dict[str, Any] | None:
    """The record as a mapping; None for one that has no such form."""
    try:
        members = json.loads(case["value"].removeprefix("\ufeff"), object_pairs_hook=_unique, parse_constant=_refuse)
    except ValueError:
        return None
    return members if isinstance(members, dict) and case["name"] != "google" else None


def _refuse(name: str) -> Any:
    raise ValueError(name)


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({name for name, _ in pairs}) < len(pairs):
        raise ValueError("repeated")
    return dict(pairs)


@pytest.mark.parametrize("case", GOLDEN, ids=lambda case: case["name"])
def test_text_is_judged_as_the_engine_does(case: dict[str, Any]) -> None:
    if case["name"] == "google":
        with pytest.raises(NotSupported, match="send_record"):
            check(case["value"])
        return
    if case["outcome"].startswith("dlq:"):
        with pytest.raises(InvalidEvent) as caught:
            check(case["value"])
        assert caught.value.reason == case["outcome"][4:]
    else:
        checked = check(case["value"])
        assert checked.value == case["value"].encode()
        if "user" in case:
            assert checked.key == case["user"].encode()


@pytest.mark.parametrize("case", [case for case in GOLDEN if _mapping(case)], ids=lambda case: case["name"])
def test_mapping_is_judged_as_its_text(case: dict[str, Any]) -> None:
    members = _mapping(case)
    assert members is not None
    if case["outcome"].startswith("dlq:"):
        with pytest.raises(InvalidEvent) as caught:
            check(members)
        assert caught.value.reason == case["outcome"][4:]
    elif "1e999" in case["value"]:
        with pytest.raises(InvalidEvent, match="bad_json"):
            check(members)  # An infinite number cannot be written as JSON again.
    else:
        checked = check(members)
        assert json.loads(checked.value) == members
        assert checked.key == case.get("user", "u1").encode()


def test_event_leaves_out_what_is_not_set() -> None:
    moment = datetime.datetime(2026, 1, 31, 8, 30, tzinfo=datetime.timezone(datetime.timedelta(hours=2)))
    checked = check(Event(17850, "sku-é", event_value=2.5, timestamp=moment, properties={"a": 1}))
    assert checked.key == b"17850"
    assert checked.value.decode() == (
        '{"user_id":17850,"item_id":"sku-é","event_value":2.5,"timestamp":"2026-01-31T06:30:00Z","properties":{"a":1}}'
    )


def test_date_without_a_zone_is_refused() -> None:
    with pytest.raises(InvalidEvent, match=r"tzinfo=datetime\.timezone\.utc"):
        check(Event("u", "i", timestamp=datetime.datetime(2026, 1, 31)))


def test_numbers_of_numpy_are_numbers() -> None:
    numpy = pytest.importorskip("numpy")
    checked = check({"user_id": numpy.int64(7), "item_id": "i", "event_value": numpy.float32(0.5)})
    assert checked == check({"user_id": 7, "item_id": "i", "event_value": 0.5})


def test_merge_needs_into() -> None:
    assert check(Event("visitor", op="merge", into="anna")).key == b"visitor"
    with pytest.raises(InvalidEvent, match="into is missing"):
        check(Event("visitor", op="merge"))


def test_limits_are_those_given() -> None:
    with pytest.raises(InvalidEvent, match="too_large"):
        check(Event("u", "i", properties={"x": "y" * 100}), Limits(record_bytes=100))
    with pytest.raises(InvalidEvent, match="id_too_long"):
        check(Event("u" * 11, "i"), Limits(id_bytes=10))


def test_number_of_the_bad_event_is_named() -> None:
    with pytest.raises(InvalidEvent, match="event 1: missing_item_id: item_id is missing or null") as caught:
        check_all([Event("u", "i"), Event("u")])
    assert caught.value.index == 1
