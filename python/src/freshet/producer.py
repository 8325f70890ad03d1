"""Events into the topic: checked, keyed by user, placed as every other producer of Freshet places them."""

from __future__ import annotations

import threading
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from .errors import DeliveryFailed, FreshetError, InvalidEvent, MissingExtra, Unavailable
from .events import AnyEvent, Limits, check

_KEPT_FAILURES = 100

# Settings that what the engine promises rests on.
_FIXED = {
    "partitioner": "murmur2_random",
    "enable.idempotence": True,
    "acks": "all",
}
_DEFAULTS = {
    "compression.type": "zstd",
    "linger.ms": 5,
    "message.timeout.ms": 30_000,
    "client.id": "freshet-python",
}


@dataclass(frozen=True)
class Delivered:
    """Where a record stands in the topic."""

    key: bytes
    partition: int
    offset: int


@dataclass(frozen=True)
class FailedRecord:
    """A record that the broker did not take, and why. The value is None for a tombstone."""

    key: bytes
    value: bytes | None
    reason: str


class Producer:
    """Writes events to Kafka; nothing is dropped without an error.

    >>> with Producer("127.0.0.1:9092") as producer:
    ...     producer.send(Event("anna", "sku-1", event_type="click"))

    `send` checks an event as the engine will read it and raises InvalidEvent before anything is sent. It returns when
    the record is queued; `flush`, and the end of the `with` block, wait until the broker has everything, and raise
    DeliveryFailed if it did not take a record. Threads may share a producer.

    `config` has further settings of librdkafka, such as those of TLS and SASL.
    """

    def __init__(
        self,
        bootstrap_servers: str = "127.0.0.1:9092",
        *,
        topic: str = "events",
        config: Mapping[str, Any] | None = None,
        limits: Limits = Limits(),  # noqa: B008
        timeout: float = 30.0,
        on_delivery: Callable[[Delivered | FailedRecord], None] | None = None,
    ) -> None:
        try:
            import confluent_kafka
        except ImportError as fault:
            raise MissingExtra("kafka", "confluent-kafka") from fault
        settings = dict(config or {})
        if refused := sorted(name for name in settings if name in _FIXED and settings[name] != _FIXED[name]):
            raise ValueError(
                f"{', '.join(refused)} cannot be changed: users would be spread differently, or events written twice"
            )
        self.topic = topic
        self._servers = bootstrap_servers
        self._limits = limits
        self._timeout = timeout
        self._on_delivery = on_delivery
        self._lock = threading.Lock()
        self._delivered = 0
        self._failed = 0
        self._failures: list[FailedRecord] = []
        self._last_error = ""
        self._is_closed = False
        self._kafka = confluent_kafka.Producer(
            {
                **_DEFAULTS,
                **settings,
                **_FIXED,
                "bootstrap.servers": bootstrap_servers,
                "error_cb": self._note_error,
                "logger": _Silent(),
            }
        )
        self._check_topic(confluent_kafka)

    @property
    def delivered(self) -> int:
        """The number of records that the broker has acknowledged."""
        return self._delivered

    @property
    def failed(self) -> int:
        """The number of records that the broker did not take, since the last error that told of them."""
        return self._failed

    def send(self, event: AnyEvent) -> None:
        """Checks an event and queues it."""
        checked = check(event, self._limits)
        self.send_record(checked.key, checked.value)

    def send_all(self, events: Any) -> int:
        """Sends all events of an iterable and returns their number; stops at the first bad one, with its number."""
        count = 0
        for event in events:
            try:
                self.send(event)
            except InvalidEvent as fault:
                raise InvalidEvent(fault.reason, fault.message.partition(": ")[2], index=count) from fault
            count += 1
        return count

    def forget(self, user: str) -> None:
        """Queues the tombstone of a user: the engine erases the history and the list."""
        key = user.encode()
        if not 1 <= len(key) <= self._limits.id_bytes or b"\0" in key:
            raise InvalidEvent("bad_id", f"{user!r} is no user id")
        self.send_record(key, None)

    def send_record(self, key: bytes, value: bytes | None) -> None:
        """Queues a record as it is, for events in the form of another system; the key must be the user id."""
        if self._is_closed:
            raise FreshetError("the producer is closed")
        if not key:
            raise InvalidEvent("no_key", "a record needs the user id as its key")
        self._queue(key, value)
        self._kafka.poll(0)

    def flush(self, timeout: float | None = None) -> None:
        """Waits until the broker has everything; raises DeliveryFailed if it did not take a record."""
        seconds = self._timeout if timeout is None else timeout
        waiting = self._kafka.flush(seconds)
        with self._lock:
            failures, count, why = self._failures, self._failed, self._last_error
            self._failures, self._failed = [], 0
        if count:
            reason = failures[0].reason if failures else "unknown"
            raise DeliveryFailed(
                f"{count} records were not written to {self.topic}: {reason}{_because(why)}",
                fix=f"failures has the first {len(failures)}; send them again",
                failures=failures,
                count=count,
            )
        if waiting:
            raise DeliveryFailed(
                f"{waiting} records were not acknowledged within {seconds:g} s{_because(why)}",
                fix="they are still being sent; flush again, or raise timeout",
                count=waiting,
            )

    def close(self) -> None:
        """Flushes, and ends."""
        if not self._is_closed:
            self._is_closed = True
            self.flush()

    def __enter__(self) -> Producer:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        try:
            self.close()
        except FreshetError as fault:
            if error is None:
                raise
            # The caller's own error goes first; it must not hide that records were lost.
            warnings.warn(str(fault), RuntimeWarning, stacklevel=2)

    def __del__(self) -> None:
        kafka = getattr(self, "_kafka", None)
        if kafka is not None and not self._is_closed and len(kafka):
            warnings.warn(f"a producer with {len(kafka)} unsent records was not closed", ResourceWarning, stacklevel=2)

    # Parts

    def _queue(self, key: bytes, value: bytes | None) -> None:
        waited = 0.0
        while True:
            try:
                self._kafka.produce(self.topic, value=value, key=key, on_delivery=self._report(key, value))
                return
            except BufferError as fault:
                # The queue of librdkafka is full: wait for deliveries.
                if waited >= self._timeout:
                    raise Unavailable(
                        f"the queue of the producer stayed full for {self._timeout:g} s{_because(self._last_error)}",
                        fix="is Kafka reachable, and fast enough?",
                    ) from fault
                self._kafka.poll(0.1)
                waited += 0.1

    def _report(self, key: bytes, value: bytes | None) -> Callable[[Any, Any], None]:
        def report(error: Any, message: Any) -> None:
            outcome: Delivered | FailedRecord
            with self._lock:
                if error is None:
                    self._delivered += 1
                    outcome = Delivered(key, message.partition(), message.offset())
                else:
                    self._failed += 1
                    outcome = FailedRecord(key, value, error.str())
                    if len(self._failures) < _KEPT_FAILURES:
                        self._failures.append(outcome)
            if self._on_delivery is not None:
                self._on_delivery(outcome)

        return report

    def _note_error(self, error: Any) -> None:
        self._last_error = error.str()

    def _check_topic(self, library: Any) -> None:
        try:
            metadata = self._kafka.list_topics(self.topic, timeout=min(self._timeout, 10.0))
        except library.KafkaException as fault:
            raise Unavailable(
                f"Kafka at {self._servers} cannot be reached: {fault.args[0].str()}{_because(self._last_error)}",
                fix="is it running there, and are the settings of TLS and SASL those of the broker?",
            ) from fault
        found = metadata.topics.get(self.topic)
        if found is None or found.error is not None or not found.partitions:
            why = f": {found.error.str()}" if found is not None and found.error is not None else ""
            raise FreshetError(
                f"there is no topic {self.topic} at {self._servers}{why}",
                fix=f"freshet topics create --topic {self.topic}",
            )
        self.partitions = len(found.partitions)


def _because(why: str) -> str:
    return f" ({why})" if why else ""


class _Silent:
    """librdkafka's log; what matters of it reaches the caller as an error."""

    def log(self, *_: Any) -> None:
        return

    debug = info = warning = error = critical = log
