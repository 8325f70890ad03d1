"""Names of keys and partitions, against the files that readers in all languages are tested with."""

from __future__ import annotations

import json

import pytest

from freshet.keys import Keyspace, key_part, murmur2, partition

from .support import SCHEMAS

ROWS = [line.split("\t") for line in (SCHEMAS / "examples/keys.tsv").read_text().splitlines()[1:]]


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[1][:24])
def test_part_of_a_key(row: list[str]) -> None:
    identifier = json.loads(row[0])
    assert identifier.encode().hex() == row[1]
    assert key_part(identifier) == row[2]


def test_keys_of_a_namespace() -> None:
    keys = Keyspace("shop", "f")
    assert keys.user_list("a b") == "f:shop:{u:a%20b}:top"
    assert keys.item_vector(7, "i") == "f:shop:e7:{i:i}:vec"
    assert keys.task("stats", "count") == "f:shop:task:stats:count"


def test_hash_of_kafka() -> None:
    # Values of org.apache.kafka.common.utils.Utils.murmur2.
    known = {b"21": -973932308, b"foobar": -790332482, b"a-little-bit-long-string": -985981536, b"": 275646681}
    assert {key: murmur2(key) for key in known} == {key: value & 0xFFFFFFFF for key, value in known.items()}
    assert partition(b"foobar", 8) == (-790332482 & 0x7FFFFFFF) % 8
