#!/usr/bin/env python3
"""Makes messages.json: records as Confluent's Python client writes them, with the schemas that a registry would give for them.

    pip install 'confluent-kafka[avro,protobuf,json,schema-registry]' grpcio-tools
    ./make_messages.py            # writes messages.json beside this file
    ./make_messages.py --check    # fails if messages.json is not what it would write

The expectations are written by hand, as lines of `user item strength operation milliseconds [event id]`, or `rejected REASON`.
"""

import base64
import datetime
import json
import pathlib
import sys
import tempfile
import uuid
from decimal import Decimal

from confluent_kafka.schema_registry import (
    Schema,
    SchemaReference,
    SchemaRegistryClient,
    header_schema_id_serializer,
)
from confluent_kafka.schema_registry.avro import AvroSerializer
from confluent_kafka.schema_registry.json_schema import JSONSerializer
from confluent_kafka.schema_registry.protobuf import ProtobufSerializer
from confluent_kafka.serialization import MessageField, SerializationContext
from google.protobuf import descriptor_pb2, descriptor_pool, message_factory
from grpc_tools import protoc

HERE = pathlib.Path(__file__).resolve().parent
SCHEMAS = HERE.parent.parent.parent / "schemas"
TOPIC = "events"
UTC = datetime.timezone.utc
AT = datetime.datetime(2023, 11, 14, 22, 13, 20, 123456, tzinfo=UTC)
AT_MILLISECONDS = 1700000000123

# GUIDs are random in the client's mock of a registry; here they are counted.
counter = iter(range(1, 1000))
uuid.uuid4 = lambda: uuid.UUID(int=0x11223344_5566_4788_99AA_000000000000 + next(counter))

registry = SchemaRegistryClient.new_client({"url": "mock://"})
records = []
# Schemas that the registry gives in another form than they were registered in.
texts = {}


def b64(data):
    return None if data is None else base64.b64encode(data).decode()


def context(field=MessageField.VALUE):
    return SerializationContext(TOPIC, field, [])


def add(name, value, expect, key=None, headers=(), settings=None):
    records.append(
        {
            "name": name,
            "key": b64(key),
            "value": b64(value),
            "headers": [[header, b64(data)] for header, data in headers],
            "settings": settings or {},
            "expect": expect,
        }
    )


def in_header(serializer, value, field=MessageField.VALUE):
    ctx = context(field)
    return serializer(value, ctx), ctx.headers


def avro(schema, references=(), **configuration):
    text = schema if isinstance(schema, str) else json.dumps(schema)
    return AvroSerializer(registry, Schema(text, "AVRO", list(references)), conf=configuration or None)


# ---- Avro


def add_own_event():
    write = avro((SCHEMAS / "event-v1.avsc").read_text())
    event = {
        "user_id": "u1", "item_id": "i1", "event_type": "purchase", "event_value": 2.5, "timestamp": AT, "event_id": "e1",
        "op": "set", "session_id": None, "recommendation_id": None, "impression": ["i1", "i2"],
    }
    add("avro: event-v1.avsc", write(event, context()), [f"u1 i1 2.5 set {AT_MILLISECONDS} e1"])
    event.update(event_value=None, timestamp=None, event_id=None, op="add", impression=[])
    add("avro: event-v1.avsc, nulls", write(event, context()), ["u1 i1 1.0 add 1795219200000"])


