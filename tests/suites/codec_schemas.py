"""Random schemas: proto2, proto3 and edition 2023, with every kind of field in every shape."""

from google.protobuf import (
    any_pb2, descriptor_pb2, descriptor_pool, duration_pb2, empty_pb2, field_mask_pb2, message_factory, struct_pb2,
    timestamp_pb2, wrappers_pb2,
)

Field = descriptor_pb2.FieldDescriptorProto
Features = descriptor_pb2.FeatureSet

WELL_KNOWN = [
    module.DESCRIPTOR
    for module in (any_pb2, duration_pb2, empty_pb2, field_mask_pb2, struct_pb2, timestamp_pb2, wrappers_pb2)
]
WELL_KNOWN_NAMES = [
    "google.protobuf." + name
    for name in (
        "Any Timestamp Duration FieldMask Struct Value ListValue Empty BoolValue Int32Value Int64Value UInt32Value "
        "UInt64Value FloatValue DoubleValue StringValue BytesValue"
    ).split()
]
SCALARS = [
    Field.TYPE_DOUBLE, Field.TYPE_FLOAT, Field.TYPE_INT64, Field.TYPE_UINT64, Field.TYPE_INT32, Field.TYPE_FIXED64,
    Field.TYPE_FIXED32, Field.TYPE_BOOL, Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_UINT32, Field.TYPE_SFIXED32,
    Field.TYPE_SFIXED64, Field.TYPE_SINT32, Field.TYPE_SINT64,
]
UNPACKED = {Field.TYPE_STRING, Field.TYPE_BYTES, Field.TYPE_MESSAGE, Field.TYPE_GROUP}
KEYS = [kind for kind in SCALARS if kind not in (Field.TYPE_DOUBLE, Field.TYPE_FLOAT, Field.TYPE_BYTES)]
# Names whose JSON form is less than obvious, and JSON names that have to be escaped.
NAMES = "foo foo_bar _lead trail_ two__bars UPPER mixedCase num_1 a1_b2 value key null type_url x fields seconds".split()
JSON_NAMES = ['a"b', "back\\slash", "mit Leer", "größe", "\u2028", "😀", "new\nline", "a.b", "0", "$ref"]


def camel(name):
    """The JSON name that protoc derives."""
    out, upper = "", False
    for letter in name:
        if letter == "_":
            upper = True
        else:
            out, upper = out + (letter.upper() if upper else letter), False
    return out


