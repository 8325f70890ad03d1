"""The clients against an engine, a Redis and a gateway."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import AsyncIterator, Iterator
from typing import Any

import pytest
import redis

from freshet import (
    AsyncClient,
    BadReply,
    BadRequest,
    Client,
    Conflict,
    Event,
    EventsRejected,
    FreshetError,
    InvalidEvent,
    NotFound,
    NothingPublished,
    NotSupported,
    Problem,
    Unauthorized,
    Unavailable,
)
from freshet.addresses import Address
from freshet.backends import Request
from freshet.transports.http_pool import HTTPPool
from freshet.transports.http_settings import HTTPSettings

from .support import PATIENCE, SCHEMAS, Engine, eventually, free_port, redis_server

USER = "17850"


@pytest.fixture(params=["redis", "gateway"])
def client(request: pytest.FixtureRequest, trained: Engine) -> Iterator[Client]:
    with Client(trained.redis if request.param == "redis" else trained.gateway, timeout=PATIENCE) as opened:
        yield opened


@pytest.fixture
def by_redis(trained: Engine) -> Iterator[Client]:
    with Client(trained.redis, timeout=PATIENCE) as opened:
        yield opened


@pytest.fixture
def by_gateway(trained: Engine) -> Iterator[Client]:
    with Client(trained.gateway, timeout=PATIENCE) as opened:
        yield opened


@pytest.fixture(params=["redis", "gateway"])
async def async_client(request: pytest.FixtureRequest, trained: Engine) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(trained.redis if request.param == "redis" else trained.gateway, timeout=PATIENCE) as opened:
        yield opened


# The same answers both ways


def test_list_of_a_user(client: Client) -> None:
    found = client.recommend(USER, 5)
    assert [entry.rank for entry in found] == [1, 2, 3, 4, 5]
    assert found.is_personal
    assert found.epoch == 1
    assert found.age_ms is not None
    assert 0 <= found.age_ms < 600_000
    scores = [entry.score for entry in found if entry.score is not None]
    assert scores == sorted(scores, reverse=True)


def test_redis_and_gateway_give_the_same_lists(by_redis: Client, by_gateway: Client) -> None:
    assert by_redis.recommend(USER, 20).ids == by_gateway.recommend(USER, 20).ids
    # The popular list is written again at times, also while other tests send events.
    eventually(lambda: set(by_redis.popular(10).ids) <= set(by_gateway.popular(20).ids), "the popular lists agree", 20)
    item = by_redis.popular(1).ids[0]
    assert by_redis.similar(item, 10).ids == by_gateway.similar(item, 10).ids


def test_unknown_user_gets_the_popular_list(client: Client) -> None:
    found = client.recommend("nobody at all/ü", 3)
    assert found.source == "popular"
    assert not found.is_personal
    # It may have been written again between the two answers.
    eventually(
        lambda: set(client.recommend("nobody at all/ü", 3).ids) <= set(client.popular(20).ids),
        "it is the popular one",
        20,
    )


def test_offset_and_exclude(client: Client) -> None:
    whole = client.recommend(USER, 6).ids
    assert client.recommend(USER, 2, offset=2).ids == whole[2:4]
    assert [entry.rank for entry in client.recommend(USER, 2, offset=2)] == [3, 4]
    assert client.recommend(USER, 4, exclude=whole[:2]).ids == whole[2:6]


def test_lists_of_many_users(client: Client) -> None:
    lists = client.recommend_many([USER, "nobody", "13047"], 4)
    assert [found.user for found in lists] == [USER, "nobody", "13047"]
    assert lists[0].ids == client.recommend(USER, 4).ids
    assert lists[1].source == "popular"
    assert client.recommend_many([]) == []


def test_similar_items_of_an_unknown_item(client: Client) -> None:
    with pytest.raises(NotFound) as caught:
        client.similar("no such item")
    assert caught.value.status == 404
    assert caught.value.fix


def test_scores(client: Client) -> None:
    items = client.recommend(USER, 3).ids
    scores = client.score(USER, [*items, "no such item"])
    assert [entry.item for entry in scores] == [*items, "no such item"]
    assert scores.scores[-1].score is None
    assert all(isinstance(entry.score, float) for entry in scores.scores[:3])


def test_scores_of_vectors_are_that_part_of_the_gateway_s(by_redis: Client, by_gateway: Client) -> None:
    items = by_redis.recommend(USER, 5).ids
    explained = {entry.item: entry.explain for entry in by_gateway.recommend(USER, 5, explain=True)}
    scores = by_redis.score(USER, items)
    assert scores.parts == "vectors"
    for entry in scores:
        parts = explained[entry.item]
        assert parts is not None
        assert entry.score == pytest.approx(parts["vector"], abs=1e-5)
    listed = {entry.item: entry.score for entry in by_gateway.recommend(USER, 5)}
    whole = by_gateway.score(USER, items)
    assert whole.parts == "all"
    assert whole.as_dict() == pytest.approx(listed, abs=2e-3)


async def test_async_client_answers_as_the_other(async_client: AsyncClient, by_redis: Client) -> None:
    lists = await asyncio.gather(*(async_client.recommend(USER, 5) for _ in range(40)))
    assert {tuple(found.ids) for found in lists} == {tuple(by_redis.recommend(USER, 5).ids)}
    assert (await async_client.recommend("nobody", 3)).source == "popular"
    assert set((await async_client.popular(3)).ids) <= set(by_redis.popular(20).ids)
    assert [found.user for found in await async_client.recommend_many([USER, "x"])] == [USER, "x"]
    with pytest.raises(NotFound):
        await async_client.similar("no such item/ü")
    assert (await async_client.score(USER, by_redis.recommend(USER, 2).ids)).user == USER


def test_threads_share_a_client(client: Client) -> None:
    expected = client.recommend(USER, 5).ids
    wrong: list[Any] = []

    def read() -> None:
        for _ in range(20):
            if (found := client.recommend(USER, 5).ids) != expected:
                wrong.append(found)

    threads = [threading.Thread(target=read) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert wrong == []


# What only a gateway does


def test_options_of_a_gateway(by_gateway: Client) -> None:
    listed = by_gateway.recommend(USER, 10).ids
    assert by_gateway.recommend(USER, 5, include=listed[3:5]).ids == listed[3:5]
    with_context = by_gateway.recommend(USER, 3, context=[(listed[0], 2.0), listed[1]])
    assert listed[0] not in with_context.ids
    assert with_context.approximate
    visitor = by_gateway.recommend_for_items([listed[0], (listed[1], 3)], 4)
    assert visitor.source == "context"
    assert len(visitor) == 4


def test_explanation_adds_up(by_gateway: Client) -> None:
    item = by_gateway.recommend(USER, 1).ids[0]
    found = by_gateway.explain(USER, item)
    parts = sum(each.score for each in found.interactions) + sum(each.score for each in found.transitions) + found.trend
    assert parts == pytest.approx(found.score, abs=1e-4)
    assert not found.seen


def test_redis_says_what_needs_a_gateway(by_redis: Client) -> None:
    for call in (
        lambda: by_redis.recommend(USER, filter="price < 10"),
        lambda: by_redis.explain(USER, "x"),
        lambda: by_redis.recommend_for_items(["x"]),
        lambda: by_redis.put_item("x", {"title": "X"}),
    ):
        with pytest.raises(NotSupported, match="give the client its URL, such as http://127.0.0.1:8087"):
            call()
    with pytest.raises(NotSupported, match="producer=Producer"):
        by_redis.send(Event("u", "i"))


def test_events_change_a_list(by_gateway: Client, by_redis: Client) -> None:
    item = by_redis.popular(1).ids[0]
    delivery = by_gateway.send([Event("py-new", item, event_type="purchase"), {"user_id": "py-new", "item_id": item}])
    assert (delivery.accepted, delivery.rejections) == (2, ())
    found = eventually(lambda: (made := by_redis.recommend("py-new")).is_personal and made, "the list of the new user")
    assert found.source == "foldin"
    assert item not in found.ids
    by_gateway.forget("py-new")
    eventually(lambda: not by_redis.recommend("py-new").is_personal, "the list is gone")


def test_bad_events_are_refused_before_they_are_sent(by_gateway: Client) -> None:
    with pytest.raises(InvalidEvent, match="event 1: missing_item_id") as caught:
        by_gateway.send([Event("u", "i"), Event("u")])
    assert caught.value.index == 1


def test_partial_takes_the_good_events(by_gateway: Client) -> None:
    delivery = by_gateway.send([{"user_id": "py-p", "item_id": "x"}, {"user_id": "py-p"}, '{"user_id":'], partial=True)
    assert delivery.accepted == 1
    assert [(each.index, each.reason) for each in delivery.rejections] == [(1, "missing_item_id"), (2, "bad_json")]


def test_many_events_go_in_several_requests(by_gateway: Client) -> None:
    events = [Event(f"py-many-{index % 7}", f"item-{index}", properties={"x": "y" * 200}) for index in range(7000)]
    assert by_gateway.send(events).accepted == 7000


@pytest.mark.parametrize(
    "event",
    [
        {"user_id": "u", "item_id": "i", "timestamp": ""},
        {"user_id": "u", "item_id": "i", "timestamp": "noon"},
        {"user_id": "u", "item_id": "i", "timestamp": True},
        {"user_id": "u", "item_id": "i", "timestamp": [2026, 1, 31]},
        {"user_id": "u", "item_id": "i", "timestamp": [2026]},
        {"user_id": "u", "item_id": "i", "timestamp": ["x"]},
        {"user_id": "u", "item_id": "i", "timestamp": {}},
        {"user_id": "u", "item_id": "i", "timestamp": {"$date": "2026-01-31"}},
        {"user_id": "u", "item_id": "i", "timestamp": {"$date": None}},
        {"user_id": "u", "item_id": "i", "op": ""},
        {"user_id": "u", "item_id": "i", "op": "ADD"},
        {"user_id": "u", "item_id": "i", "op": 1},
        {"user_id": "u", "op": "merge", "into": "v"},
        {"user_id": "u", "op": "merge"},
        {"user_id": "u", "op": "merge", "into": ""},
        {"item_id": "i", "op": "merge", "into": "v"},
        {"user_id": "u", "item_id": "i", "event_id": ""},
        {"user_id": "u", "item_id": "i", "event_id": 5},
        {"user_id": "u", "item_id": "i", "event_id": 1.5},
        {"user_id": "u", "item_id": "i", "event_id": "é" * 129},
        {"user_id": "u", "item_id": "i", "session_id": "s" * 257},
        {"user_id": "u", "item_id": "i", "session_id": 5},
        {"user_id": "u", "item_id": "i", "__deleted": "true"},
        {"user_id": "u", "item_id": "i", "__deleted": "perhaps"},
        {"user_id": "u", "item_id": "i", "__op": "x"},
        {"user_id": "u", "item_id": "i", "impression": ["x" * 300]},
        {"user_id": "u", "item_id": "i", "impression": "x"},
        {"user_id": "u", "item_id": "i", "userId": "u"},
        {"USERID": "u", "ItemId": "i", "Rating": 2},
        {"user_id": "u", "item_id": "i", "event_type": "é" * 64},
        {"user_id": "u", "item_id": "i", "event_value": True},
        {"user_id": 1e18, "item_id": "i"},
        {"user_id": 1e19, "item_id": "i"},
        {"user_id": "u", "item_id": [], "event_type": 5},
        {"user_id": "", "item_id": None, "event_value": "x"},
        {"user_id": "u", "item_id": "i", "into": []},
    ],
    ids=lambda event: json.dumps(event, ensure_ascii=False)[:60],
)
def test_check_and_gateway_agree(by_gateway: Client, event: dict[str, Any]) -> None:
    from freshet.events import check

    delivery = by_gateway.send([event], partial=True)
    theirs = delivery.rejections[0].reason if delivery.rejections else None
    try:
        check(event)
        ours = None
    except InvalidEvent as fault:
        ours = fault.reason
    assert ours == theirs


def test_documents(by_gateway: Client, by_redis: Client) -> None:
    item = "py/sku ü?"
    with pytest.raises(NotFound, match="put_item|PUT"):
        by_redis.item(item)
    change = by_gateway.put_item(item, {"title": "Owl", "price": 4.95, "categories": ["home"]}, wait=5)
    assert change.mirrored
    found = by_gateway.item(item)
    assert found["title"] == "Owl"
    assert by_redis.item(item).content == found.content
    with pytest.raises(Conflict):
        by_gateway.patch_item(item, {"hidden": True}, etag='"another"')
    changed = by_gateway.patch_item(item, {"hidden": True}, etag=found.etag or "", wait=5)
    assert changed.document is not None
    assert changed.document["hidden"] is True
    assert by_gateway.delete_item(item, wait=5).mirrored
    with pytest.raises(NotFound):
        by_gateway.item(item)


def test_problem_becomes_an_exception_with_its_fix(by_gateway: Client) -> None:
    with pytest.raises(BadRequest) as caught:
        by_gateway.recommend(USER, filter="price <<")
    assert caught.value.code == "filter_syntax"
    assert caught.value.members["position"] == 7
    assert caught.value.fix in str(caught.value)
    with pytest.raises(BadRequest):
        by_gateway.recommend(USER, 100_000)


def test_tokens(tmp_path: Any) -> None:
    from .support import engine

    file = tmp_path / "tokens"
    reader = "reader-token-0123456789"
    import hashlib

    file.write_text(f"shop read {hashlib.sha256(reader.encode()).hexdigest()}\n")
    file.chmod(0o600)
    secret = tmp_path / "secret"
    secret.write_text(reader + "\n")
    with engine(f"gateway.token_file={file}") as running:
        with Client(running.gateway) as client, pytest.raises(Unauthorized):
            client.popular()
        with Client(running.gateway, token_file=secret) as client:
            with pytest.raises(Unavailable, match="nothing was published yet"):
                client.popular()
            with pytest.raises(Unauthorized):
                client.forget("u")
            assert reader not in repr(client)


# What goes wrong


def test_nothing_listens() -> None:
    port = free_port()
    with (
        Client(f"redis://:secret@127.0.0.1:{port}/0") as client,
        pytest.raises(Unavailable, match="is it running") as caught,
    ):
        client.recommend("u")
    assert "secret" not in str(caught.value)
    with Client(f"http://127.0.0.1:{port}") as client, pytest.raises(Unavailable, match="cannot be reached"):
        client.recommend("u")


async def test_nothing_listens_async() -> None:
    port = free_port()
    async with AsyncClient(f"redis://127.0.0.1:{port}") as client:
        with pytest.raises(Unavailable):
            await client.recommend("u")
    async with AsyncClient(f"http://127.0.0.1:{port}") as client:
        with pytest.raises(Unavailable):
            await client.recommend("u")


@pytest.mark.parametrize("scheme", ["redis", "http"])
async def test_server_that_never_answers(scheme: str) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        url = f"{scheme}://127.0.0.1:{server.getsockname()[1]}"
        begin = time.monotonic()
        with Client(url, timeout=0.2) as client, pytest.raises(Unavailable, match=r"0\.2 s"):
            client.recommend("u")
        async with AsyncClient(url, timeout=0.2) as client:
            with pytest.raises(Unavailable, match=r"0\.2 s"):
                await client.recommend("u")
        assert time.monotonic() - begin < 3


def test_nothing_is_published(redis_url: str) -> None:
    with Client(redis_url, namespace="empty") as client:
        with pytest.raises(NothingPublished, match=r"under freshet:empty.*namespace"):
            client.recommend("u")
        with pytest.raises(NothingPublished):
            client.popular()
        with pytest.raises(NotFound, match="no vector"):
            client.score("u", ["i"])


def test_lists_that_are_damaged(redis_url: str) -> None:
    server = redis.Redis.from_url(redis_url)
    with Client(redis_url, namespace="bad") as client:
        for text, error in (
            ("nonsense", BadReply),
            ('{"v":2,"epoch":1,"ts":1,"src":"x","items":[]}', BadReply),
            ('{"v":1,"epoch":1,"items":[]}', BadReply),
        ):
            server.set("freshet:bad:popular", text)
            with pytest.raises(error):
                client.popular()
        server.delete("freshet:bad:popular")
        server.lpush("freshet:bad:popular", "x")
        with pytest.raises(FreshetError, match="WRONGTYPE|wrong kind"):
            client.popular()


def test_example_of_the_schemas_is_read(redis_url: str) -> None:
    text = (SCHEMAS / "examples/redis-list.json").read_text()
    redis.Redis.from_url(redis_url).set("freshet:example:{u:a%20b}:top", text)
    with Client(redis_url, namespace="example") as client:
        found = client.recommend("a b", 100)
    stored = json.loads(text)
    assert [(entry.item, entry.score) for entry in found] == [tuple(pair) for pair in stored["items"]]
    assert found.source == stored["src"]


def test_filled_list_says_which_items_are_popular(redis_url: str) -> None:
    text = '{"v":1,"epoch":7,"part":3,"off":1,"ts":1700000000000,"src":"foldin","fill":1,"items":[["a",4.2],["b",3.1]]}'
    redis.Redis.from_url(redis_url).set("freshet:fill:{u:u}:top", text)
    with Client(redis_url, namespace="fill") as client:
        found = client.recommend("u")
        assert [(entry.item, entry.source) for entry in found] == [("a", "foldin"), ("b", "popular")]
        assert client.recommend("u", exclude=["a"]).source == "popular"
        assert client.recommend("u", exclude=["a", "b"]).source == "none"


def test_items_that_may_not_be_shown_are_left_out(redis_url: str) -> None:
    server = redis.Redis.from_url(redis_url)
    items = ["plain", "hidden", "over", "early", "now"]
    listed = [[item, 1.0] for item in items]
    server.set("freshet:docs:popular", json.dumps({"v": 1, "epoch": 1, "ts": 1, "src": "popular", "items": listed}))
    documents = {
        "hidden": {"hidden": True},
        "over": {"available_until": "2020-01-01T00:00:00.000Z"},
        "early": {"available_from": "2999-01-01T00:00:00.000Z"},
        "now": {"available_from": "2020-01-01T00:00:00.000Z", "available_until": "2999-01-01T00:00:00.000Z"},
    }
    server.hset("freshet:docs:items", mapping={item: json.dumps(content) for item, content in documents.items()})
    with Client(redis_url, namespace="docs") as client:
        assert client.popular().ids == items
        assert client.popular(available_only=True).ids == ["plain", "now"]
        assert client.popular(1, offset=1, available_only=True).ids == ["now"]


def test_reader_needs_no_more_rights_than_the_documentation_gives() -> None:
    with redis_server() as url:
        server = redis.Redis.from_url(url)
        document = (SCHEMAS / "redis-keys.md").read_text().splitlines()
        (line,) = (line for line in document if line.startswith("Reader: `"))
        rights = line.split("`")[1].replace("<p>", "freshet").split()
        assert "-@all" in rights
        server.execute_command("ACL", "SETUSER", "reader", "on", ">secret", *rights)
        server.execute_command("ACL", "SETUSER", "default", "off")
        with Client(url, username="reader", password="secret") as client:
            with pytest.raises(NothingPublished):
                client.recommend("u", available_only=True)
            with pytest.raises(NotFound):
                client.item("i")
        with (
            Client(url, username="reader", password="wrong") as client,
            pytest.raises(FreshetError, match="username and password"),
        ):
            client.recommend("u")


def test_connection_that_redis_closed_is_replaced(redis_url: str) -> None:
    server = redis.Redis.from_url(redis_url)
    server.set("freshet:kill:popular", '{"v":1,"epoch":1,"ts":1,"src":"popular","items":[["a",1]]}')
    with Client(redis_url, namespace="kill") as client:
        assert client.popular().ids == ["a"]
        server.execute_command("CLIENT", "KILL", "TYPE", "normal", "SKIPME", "yes")
        assert client.popular().ids == ["a"]


def test_connection_that_the_gateway_closed_is_replaced() -> None:
    body = b'{"source":"none","epoch":null,"age_ms":null,"items":[]}'
    answer = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(body) + body
    accepted: list[int] = []
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            # Answers one request of each connection, then closes it although it was to be kept.
            for _ in range(3):
                connection, _ = server.accept()
                with connection:
                    accepted.append(1)
                    connection.recv(65536)
                    connection.sendall(answer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        with Client(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=2) as client:
            for _ in range(3):
                assert client.popular().source == "none"
                time.sleep(0.05)
        thread.join(5)
    assert len(accepted) == 3


def test_answer_that_is_no_gateway_s() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            for content in (b"<html>", b"[]", b'{"a":1}'):
                connection, _ = server.accept()
                with connection:
                    connection.recv(65536)
                    head = b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(content)
                    connection.sendall(head + content)

        threading.Thread(target=serve, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.getsockname()[1]}", timeout=2) as client:
            for _ in range(3):
                with pytest.raises(BadReply, match="is the URL that of a gateway"):
                    client.popular()


def test_retry_after_is_known() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def serve() -> None:
            connection, _ = server.accept()
            with connection:
                connection.recv(65536)
                content = (
                    b'{"title":"away","status":503,"detail":"Redis is away","code":"unavailable","fix":"try again"}'
                )
                head = b"HTTP/1.1 503 X\r\nRetry-After: 2\r\nContent-Length: %d\r\n\r\n" % len(content)
                connection.sendall(head + content)

        threading.Thread(target=serve, daemon=True).start()
        with Client(f"http://127.0.0.1:{server.getsockname()[1]}") as client, pytest.raises(Unavailable) as caught:
            client.popular()
    assert isinstance(caught.value, Problem)
    assert caught.value.retry_after == 2


def test_events_rejected_lists_all_of_them(trained: Engine) -> None:
    pool = HTTPPool(HTTPSettings(Address(trained.gateway)))
    from freshet.backends.gateway import _object

    response = pool.perform(
        Request("POST", "/v1/events", (), b'[{"user_id":"u"},{}]', {"Content-Type": "application/json"})
    )
    pool.close()
    with pytest.raises(EventsRejected) as caught:
        _object(response)
    assert [(each.index, each.reason) for each in caught.value.rejections] == [
        (0, "missing_item_id"),
        (1, "missing_user_id"),
    ]


def test_wrong_use_is_refused() -> None:
    with pytest.raises(ValueError, match="no URL of Redis or a gateway"):
        Client("127.0.0.1:6379")
    with pytest.raises(ValueError, match="token is for a gateway"):
        Client("redis://127.0.0.1", token="x")
    with Client("redis://127.0.0.1") as client:
        with pytest.raises(ValueError, match="n must be"):
            client.popular(0)
        with pytest.raises(TypeError, match="exclude is a list"):
            client.popular(exclude="abc")
