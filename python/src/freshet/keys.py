"""Names of keys in Redis, as schemas/redis-keys.md defines them, and Kafka's partition of a key."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from urllib.parse import quote

_HASH_FORM = re.compile(rb"h\.[0-9a-f]{32}")


def key_part(identifier: str) -> str:
    """What stands behind `u:` or `i:` in a key for this id."""
    data = identifier.encode()
    part = quote(data, safe="@:+")
    if len(part) > 128 or _HASH_FORM.fullmatch(data):
        return "h." + hashlib.sha256(data).hexdigest()[:32]
    return part


@dataclass(frozen=True)
class Keyspace:
    """The keys of one namespace."""

    namespace: str = "default"
    prefix: str = "freshet"

    @property
    def root(self) -> str:
        return f"{self.prefix}:{self.namespace}"

    def user_list(self, user: str) -> str:
        return f"{self.root}:{{u:{key_part(user)}}}:top"

    def user_vector(self, user: str) -> str:
        return f"{self.root}:{{u:{key_part(user)}}}:vec"

    def item_vector(self, epoch: int, item: str) -> str:
        return f"{self.root}:e{epoch}:{{i:{key_part(item)}}}:vec"

    def similar(self, item: str) -> str:
        return f"{self.root}:{{i:{key_part(item)}}}:sim"

    @property
    def popular(self) -> str:
        return f"{self.root}:popular"

    @property
    def model(self) -> str:
        return f"{self.root}:model"

    @property
    def items(self) -> str:
        return f"{self.root}:items"

    @property
    def titles(self) -> str:
        return f"{self.root}:titles"

    def task(self, name: str, key: str) -> str:
        """A key that a task of the worker writes."""
        return f"{self.root}:task:{key_part(name)}:{key}"


def murmur2(data: bytes) -> int:
    """MurmurHash2 of 32 bits with Kafka's seed."""
    mask = 0xFFFFFFFF
    multiplier = 0x5BD1E995
    value = 0x9747B28C ^ len(data)
    whole = len(data) & ~3
    for at in range(0, whole, 4):
        word = int.from_bytes(data[at : at + 4], "little") * multiplier & mask
        word ^= word >> 24
        value = (value * multiplier & mask) ^ (word * multiplier & mask)
    if rest := data[whole:]:
        value = (value ^ int.from_bytes(rest, "little")) * multiplier & mask
    value ^= value >> 13
    value = value * multiplier & mask
    return value ^ value >> 15


def partition(key: bytes, partitions: int) -> int:
    """The partition of a record with this key, as Kafka's Java producer and `murmur2_random` choose it."""
    return (murmur2(key) & 0x7FFFFFFF) % partitions
