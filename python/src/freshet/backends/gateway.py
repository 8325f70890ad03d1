"""Requests to a gateway, and what its answers mean."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from ..errors import BadReply, EventsRejected, FreshetError, Problem, problem
from ..events import AnyEvent, Event, check_all
from ..lists import (
    Change,
    Contribution,
    Delivery,
    Document,
    Explanation,
    ItemList,
    Rejection,
    Score,
    Scores,
    list_of_answer,
)
from . import ListOptions, Operation, Request, Response

MAX_BATCH_EVENTS = 5000
MAX_BATCH_BYTES = 512 * 1024
_JSON = {"Content-Type": "application/json"}


class Gateway:
    """What a client does that talks to a gateway."""

    def recommend(self, user: str, options: ListOptions) -> Operation[ItemList]:
        return list_of_answer(_object((yield _post("/v1/recommend", {"user": user, **_members(options)}))))

    def recommend_many(self, users: Sequence[str], options: ListOptions) -> Operation[list[ItemList]]:
        if not users:
            return []
        answer = _object((yield _post("/v1/recommend", {"users": list(users), **_members(options)})))
        return [list_of_answer(result) for result in answer["results"]]

    def recommend_for_items(self, items: Sequence[Any], options: ListOptions) -> Operation[ItemList]:
        return list_of_answer(_object((yield _post("/v1/recommend", {"items": _weighted(items), **_members(options)}))))

    def similar(self, item: str, options: ListOptions) -> Operation[ItemList]:
        return self._one_list(f"/v1/similar/{_segment(item)}", options)

    def popular(self, options: ListOptions) -> Operation[ItemList]:
        return self._one_list("/v1/popular", options)

    def _one_list(self, path: str, options: ListOptions) -> Operation[ItemList]:
        return list_of_answer(_object((yield Request("GET", path, _query(options)))))

    def score(self, user: str, items: Sequence[str]) -> Operation[Scores]:
        answer = _object((yield _post("/v1/score", {"user": user, "items": list(items)})))
        return Scores(
            user=user,
            scores=tuple(
                Score(entry["item"], entry["score"], entry["seen"], entry["available"]) for entry in answer["scores"]
            ),
            epoch=answer["epoch"],
            parts="all",
            age_ms=answer["age_ms"],
        )

    def explain(self, user: str, item: str) -> Operation[Explanation]:
        answer = _object((yield Request("GET", f"/v1/explain/{_segment(user)}/{_segment(item)}")))
        return Explanation(
            user=answer["user"],
            item=answer["item"],
            epoch=answer["epoch"],
            score=answer["score"],
            interactions=_contributions(answer["interactions"]),
            transitions=_contributions(answer["transitions"]),
            trend=answer["trend"],
            seen=answer["seen"],
            hidden=answer["hidden"],
        )

    def send(self, events: Sequence[AnyEvent], partial: bool) -> Operation[Delivery]:
        lines = [_line(event) for event in events] if partial else [checked.value for checked in check_all(events)]
        delivery = Delivery(accepted=0)
        for start, batch in _batches(lines):
            try:
                answer = _object((yield _events(batch, partial)))
            except EventsRejected as fault:
                if not partial:
                    fault.accepted = delivery.accepted
                    raise
                # Not one of the batch is good.
                answer = {"accepted": 0, "errors": fault.members.get("errors")}
            except FreshetError as fault:
                fault.accepted = delivery.accepted
                raise
            delivery = Delivery(
                delivery.accepted + answer["accepted"],
                delivery.ignored + answer.get("ignored", 0),
                (
                    *delivery.rejections,
                    *(
                        Rejection(start + each["index"], each["reason"], each["message"])
                        for each in answer.get("errors") or ()
                    ),
                ),
            )
        return delivery

    def forget(self, user: str) -> Operation[None]:
        _object((yield Request("DELETE", f"/v1/users/{_segment(user)}")))

    def item(self, item: str) -> Operation[Document]:
        response: Response = yield Request("GET", f"/v1/items/{_segment(item)}")
        return Document(item, _object(response), response.headers.get("etag"))

    def change_item(
        self, method: str, item: str, content: Mapping[str, Any] | None, etag: str | None, wait: float
    ) -> Operation[Change]:
        headers = {"Content-Type": "application/merge-patch+json" if method == "PATCH" else "application/json"}
        if content is None:
            headers = {}
        if etag is not None:
            headers["If-Match"] = etag
        response: Response = yield Request(
            method,
            f"/v1/items/{_segment(item)}",
            (("wait", f"{round(wait * 1000)}ms"),) if wait > 0 else (),
            None if content is None else _encode(content),
            headers,
            extra_timeout=wait,
        )
        if response.status == 204:
            return Change(item, mirrored=True)
        answer = _object(response)
        if response.status == 202:
            return Change(item, mirrored=False)
        return Change(item, mirrored=True, document=Document(item, answer, response.headers.get("etag")))


def _segment(text: str) -> str:
    return quote(text, safe="")


def _encode(value: Any) -> bytes:
    return json.dumps(value, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode()


def _line(event: AnyEvent) -> bytes:
    if isinstance(event, bytes):
        return event
    if isinstance(event, str):
        return event.encode()
    return _encode(event.as_dict() if isinstance(event, Event) else dict(event))


def _post(path: str, value: Any) -> Request:
    return Request("POST", path, (), _encode(value), _JSON)


def _events(lines: Sequence[bytes], partial: bool) -> Request:
    body = b"\n".join(line.replace(b"\r", b" ").replace(b"\n", b" ") for line in lines)
    query = (("partial", "1"),) if partial else ()
    return Request("POST", "/v1/events", query, body, {"Content-Type": "application/x-ndjson"})


def _batches(lines: Sequence[bytes]) -> Iterator[tuple[int, Sequence[bytes]]]:
    """Requests of a size that a gateway takes, each with the number of its first event."""
    start = size = 0
    for index, line in enumerate(lines):
        if index > start and (index - start >= MAX_BATCH_EVENTS or size + len(line) > MAX_BATCH_BYTES):
            yield start, lines[start:index]
            start, size = index, 0
        size += len(line) + 1
    if lines:
        yield start, lines[start:]


def _weighted(items: Sequence[Any]) -> list[Any]:
    """Items of a context: ids, or pairs of an id and a weight."""
    return [{"item": item[0], "weight": item[1]} if isinstance(item, (tuple, list)) else item for item in items]


def _members(options: ListOptions) -> dict[str, Any]:
    """The options as members of a body."""
    members = {
        "n": options.n,
        "offset": options.offset or None,
        "exclude": list(options.exclude) or None,
        **options.parameters,
    }
    if members.get("context"):
        members["context"] = _weighted(members["context"])
    return {name: value for name, value in members.items() if value is not None}


def _query(options: ListOptions) -> list[tuple[str, str]]:
    """The options as a query: lists are repeated parameters, so that ids may hold commas."""
    return [
        (name, str(each).lower() if isinstance(each, bool) else str(each))
        for name, value in _members(options).items()
        for each in (value if isinstance(value, (list, tuple)) else [value])
    ]


def _contributions(entries: Sequence[Mapping[str, Any]]) -> tuple[Contribution, ...]:
    return tuple(Contribution(entry["item"], entry["score"]) for entry in entries)


def _object(response: Response) -> dict[str, Any]:
    """The object in an answer; raises the problem in any other one."""
    try:
        answer = json.loads(response.body) if response.body else {}
    except ValueError:
        answer = None
    if not 200 <= response.status < 300:
        raise _problem(response, answer)
    if not isinstance(answer, dict):
        raise BadReply("the answer is no JSON object", fix="is the URL that of a gateway?")
    return answer


def _problem(response: Response, answer: Any) -> Problem:
    retry = response.headers.get("retry-after", "")
    members = answer if isinstance(answer, dict) else {"detail": f"the server answered {response.status}"}
    return problem(response.status, members, float(retry) if retry.isdigit() else None)