ORDER = {
    "type": "record", "name": "Order", "namespace": "shop",
    "fields": [
        {"name": "customer", "type": ["null", "string", "long"]},
        {"name": "at", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        {"name": "day", "type": {"type": "int", "logicalType": "date"}},
        {"name": "kind", "type": {"type": "enum", "name": "Kind", "symbols": ["VIEW", "BUY"]}},
        {"name": "lines", "type": {"type": "array", "items": {
            "type": "record", "name": "Line", "fields": [
                {"name": "sku", "type": {"type": "bytes", "logicalType": "decimal", "precision": 12, "scale": 0}},
                {"name": "quantity", "type": ["null", {"type": "bytes", "logicalType": "decimal", "precision": 10, "scale": 2}]},
                {"name": "parent", "type": ["null", "Line"]},
            ]}}},
        {"name": "attributes", "type": {"type": "map", "values": ["string", "double", "boolean"]}},
        {"name": "hash", "type": {"type": "fixed", "name": "Hash", "size": 4}},
        {"name": "note", "type": ["null", "string"], "default": None},
    ],
}


def add_order():
    write = avro(ORDER)
    line = {"sku": Decimal(17850), "quantity": Decimal("2.50"), "parent": None}
    order = {
        "customer": 4711, "at": AT, "day": datetime.date(2023, 11, 14), "kind": "BUY",
        "lines": [line, {"sku": Decimal(-7), "quantity": None, "parent": line}],
        "attributes": {"channel": "web", "score": 0.25, "gift": True}, "hash": b"\x00\xff\x10\x20", "note": 'a "quoted"\n text \u00e9',
    }
    settings = {
        "input.fields.user_id": "customer", "input.fields.item_id": "lines[].sku", "input.fields.event_value": "lines[].quantity",
        "input.fields.event_type": "kind", "input.fields.timestamp": "at",
    }
    expect = [f"4711 17850 2.5 add {AT_MILLISECONDS}", f"4711 -7 1.0 add {AT_MILLISECONDS}"]
    add("avro: unions, logical types, nested, arrays", write(order, context()), expect, settings=settings)
    order.update(customer="c-1", lines=[line])
    settings = dict(settings)
    settings.update({"input.fields.timestamp": "day", "input.fields.event_id": "hash"})
    add("avro: date, fixed", write(order, context()), ["c-1 17850 2.5 add 1699920000000 AP8QIA=="], settings=settings)
    order.update(customer=None)
    add("avro: null user", write(order, context()), ["rejected missing_user_id"], settings=settings)


def add_numbers():
    write = avro({
        "type": "record", "name": "Numbers", "fields": [
            {"name": "user_id", "type": "int"}, {"name": "item_id", "type": "long"}, {"name": "event_value", "type": "float"},
            {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-micros"}},
        ]})
    # In 1970 microseconds look like seconds.
    early = datetime.datetime(2001, 1, 1, tzinfo=UTC)
    add("avro: float", write({"user_id": -5, "item_id": 9007199254740993, "event_value": 0.1, "timestamp": early}, context()),
        ["-5 9007199254740993 0.1 add 978307200000"])
    add("avro: NaN", write({"user_id": 1, "item_id": 2, "event_value": float("nan"), "timestamp": early}, context()),
        ["rejected bad_value"])


def add_reference():
    product = {"type": "record", "name": "Product", "namespace": "shop", "fields": [{"name": "sku", "type": "string"}]}
    registry.register_schema("shop.Product", Schema(json.dumps(product), "AVRO"))
    write = avro(
        {"type": "record", "name": "Seen", "namespace": "shop", "fields": [
            {"name": "user_id", "type": "string"}, {"name": "product", "type": "Product"},
            {"name": "timestamp", "type": {"type": "long", "logicalType": "timestamp-millis"}}]},
        [SchemaReference("shop.Product", "shop.Product", 1)])
    add("avro: reference", write({"user_id": "u1", "product": {"sku": "s1"}, "timestamp": AT}, context()),
        [f"u1 s1 1.0 add {AT_MILLISECONDS}"], settings={"input.fields.item_id": "product.sku"})


ROW = {"type": "record", "name": "Value", "fields": [
    {"name": "id", "type": "long"}, {"name": "customer_id", "type": "string"}, {"name": "product_id", "type": "int"},
    {"name": "created_at", "type": {"type": "long", "connect.version": 1, "connect.name": "io.debezium.time.MicroTimestamp"}},
]}
ENVELOPE = {
    "type": "record", "name": "Envelope", "namespace": "db.public.likes", "connect.name": "db.public.likes.Envelope",
    "fields": [
        {"name": "before", "type": ["null", ROW], "default": None}, {"name": "after", "type": ["null", "Value"], "default": None},
        {"name": "source", "type": {"type": "record", "name": "Source", "fields": [
            {"name": "table", "type": "string"}, {"name": "ts_ms", "type": "long"}]}},
        {"name": "op", "type": "string"}, {"name": "ts_ms", "type": ["null", "long"], "default": None},
    ],
}


def add_debezium():
    write = avro(ENVELOPE)
    write_key = avro({"type": "record", "name": "Key", "namespace": "db.public.likes", "fields": [{"name": "id", "type": "long"}]})
    key = write_key({"id": 7}, context(MessageField.KEY))
    row = {"id": 7, "customer_id": "c1", "product_id": 42, "created_at": 1700000000123456}
    event = {"before": None, "after": row, "source": {"table": "likes", "ts_ms": 1700000009000}, "op": "c", "ts_ms": 1700000009010}
    settings = {"input.preset": "debezium"}
    add("debezium: created", write(event, context()), [f"c1 42 1.0 add {AT_MILLISECONDS}"], key=key, settings=settings)
    event.update(before=row, after=None, op="d")
    add("debezium: deleted", write(event, context()), [f"c1 42 1.0 delete {AT_MILLISECONDS}"], key=key, settings=settings)
    add("debezium: tombstone", None, ["ignored ignore_rule"], key=key, settings=settings)
    text_key = avro({"type": "string"})
    add("avro: tombstone, text key", None, ["forget u1"], key=text_key("u1", context(MessageField.KEY)))
    own = avro((SCHEMAS / "event-v1.avsc").read_text())
    event = {"user_id": "u9", "item_id": "i1", "event_type": "view", "event_value": None, "timestamp": AT, "event_id": None, "op": "add",
             "session_id": None, "recommendation_id": None, "impression": []}
    add("avro: text key", own(event, context()), [f"u9 i1 1.0 add {AT_MILLISECONDS}"], key=text_key("u9", context(MessageField.KEY)))


# ---- Protobuf


def descriptors(directory, file):
    """The compiled file and what it imports."""
    with tempfile.NamedTemporaryFile() as output:
        include = str(pathlib.Path(protoc.__file__).parent / "_proto")
        arguments = ["protoc", f"-I{directory}", f"-I{include}", "--include_imports", f"--descriptor_set_out={output.name}", file]
        assert protoc.main(arguments) == 0
        return descriptor_pb2.FileDescriptorSet.FromString(pathlib.Path(output.name).read_bytes())


def pool(directory, file):
    files = descriptors(directory, file)
    made = descriptor_pool.DescriptorPool()
    for one in files.file:
        made.Add(one)
    return made, files


def message_class(made, name):
    return message_factory.GetMessageClass(made.FindMessageTypeByName(name))


def protobuf(kind, **configuration):
    return ProtobufSerializer(kind, registry, conf={"use.deprecated.format": False, **configuration})


def add_protobuf():
    made, _ = pool(SCHEMAS, "event-v1.proto")
    event = message_class(made, "freshet.v1.InteractionEvent")
    texts["event-v1.proto"] = (SCHEMAS / "event-v1.proto").read_text()
    write = protobuf(event)
    whole = event(user_id="u1", item_id="i1", event_type="purchase", event_value=2.5, timestamp_ms=AT_MILLISECONDS, event_id="e1", op=1)
    add("protobuf: event-v1.proto", write(whole, context()), [f"u1 i1 2.5 set {AT_MILLISECONDS} e1"])
    add("protobuf: event-v1.proto, defaults", write(event(user_id="u1", item_id="i1"), context()), ["u1 i1 1.0 add 1795219200000"])
    value, headers = in_header(protobuf(event, **{"schema.id.serializer": header_schema_id_serializer}), whole)
    add("protobuf: GUID and indexes in a header", value, [f"u1 i1 2.5 set {AT_MILLISECONDS} e1"], headers=headers)


PLACED = {
    "input.fields.user_id": "customer", "input.fields.item_id": "lines[].sku", "input.fields.event_value": "lines[].quantity",
    "input.fields.event_type": "kind", "input.fields.timestamp": "meta.at", "input.fields.event_id": "meta.id",
    "input.types.PURCHASE": "3", "input.types.RESERVE": "ignore",
}


def add_order_in_protobuf():
    made, files = pool(HERE / "proto", "shop/events.proto")
    for name in ["shop/common.proto", "shop/events.proto"]:
        texts[name] = (HERE / "proto" / name).read_text()
    placed = message_class(made, "shop.Order.Placed")
    write = protobuf(placed)
    order = placed(customer=4711, channel=2, ratio=0.5, total_cents=1999, scores=[-1, 0, 300], token=b"\x00\xff")
    order.meta.id = "o-1"
    order.meta.at.FromDatetime(AT.replace(tzinfo=None))
    order.lines.add(sku=17850).quantity.value = 2
    order.lines.add(sku=18446744073709551615 >> 1)
    order.tags["source"] = "mail"
    order.voucher.value = "v-1"
    order.extra.update({"a": [1, None, {"b": "c"}]})
    expect = [f"4711 17850 6.0 add {AT_MILLISECONDS} o-1#0", f"4711 9223372036854775807 3.0 add {AT_MILLISECONDS} o-1#1"]
    data = write(order, context())
    assert data[5:8] == b"\x04\x02\x00", data[:12]
    add("protobuf: nested message, index list [1, 0], references", data, expect, settings=PLACED)
    order.kind = 1
    # Both lines are ignored.
    add("protobuf: enum", write(order, context()), [], settings=PLACED)
    # As the same registry gives it without text.
    order.kind = 0
    subject = "compiled-value"
    del texts["shop/events.proto"]
    events = next(file for file in files.file if file.name == "shop/events.proto")
    compiled = Schema(base64.b64encode(events.SerializeToString()).decode(), "PROTOBUF", [SchemaReference("shop/common.proto", "shop/common.proto", 1)])
    number = registry.register_schema(subject, compiled)
    texts["shop/events.proto"] = (HERE / "proto" / "shop/events.proto").read_text()
    as_compiled.add(number)
    add("protobuf: compiled schema", b"\x00" + number.to_bytes(4, "big") + data[5:], expect, settings=PLACED)


as_compiled = set()


# ---- JSON and frames


def add_json():
    schema = {"title": "Event", "type": "object", "properties": {"user_id": {"type": "string"}, "item_id": {"type": "string"}}}
    write = JSONSerializer(json.dumps(schema), registry)
    add("json: JSON Schema", write({"user_id": "u1", "item_id": "i1", "timestamp": AT_MILLISECONDS}, context()),
        [f"u1 i1 1.0 add {AT_MILLISECONDS}"])


def add_frames():
    serializer = avro((SCHEMAS / "event-v1.avsc").read_text(), **{"schema.id.serializer": header_schema_id_serializer})
    event = {"user_id": "u2", "item_id": "i2", "event_type": "view", "event_value": None, "timestamp": AT, "event_id": None, "op": "add",
             "session_id": None, "recommendation_id": None, "impression": []}
    value, headers = in_header(serializer, event)
    expect = [f"u2 i2 1.0 add {AT_MILLISECONDS}"]
    add("avro: GUID in a header", value, expect, headers=headers)
    add("avro: GUID in the value", headers[0][1] + value, expect)
    add("avro: unknown id", b"\x00" + (9999).to_bytes(4, "big") + value, ["rejected unknown_schema"])
    add("avro: unknown GUID", b"\x01" + bytes(16) + value, ["rejected unknown_schema"])
    add("avro: cut short", (headers[0][1] + value)[:-6], ["rejected bad_frame"])
    add("avro: bytes left over", headers[0][1] + value + b"\x00", ["rejected bad_frame"])


# ---- The registry


def shown(number, schema):
    """The text that a registry gives for a schema: .proto files are text unless they were only ever compiled."""
    if schema.schema_type != "PROTOBUF" or number in as_compiled:
        return schema.schema_str
    file = descriptor_pb2.FileDescriptorProto.FromString(base64.b64decode(schema.schema_str))
    return texts.get(file.name, schema.schema_str)


def schemas():
    store = registry._store
    made = []
    for number, registered in sorted(store.schema_id_index.items()):
        schema = registered.schema
        made.append({
            "id": number, "guid": str(registered.guid), "subject": registered.subject, "version": registered.version,
            "schemaType": schema.schema_type, "schema": shown(number, schema),
            "references": [{"name": r.name, "subject": r.subject, "version": r.version} for r in schema.references or []],
        })
    return made


for make in [add_own_event, add_order, add_numbers, add_reference, add_debezium, add_protobuf, add_order_in_protobuf, add_json, add_frames]:
    make()
text = json.dumps({"schemas": schemas(), "records": records}, indent=1) + "\n"
target = HERE / "messages.json"
if "--check" in sys.argv[1:]:
    if target.read_text() != text:
        sys.exit("messages.json is not what this script makes")
else:
    target.write_text(text)