class Schema:
    """One file, and what refers to it."""

    def __init__(self, rng, index):
        self.rng, self.package = rng, f"r{index}"
        self.file = descriptor_pb2.FileDescriptorProto(name=f"r{index}.proto", package=self.package)
        self.file.dependency.extend(file.name for file in WELL_KNOWN)
        self.syntax = ("proto2", "proto3", "editions")[index % 3]
        self.file.syntax = self.syntax
        if self.syntax == "editions":
            self.file.edition = descriptor_pb2.EDITION_2023
            self.features(self.file.options.features)
        self.names = [f".{self.package}.M{number}" for number in range(rng.randint(2, 4))]
        for number in range(2):
            self.enum(number)
        for name in self.names:
            self.message(name.rpartition(".")[2])
        if self.syntax != "proto3":
            for number in range(rng.randint(1, 5)):
                self.extension(number)

    def features(self, features):
        rng = self.rng
        if rng.random() < 0.4:
            features.field_presence = rng.choice([Features.EXPLICIT, Features.IMPLICIT])
        if rng.random() < 0.4:
            features.enum_type = rng.choice([Features.OPEN, Features.CLOSED])
        if rng.random() < 0.4:
            features.repeated_field_encoding = rng.choice([Features.PACKED, Features.EXPANDED])
        if rng.random() < 0.4:
            features.utf8_validation = rng.choice([Features.VERIFY, Features.NONE])
        if rng.random() < 0.4:
            features.message_encoding = rng.choice([Features.LENGTH_PREFIXED, Features.DELIMITED])

    def enum(self, number):
        enum = self.file.enum_type.add(name=f"E{number}")
        if self.syntax == "editions":
            # The first is always open, so that fields without presence have one to refer to.
            enum.options.features.enum_type = Features.CLOSED if number else Features.OPEN
        closed = self.syntax == "proto2" or self.syntax == "editions" and number == 1
        values = [3, -1, 0, 7] if closed and self.rng.random() < 0.5 else [0, 1, 2, -5]
        for place, value in enumerate(values):
            enum.value.add(name=f"E{number}_{place}", number=value)
        if self.rng.random() < 0.5:
            enum.options.allow_alias = True
            enum.value.add(name=f"E{number}_ALIAS", number=values[1])

    def message(self, name):
        rng, message = self.rng, self.file.message_type.add(name=name)
        if self.syntax != "proto3" and rng.random() < 0.8:
            message.extension_range.add(start=2000, end=2100)
        numbers = rng.sample([*range(1, 18), 31, 32, 900, 1023, 1024, 1025, 70_000, 536_870_911], rng.randint(3, 9))
        taken = set()
        for number in numbers:
            field = message.field.add(name=rng.choice(NAMES), number=number)
            if field.name in taken or camel(field.name) in taken:
                field.name = f"field_{number}"
            self.json_name(field, taken)
            taken |= {field.name, field.json_name}
            self.kind(message, field)
        self.oneof(message)

    def json_name(self, field, taken):
        field.json_name = camel(field.name)
        if self.rng.random() < 0.15 and (name := self.rng.choice(JSON_NAMES)) not in taken:
            field.json_name = name

    def kind(self, message, field):
        rng = self.rng
        field.label = Field.LABEL_REPEATED if rng.random() < 0.35 else Field.LABEL_OPTIONAL
        draw = rng.random()
        if draw < 0.45:
            field.type = rng.choice(SCALARS)
        elif draw < 0.55:
            field.type, field.type_name = Field.TYPE_ENUM, f".{self.package}.E{rng.randrange(2)}"
        elif draw < 0.6:
            field.type, field.type_name = Field.TYPE_ENUM, ".google.protobuf.NullValue"
        elif draw < 0.72:
            field.type, field.type_name = Field.TYPE_MESSAGE, rng.choice(self.names)
        elif draw < 0.84:
            field.type, field.type_name = Field.TYPE_MESSAGE, "." + rng.choice(WELL_KNOWN_NAMES)
        elif draw < 0.9 and self.syntax == "proto2":
            self.group(message, field)
        else:
            self.map(message, field)
        self.options(field)

    def group(self, message, field):
        name = f"Group{field.number}"
        field.type, field.type_name = Field.TYPE_GROUP, f".{self.package}.{message.name}.{name}"
        field.name, field.json_name = name.lower(), name.lower()
        inner = message.nested_type.add(name=name)
        inner.field.add(name="id", number=1, type=Field.TYPE_INT32, label=Field.LABEL_OPTIONAL)
        inner.field.add(
            name="inner", number=2, type=Field.TYPE_MESSAGE, type_name=self.names[0], label=Field.LABEL_REPEATED
        )

    def map(self, message, field):
        rng = self.rng
        field.name = f"map_{field.number}"
        field.json_name = camel(field.name)
        field.label, field.type = Field.LABEL_REPEATED, Field.TYPE_MESSAGE
        entry = message.nested_type.add(name=f"Map{field.number}Entry")
        entry.options.map_entry = True
        field.type_name = f".{self.package}.{message.name}.{entry.name}"
        entry.field.add(name="key", number=1, type=rng.choice(KEYS), label=Field.LABEL_OPTIONAL)
        value = entry.field.add(name="value", number=2, label=Field.LABEL_OPTIONAL)
        draw = rng.random()
        if draw < 0.5:
            value.type = rng.choice(SCALARS)
        elif draw < 0.65:
            # The first enum: a map's values must begin with zero, and in proto3 be open.
            value.type, value.type_name = Field.TYPE_ENUM, self.zero_enum()
        else:
            names = [*self.names, *("." + name for name in WELL_KNOWN_NAMES)]
            value.type, value.type_name = Field.TYPE_MESSAGE, rng.choice(names)

    def zero_enum(self):
        fit = [enum.name for enum in self.file.enum_type if enum.value[0].number == 0]
        if self.syntax == "editions":
            # Without presence only an open one will do.
            fit = ["E0"]
        return f".{self.package}.{self.rng.choice(fit)}" if fit else ".google.protobuf.NullValue"

    def options(self, field):
        rng, repeated = self.rng, field.label == Field.LABEL_REPEATED
        packable = repeated and field.type not in UNPACKED
        if self.syntax != "editions":
            if packable and rng.random() < 0.4:
                field.options.packed = rng.random() < 0.5
            return
        features = field.options.features
        if packable and rng.random() < 0.4:
            features.repeated_field_encoding = rng.choice([Features.PACKED, Features.EXPANDED])
        if field.type == Field.TYPE_MESSAGE and not field.name.startswith("map_") and rng.random() < 0.3:
            features.message_encoding = rng.choice([Features.LENGTH_PREFIXED, Features.DELIMITED])
        if not repeated and field.type != Field.TYPE_MESSAGE and not field.extendee:
            implicit = not field.type_name.endswith("E1") and rng.random() < 0.4
            features.field_presence = Features.IMPLICIT if implicit else Features.EXPLICIT

    def oneof(self, message):
        fields = sorted(message.field, key=lambda field: field.label == Field.LABEL_OPTIONAL)
        del message.field[:]
        message.field.extend(fields)
        fit = [field for field in message.field if field.label == Field.LABEL_OPTIONAL]
        if len(fit) > 1 and self.rng.random() < 0.7:
            message.oneof_decl.add(name="choice")
            # Side by side, as protoc writes them.
            for field in fit[: self.rng.randint(2, min(4, len(fit)))]:
                field.oneof_index = 0
                if self.syntax == "editions":
                    field.options.features.ClearField("field_presence")
        if self.syntax == "proto3":
            self.proto3_optional(message, fit)

    def proto3_optional(self, message, fit):
        for field in fit:
            if not field.HasField("oneof_index") and self.rng.random() < 0.3:
                field.proto3_optional = True
                field.oneof_index = len(message.oneof_decl)
                message.oneof_decl.add(name=f"_{field.number}")

    def extension(self, number):
        extended = [message.name for message in self.file.message_type if message.extension_range]
        if not extended:
            return
        field = self.file.extension.add(name=f"ext_{number}", number=2000 + number)
        field.extendee = f".{self.package}.{self.rng.choice(extended)}"
        field.label = Field.LABEL_REPEATED if self.rng.random() < 0.4 else Field.LABEL_OPTIONAL
        draw = self.rng.random()
        if draw < 0.6:
            field.type = self.rng.choice(SCALARS)
        elif draw < 0.75:
            field.type, field.type_name = Field.TYPE_ENUM, f".{self.package}.E1"
        else:
            field.type, field.type_name = Field.TYPE_MESSAGE, self.rng.choice(self.names)
        self.options(field)


class Schemas:
    """All files of a run in one pool."""

    def __init__(self, rng, count):
        self.set = descriptor_pb2.FileDescriptorSet()
        self.pool = descriptor_pool.DescriptorPool()
        for file in WELL_KNOWN:
            file.CopyToProto(self.set.file.add())
        for index in range(count):
            self.set.file.add().CopyFrom(Schema(rng, index).file)
        for file in self.set.file:
            self.pool.AddSerializedFile(file.SerializeToString())
        own = [file.package for file in self.set.file if not file.package.startswith("google")]
        self.messages = [
            message
            for package in own
            for message in self.pool.FindFileByName(f"{package}.proto").message_types_by_name.values()
        ]

    def type(self, descriptor):
        return message_factory.GetMessageClass(descriptor)
