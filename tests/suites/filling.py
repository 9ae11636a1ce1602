"""Fills a message with made-up values: the same seed, the same message."""

import random

from google.protobuf import descriptor

DEPTH = 3
# Their JSON has rules of its own: an Any needs a type that both sides know, a FieldMask real paths.
SKIPPED = {
    "google.protobuf.BytesValue",  # grpcurl prints an empty one as null
    "google.protobuf.Any",
    "google.protobuf.FieldMask",
    "google.protobuf.Struct",
    "google.protobuf.Value",
    "google.protobuf.ListValue",
}
TIMES = {"google.protobuf.Timestamp", "google.protobuf.Duration"}


def fill(message, seed):
    _fill(message, random.Random(seed), DEPTH)
    return message


def _fill(message, dice, depth):
    if message.DESCRIPTOR.full_name in TIMES:
        message.seconds, message.nanos = dice.randrange(1_000_000), dice.randrange(1000) * 1_000_000
        return
    chosen = {oneof.name: dice.choice(oneof.fields).name for oneof in message.DESCRIPTOR.oneofs}
    for field in message.DESCRIPTOR.fields:
        oneof = field.containing_oneof
        if oneof is not None and chosen[oneof.name] != field.name:
            continue
        if field.enum_type is not None and field.enum_type.full_name == "google.protobuf.NullValue":
            continue  # `null` in JSON, which says as much as nothing
        if field.is_required or dice.random() < 0.6:
            _set(message, field, dice, depth)


def _set(message, field, dice, depth):
    kind = field.message_type
    if kind is not None and not (kind.has_options and kind.GetOptions().map_entry):
        if kind.full_name in SKIPPED or depth == 0:
            return
        place = getattr(message, field.name)
        if field.is_repeated:
            for _ in range(dice.randrange(1, 3)):
                _fill(place.add(), dice, depth - 1)
        else:
            place.SetInParent()
            _fill(place, dice, depth - 1)
    elif kind is not None:
        _set_map(getattr(message, field.name), kind, dice, depth)
    elif field.is_repeated:
        getattr(message, field.name).extend(_scalar(field, dice) for _ in range(dice.randrange(1, 4)))
    else:
        setattr(message, field.name, _scalar(field, dice))


def _set_map(place, entry, dice, depth):
    value = entry.fields_by_name["value"]
    key = _scalar(entry.fields_by_name["key"], dice)
    if value.message_type is None:
        place[key] = _scalar(value, dice)
    elif value.message_type.full_name not in SKIPPED and depth > 0:
        _fill(place[key], dice, depth - 1)


def _scalar(field, dice):
    kind = field.cpp_type
    if kind == descriptor.FieldDescriptor.CPPTYPE_STRING:
        text = dice.choice(["", "a", "grüße", "日本語", "\t\"quoted\"\\", "x" * 40])
        return text.encode() if field.type == descriptor.FieldDescriptor.TYPE_BYTES else text
    if kind == descriptor.FieldDescriptor.CPPTYPE_BOOL:
        return dice.random() < 0.5
    if kind == descriptor.FieldDescriptor.CPPTYPE_ENUM:
        return dice.choice(field.enum_type.values).number
    if kind in (descriptor.FieldDescriptor.CPPTYPE_DOUBLE, descriptor.FieldDescriptor.CPPTYPE_FLOAT):
        return dice.choice([0.0, 1.5, -2.25, 1024.0])
    signed = kind in (descriptor.FieldDescriptor.CPPTYPE_INT32, descriptor.FieldDescriptor.CPPTYPE_INT64)
    wide = kind in (descriptor.FieldDescriptor.CPPTYPE_INT64, descriptor.FieldDescriptor.CPPTYPE_UINT64)
    top = (63 if signed else 64) if wide else (31 if signed else 32)
    return dice.choice([0, 1, 2**top - 1, -(2**top) if signed else 7])
