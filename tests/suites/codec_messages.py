"""Random messages on the wire, in every order and shape that parsers must take."""

import struct

from google.protobuf.descriptor import FieldDescriptor as Field

WORDS = ["", "a", 'q"\\/', "é", "😀", "\n\t\x00\x1f", "\u2028</script>", "x" * 40, "ascii and é and 😀 " * 3]
DOUBLES = [0.0, -0.0, 1.0, -1.5, 0.1, 1e300, 5e-324, 1e21, 123456789012345680.0, float("inf"), float("-inf"), float("nan")]
FLOATS = [0.0, -0.0, 1.0, 0.1, 16777216.0, 3e38, float("inf"), float("nan")]
PATHS = ["a", "a_b.c", "foo.bar_baz", "x1"]
FIXED = {
    Field.TYPE_FIXED64: "<Q", Field.TYPE_SFIXED64: "<q", Field.TYPE_FIXED32: "<I", Field.TYPE_SFIXED32: "<i",
}
WIRE_TYPES = {
    Field.TYPE_DOUBLE: 1, Field.TYPE_FIXED64: 1, Field.TYPE_SFIXED64: 1, Field.TYPE_FLOAT: 5, Field.TYPE_FIXED32: 5,
    Field.TYPE_SFIXED32: 5, Field.TYPE_STRING: 2, Field.TYPE_BYTES: 2, Field.TYPE_MESSAGE: 2, Field.TYPE_GROUP: 3,
}


def varint(number):
    number &= (1 << 64) - 1
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def tag(number, wire_type):
    return varint(number << 3 | wire_type)


def prefixed(content):
    return varint(len(content)) + content


