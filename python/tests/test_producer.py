"""The producer on the embedded broker of an engine, and on a real Kafka."""

from __future__ import annotations

import json
import random
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import confluent_kafka
import pytest
from confluent_kafka.admin import AdminClient, NewTopic

from freshet import AsyncClient, Client, DeliveryFailed, Event, FreshetError, InvalidEvent, Producer, Unavailable
from freshet.keys import partition

from .support import Engine, eventually, free_port, kafka_home, must_have


@pytest.fixture(scope="module")
def real_kafka() -> Iterator[str]:
    """The address of a real broker."""
    home = kafka_home()
    with tempfile.TemporaryDirectory(prefix="fr-kafka-", ignore_cleanup_errors=True) as directory:
        command = [home / "bin/broker", "start", directory]
        started = subprocess.run(command, capture_output=True, text=True, timeout=90, check=False)
        must_have(started.stdout if started.returncode == 0 else None, f"Kafka that starts: {started.stderr}")
        try:
            yield started.stdout.partition("bootstrap_servers=")[2].split()[0]
        finally:
            subprocess.run([home / "bin/broker", "kill", directory], capture_output=True, timeout=60, check=False)


def make_topic(servers: str, name: str, partitions: int, **config: str) -> None:
    admin = AdminClient({"bootstrap.servers": servers})
    for future in admin.create_topics([NewTopic(name, partitions, 1, config=config)]).values():
        future.result(30)


def consume(servers: str, topic: str, count: int) -> list[Any]:
    consumer = confluent_kafka.Consumer(
        {"bootstrap.servers": servers, "group.id": "test", "auto.offset.reset": "earliest", "enable.auto.commit": False}
    )
    consumer.subscribe([topic])
    records: list[Any] = []
    try:
        eventually(lambda: records.extend(consumer.consume(500, 0.2)) or len(records) >= count, "all records are read")
        records.extend(consumer.consume(500, 0.5))
    finally:
        consumer.close()
    assert all(record.error() is None for record in records)
    return records


def test_records_are_where_the_engine_expects_them(real_kafka: str) -> None:
    make_topic(real_kafka, "placed", 5)
    delivered: list[Any] = []
    with Producer(real_kafka, topic="placed", on_delivery=delivered.append) as producer:
        assert producer.partitions == 5
        for index in range(200):
            producer.send(Event(f"user-{index % 50}", f"item-{index}", event_id=str(index)))
        producer.forget("user-7")
    assert producer.delivered == 201
    records = consume(real_kafka, "placed", 201)
    assert len(records) == 201
    for record in records:
        assert record.partition() == partition(record.key(), 5)
        if record.value() is None:
            assert record.key() == b"user-7"
        else:
            assert json.loads(record.value())["user_id"].encode() == record.key()
    places = {(record.partition(), record.offset()) for record in records}
    assert {(each.partition, each.offset) for each in delivered} == places


def test_topic_that_is_not_there(real_kafka: str) -> None:
    with pytest.raises(FreshetError, match=r"no topic other.*freshet topics create"):
        Producer(real_kafka, topic="other", timeout=5)


def test_records_that_a_broker_refuses_are_told(real_kafka: str) -> None:
    make_topic(real_kafka, "small", 1, **{"max.message.bytes": "300"})
    # Text that compression cannot make small.
    noise = "".join(chr(random.Random(seed).randrange(0x4E00, 0x9FFF)) for seed in range(900))
    producer = Producer(real_kafka, topic="small", config={"linger.ms": 0})
    producer.send(Event("u", "fits"))
    producer.flush()
    producer.send(Event("u", "too large", properties={"x": noise}))
    with pytest.raises(DeliveryFailed, match=r"1 records were not written to small.*send them again") as caught:
        producer.flush()
    (failure,) = caught.value.failures
    assert failure.key == b"u"
    assert json.loads(failure.value)["item_id"] == "too large"
    assert caught.value.count == 1
    producer.send(Event("u", "fits again"))
    producer.close()
    assert producer.delivered == 2
    assert [json.loads(record.value())["item_id"] for record in consume(real_kafka, "small", 2)] == [
        "fits",
        "fits again",
    ]


def test_engine_reads_what_is_produced(trained: Engine) -> None:
    with Producer(trained.bootstrap) as producer, Client(trained.redis, producer=producer) as client:
        item = client.popular(1).ids[0]
        assert client.send([Event("py-kafka", item), Event("py-kafka", client.popular(2).ids[1])]).accepted == 2
        found = eventually(lambda: (made := client.recommend("py-kafka")).is_personal and made, "the new user's list")
        assert item not in found.ids
        client.forget("py-kafka")
        eventually(lambda: not client.recommend("py-kafka").is_personal, "the list is gone")
        with pytest.raises(InvalidEvent, match="event 0: bad_value"):
            client.send({"user_id": "u", "item_id": "i", "event_value": "5"})


async def test_async_client_produces(trained: Engine) -> None:
    with Producer(trained.bootstrap) as producer:
        async with AsyncClient(trained.redis, producer=producer) as client:
            assert (await client.send(Event("py-async", "x"))).accepted == 1
            await client.forget("py-async")
        assert producer.delivered == 2


def test_many_events(trained: Engine) -> None:
    """More than the queue of librdkafka holds at a time: sending waits, and nothing is lost."""
    config = {"queue.buffering.max.messages": 100}
    with Producer(trained.bootstrap, config=config) as producer:
        assert producer.send_all(Event(f"py-queue-{index % 10}", f"i{index}") for index in range(2000)) == 2000
    assert producer.delivered == 2000


def test_bad_event_is_named_and_the_others_are_sent(trained: Engine) -> None:
    producer = Producer(trained.bootstrap)
    with pytest.raises(InvalidEvent, match="event 1: missing_item_id"):
        producer.send_all([{"user_id": "py-b", "item_id": "i"}, {"user_id": "py-b"}])
    producer.close()
    assert producer.delivered == 1
    with pytest.raises(FreshetError, match="closed"):
        producer.send(Event("py-b", "i"))


def test_error_of_the_block_goes_first(trained: Engine) -> None:
    with pytest.raises(KeyError), Producer(trained.bootstrap) as producer:
        producer.send(Event("py-error", "i"))
        raise KeyError("mine")
    assert producer.delivered == 1


def test_broker_that_is_not_there() -> None:
    with pytest.raises(Unavailable, match="cannot be reached.*is it running there"):
        Producer(f"127.0.0.1:{free_port()}", timeout=1)


def test_settings_that_would_spread_users_differently_are_refused() -> None:
    with pytest.raises(ValueError, match="partitioner cannot be changed"):
        Producer("127.0.0.1:1", config={"partitioner": "consistent_random"})


def test_producer_that_is_dropped_with_records_warns(trained: Engine) -> None:
    producer = Producer(trained.bootstrap, config={"linger.ms": 5000})
    producer.send(Event("py-dropped", "i"))
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        producer.__del__()
    assert any("1 unsent records" in str(each.message) for each in caught)
    producer.close()


def test_name_of_a_user_to_forget_is_checked(trained: Engine, tmp_path: Path) -> None:  # noqa: ARG001
    with Producer(trained.bootstrap) as producer:
        for user in ("", "x" * 257, "a\0"):
            with pytest.raises(InvalidEvent, match="bad_id"):
                producer.forget(user)