class Messages:
    """Writes messages. `odd`: how often it leaves the canonical form."""

    def __init__(self, rng, schemas, odd):
        self.rng, self.schemas, self.odd = rng, schemas, odd
        self.extensions = {}

    def strange(self, odds=1.0):
        return self.rng.random() < self.odd * odds

    def message(self, descriptor, depth=3):
        special = getattr(self, descriptor.name, None) if descriptor.full_name.startswith("google.protobuf.") else None
        if special:
            return special(depth)
        # Maps, lists and messages in pieces: each part stands for itself, so they can stand in any order.
        parts = [part for field in self.chosen(descriptor) for part in self.field(field, depth)]
        if self.strange(0.3):
            parts.append(self.unknown(descriptor))
        if self.strange():
            self.rng.shuffle(parts)
        return b"".join(parts)

    def chosen(self, descriptor):
        rng = self.rng
        fields = sorted([*descriptor.fields, *self.extensions_of(descriptor)], key=lambda field: field.number)
        taken = set()
        for field in fields:
            oneof = field.containing_oneof
            again = oneof is not None and oneof.name in taken and not self.strange()
            if not again and rng.random() < 0.55:
                taken.add(oneof.name if oneof is not None else "")
                yield field

    def extensions_of(self, descriptor):
        if descriptor.full_name not in self.extensions:
            found = self.schemas.pool.FindAllExtensions(descriptor) if descriptor.is_extendable else []
            self.extensions[descriptor.full_name] = list(found)
        return self.extensions[descriptor.full_name]

    def field(self, field, depth):
        """The parts of a field: tag and value, perhaps several times."""
        rng = self.rng
        if field.is_repeated:
            yield from self.repeated(field, depth)
            return
        for _ in range(rng.choice([2, 2, 3]) if self.strange(0.4) else 1):
            yield self.tagged(field, depth)

    def repeated(self, field, depth):
        rng = self.rng
        count = rng.choice([0, 1, 1, 2, 2, 3, 5]) if depth else 0
        packed = field.is_packed
        if field.type in WIRE_TYPES and WIRE_TYPES[field.type] in (2, 3):
            yield from (self.tagged(field, depth) for _ in range(count))
            return
        while count > 0:
            part = rng.randint(1, count) if self.strange() else count
            count -= part
            if packed != self.strange(0.5):
                yield tag(field.number, 2) + prefixed(b"".join(self.scalar(field) for _ in range(part)))
            else:
                yield from (tag(field.number, WIRE_TYPES.get(field.type, 0)) + self.scalar(field) for _ in range(part))
        if self.strange(0.1):
            yield tag(field.number, 2) + prefixed(b"")

    def tagged(self, field, depth):
        number = field.number
        if field.type == Field.TYPE_GROUP:
            content = self.message(field.message_type, depth - 1) if depth > 0 else b""
            return tag(number, 3) + content + tag(number, 4)
        if field.type == Field.TYPE_MESSAGE:
            if field.message_type.GetOptions().map_entry:
                return tag(number, 2) + prefixed(self.entry(field.message_type, depth))
            return tag(number, 2) + prefixed(self.message(field.message_type, depth - 1) if depth > 0 else b"")
        return tag(number, WIRE_TYPES.get(field.type, 0)) + self.scalar(field)

    def entry(self, descriptor, depth):
        """Without unknown fields: upb takes an entry that has one for an unknown field as a whole, C++ does not."""
        parts = []
        for field in descriptor.fields:
            if not self.strange(0.2):
                # One value of an enum: a replaced one that the enum lacks is such an unknown field.
                parts.extend([self.tagged(field, 0)] if field.enum_type else self.field(field, depth - 1))
        if self.strange(0.3):
            self.rng.shuffle(parts)
        return b"".join(parts)

    def unknown(self, descriptor):
        rng = self.rng
        number = 5000 + rng.randrange(9)
        draw = rng.randrange(5 if descriptor.fields else 3)
        if draw == 0:
            return tag(number, 0) + varint(rng.getrandbits(40))
        if draw == 1:
            return tag(number, 2) + prefixed(b"unknown")
        if draw == 2:
            return tag(number, 3) + tag(1, 0) + varint(1) + tag(number, 4)
        # A known number with a wire type that is not the field's.
        field = rng.choice(descriptor.fields)
        if WIRE_TYPES.get(field.type, 0) == 1:
            return tag(field.number, 5) + b"abcd"
        return tag(field.number, 1) + b"abcdefgh"

    def scalar(self, field):
        rng, kind = self.rng, field.type
        if kind == Field.TYPE_STRING:
            return prefixed(rng.choice(WORDS).encode())
        if kind == Field.TYPE_BYTES:
            return prefixed(rng.randbytes(rng.choice([0, 1, 2, 3, 4, 30])))
        if kind == Field.TYPE_DOUBLE:
            return struct.pack("<d", rng.choice(DOUBLES + [rng.uniform(-1e6, 1e6)]))
        if kind == Field.TYPE_FLOAT:
            return struct.pack("<f", rng.choice(FLOATS))
        if kind in FIXED:
            bits = 64 if "q" in FIXED[kind].lower() else 32
            return self.integer(bits).to_bytes(bits // 8, "little")
        if kind == Field.TYPE_BOOL:
            return varint(rng.choice([0, 1, 1, 2 if self.strange() else 1]))
        if kind == Field.TYPE_ENUM:
            if field.enum_type.full_name == "google.protobuf.NullValue":
                return varint(0)
            known = [value.number for value in field.enum_type.values]
            return varint(rng.choice([*known, *known, 99 if self.strange() else known[0]]))
        if kind in (Field.TYPE_INT32, Field.TYPE_INT64):
            bits = 32 if kind == Field.TYPE_INT32 else 64
            number = self.integer(bits)
            number -= (number >> (bits - 1)) << bits
            return varint(number) if not self.strange(0.1) else varint(number & 0xFFFF_FFFF)
        bits = 32 if kind in (Field.TYPE_UINT32, Field.TYPE_SINT32) else 64
        return varint(self.integer(bits))

    def integer(self, bits):
        last = (1 << bits) - 1
        return self.rng.choice([0, 0, 1, 2, 3, 127, 128, last, last >> 1, (last >> 1) + 1, self.rng.getrandbits(bits)])

    # Well-known types, so that most have a JSON form.

    def Timestamp(self, _):
        return self.seconds([0, 1, -62135596800, 253402300799, 1_700_000_000, 253402300800], [0, 1, 999_999_999, 120_000, 5_000_000])

    def Duration(self, _):
        sign = self.rng.choice([1, -1])
        seconds = [0, sign, sign * 315_576_000_000, sign * 315_576_000_001]
        return self.seconds(seconds, [0, sign, sign * 999_999_999, sign * 120_000, -sign * 500_000_000])

    def seconds(self, seconds, nanos):
        # The last ones are out of range.
        seconds = self.rng.choice(seconds if self.strange(0.2) else seconds[:-1])
        nanos = self.rng.choice(nanos if self.strange(0.2) else nanos[:-1])
        parts = [tag(1, 0) + varint(seconds)] if seconds else []
        parts += [tag(2, 0) + varint(nanos)] if nanos else []
        if self.strange():
            self.rng.shuffle(parts)
        return b"".join(parts)

    def FieldMask(self, _):
        paths = PATHS + ["not_Round"] if self.strange(0.2) else PATHS
        return b"".join(tag(1, 2) + prefixed(self.rng.choice(paths).encode()) for _ in range(self.rng.randrange(4)))

    def Any(self, depth):
        if self.rng.random() < 0.15:
            return b""
        draw = self.rng.random()
        if draw < 0.4 or depth <= 0:
            name = self.rng.choice("Duration Timestamp Empty Int64Value BytesValue Value Struct FieldMask Any".split())
            descriptor = self.schemas.pool.FindMessageTypeByName("google.protobuf." + name)
        else:
            descriptor = self.rng.choice(self.schemas.messages)
        content = self.message(descriptor, depth - 1)
        parts = [tag(1, 2) + prefixed(f"type.googleapis.com/{descriptor.full_name}".encode())]
        parts += [tag(2, 2) + prefixed(content)] if content else []
        if self.strange():
            self.rng.shuffle(parts)
        return b"".join(parts)

    def Value(self, depth):
        kind = self.rng.randrange(7)
        if kind == 0 or kind > 4 and depth <= 0:
            return tag(1, 0) + varint(0)
        if kind == 1:
            numbers = DOUBLES if self.strange(0.1) else DOUBLES[:-3]
            return tag(2, 1) + struct.pack("<d", self.rng.choice(numbers))
        if kind == 2:
            return tag(3, 2) + prefixed(self.rng.choice(WORDS).encode())
        if kind == 3:
            return tag(4, 0) + varint(self.rng.randrange(2))
        if kind == 4:
            return b"" if self.strange() else tag(4, 0) + varint(1)
        content = self.Struct(depth - 1) if kind == 5 else self.ListValue(depth - 1)
        return tag(kind, 2) + prefixed(content)

    def Struct(self, depth):
        parts = []
        for key in self.rng.sample(WORDS, self.rng.randrange(3)):
            entry = tag(1, 2) + prefixed(key.encode()) + tag(2, 2) + prefixed(self.Value(depth - 1))
            parts += [tag(1, 2) + prefixed(entry)] * (2 if self.strange(0.2) else 1)
        return b"".join(parts)

    def ListValue(self, depth):
        return b"".join(tag(1, 2) + prefixed(self.Value(depth - 1)) for _ in range(self.rng.randrange(3)))
