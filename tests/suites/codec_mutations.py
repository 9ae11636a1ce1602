"""JSON with one thing changed: what nobody may take, and what means the same.

The sources: ProtoJSON (https://protobuf.dev/programming-guides/json/), RFC 8259, the comments of the well-known types.
Where Python takes what it must not, `python_takes` says so, and only Descant is asked.
"""

import json
from dataclasses import dataclass

from google.protobuf.descriptor import FieldDescriptor as Field

INTEGERS = {
    Field.TYPE_INT32: (-(2**31), 2**31 - 1), Field.TYPE_SINT32: (-(2**31), 2**31 - 1),
    Field.TYPE_SFIXED32: (-(2**31), 2**31 - 1), Field.TYPE_UINT32: (0, 2**32 - 1), Field.TYPE_FIXED32: (0, 2**32 - 1),
    Field.TYPE_INT64: (-(2**63), 2**63 - 1), Field.TYPE_SINT64: (-(2**63), 2**63 - 1),
    Field.TYPE_SFIXED64: (-(2**63), 2**63 - 1), Field.TYPE_UINT64: (0, 2**64 - 1), Field.TYPE_FIXED64: (0, 2**64 - 1),
}
FLOATS = {Field.TYPE_DOUBLE, Field.TYPE_FLOAT}
MESSAGES = {Field.TYPE_MESSAGE, Field.TYPE_GROUP}
WRAPPERS = {f"google.protobuf.{name}Value" for name in "Bool Int32 Int64 UInt32 UInt64 Float Double String Bytes".split()}


@dataclass
class Site:
    """A place in a document: `container[key]` is a value of `field`. `role`: single, list, map, element or value."""

    container: object
    key: object
    field: object
    role: str

    @property
    def value(self):
        return self.container[self.key]

    @property
    def type(self):
        """The kind of one value; of a wrapper, that of what it wraps."""
        message = self.field.message_type
        if message is not None and message.full_name in WRAPPERS:
            return message.fields_by_name["value"].type
        return self.field.type

    def is_of(self, name):
        message = self.field.message_type
        return message is not None and message.full_name == f"google.protobuf.{name}"

    def is_plain_message(self):
        message = self.field.message_type
        return message is not None and not message.full_name.startswith("google.protobuf.")

    def is_one(self):
        return self.role in ("single", "element", "value")

    def is_null_value(self):
        enum = self.field.enum_type
        return self.is_of("Value") or enum is not None and enum.full_name == "google.protobuf.NullValue"


def sites(pool, descriptor, members):
    """Every value of a document. Of well-known types only the outside, and the content of an Any."""
    by_name = {field.json_name: field for field in descriptor.fields}
    for name, value in members.items():
        if name == "@type":
            continue
        field = by_name.get(name) or pool.FindExtensionByName(name[1:-1])
        is_map = field.message_type is not None and field.message_type.GetOptions().map_entry
        if is_map:
            yield Site(members, name, field, "map")
            inner = field.message_type.fields_by_name["value"]
            ones = [Site(value, key, inner, "value") for key in value]
        elif field.is_repeated:
            yield Site(members, name, field, "list")
            ones = [Site(value, index, field, "element") for index in range(len(value))]
        else:
            ones = [Site(members, name, field, "single")]
        for site in ones:
            yield site
            yield from within(pool, site)


def within(pool, site):
    message, value = site.field.message_type, site.value
    if message is None or not isinstance(value, dict):
        return
    if site.is_of("Any"):
        message = pool.FindMessageTypeByName(value["@type"].rpartition("/")[2]) if value else message
    if not message.full_name.startswith("google.protobuf."):
        yield from sites(pool, message, value)


class Document:
    """Written as JSON, with pieces of text that no writer of JSON would write."""

    def __init__(self):
        self.raw = {}

    def text(self, text):
        """Stands for this text, whatever it is."""
        name = f"\ue000{len(self.raw)}\ue000"
        self.raw[json.dumps(name, ensure_ascii=False)] = text
        return name

    def write(self, tree):
        text = json.dumps(tree, ensure_ascii=False, separators=(",", ":"))
        for name, raw in self.raw.items():
            text = text.replace(name, raw)
        return text


@dataclass
class Mutation:
    """`fits(site)` says where; `change(site, raw)` gives the new value, or changes the container and gives nothing."""

    name: str
    fits: object
    change: object
    taken: bool = False
    python_takes: bool = False


def replace(fits, *values, **flags):
    """A value instead of another; text that begins with a blank stands for itself without it."""

    def mutation(value):
        def change(_, document):
            is_raw = isinstance(value, str) and value.startswith(" ")
            return document.text(value[1:]) if is_raw else value

        return Mutation(f"{value!r} for {fits.__name__}", fits, change, **flags)

    return [mutation(value) for value in values]


def integer(site):
    return site.is_one() and site.type in INTEGERS


def floating(site):
    return site.is_one() and site.type in FLOATS


def float32(site):
    return site.is_one() and site.type == Field.TYPE_FLOAT


def truth(site):
    return site.is_one() and site.type == Field.TYPE_BOOL


def string(site):
    return site.is_one() and site.type == Field.TYPE_STRING


def octets(site):
    return site.is_one() and site.type == Field.TYPE_BYTES


def enum(site):
    return site.is_one() and site.field.enum_type is not None and not site.is_null_value()


def closed(site):
    return enum(site) and site.field.enum_type.is_closed


def element(site):
    return site.role in ("element", "value") and not site.is_null_value()


def a_list(site):
    return site.role == "list"


def a_map(site):
    return site.role == "map"


def message(site):
    return site.is_one() and site.is_plain_message()


def timestamp(site):
    return site.is_one() and site.is_of("Timestamp")


def duration(site):
    return site.is_one() and site.is_of("Duration")


def mask(site):
    return site.is_one() and site.is_of("FieldMask")


def struct_(site):
    return site.is_one() and site.is_of("Struct")


def list_value(site):
    return site.is_one() and site.is_of("ListValue")


def an_any(site):
    return site.is_one() and site.is_of("Any") and site.value


def empty_any(site):
    return site.is_one() and site.is_of("Any") and not site.value


def special_any(site):
    return an_any(site) and set(site.value) == {"@type", "value"} and ".google.protobuf." in "." + site.value["@type"][20:]


def object_(site):
    return message(site)


def map_with_numbers(site):
    return a_map(site) and site.field.message_type.fields_by_name["key"].type in INTEGERS


def map_with_truth(site):
    return a_map(site) and site.field.message_type.fields_by_name["key"].type == Field.TYPE_BOOL


def two_spellings(site):
    return isinstance(site.key, str) and site.role in ("single", "list", "map") and not site.field.is_extension and (
        site.field.name != site.field.json_name and site.field.name not in site.container
    )


def member(site):
    return site.role in ("single", "list", "map")


def filled(site):
    return a_map(site) and site.value


def beyond(side):
    def change(site, _):
        first, last = INTEGERS[site.type]
        return first - 1 if side < 0 else last + 1

    return change


def put(name, value):
    def change(site, document):
        site.value[name] = document.text(value[1:]) if isinstance(value, str) and value.startswith(" ") else value

    return change


def twice(spelling):
    def change(site, document):
        own = json.dumps(site.key, ensure_ascii=False)
        other = spelling(site)
        # Its value, and then the same member again.
        value = json.dumps(site.value, ensure_ascii=False)
        return document.text(f"{value},{json.dumps(other, ensure_ascii=False) if other else own}:{value}")

    return change


def key_twice(site, document):
    key, value = next(iter(site.value.items()))
    text = json.dumps(value, ensure_ascii=False)
    site.value[key] = document.text(f"{text},{json.dumps(key, ensure_ascii=False)}:{text}")


def url_safe(site, _):
    return site.value.replace("+", "-").replace("/", "_").rstrip("=")


MUTATIONS = [
    *replace(integer, True, False, "", " []", " {}", " 1.5", "1.5", "0x1", " 0x1", " 01", " 1 2", "1 ", " 1e400", "one"),
    *replace(integer, "01", "+1", "1_0", python_takes=True),  # `int()` of Python's own syntax
    Mutation("one below for integer", integer, beyond(-1)),
    Mutation("one above for integer", integer, beyond(1)),
    *replace(integer, 1, "1", " 1.0", "1.0", " 1e0", " 10e-1", "1e0", " 0.1E+1", taken=True),
    *replace(floating, "", " []", " NaN", " -Infinity", " 1e400", "nan", " .5", " 1.", " +1", "1.5x", " 0x1p3"),
    # `float()` of Python's own syntax; it checks the range of numbers without quotes only.
    *replace(floating, True, "inf", "infinity", "1_0", "+1", ".5", "1e400", python_takes=True),
    *replace(float32, " 1e39", " -1e39"),
    *replace(float32, "1e39", python_takes=True),
    *replace(floating, "NaN", "Infinity", "-Infinity", "1.5", " 15e-1", " 0", taken=True),
    *replace(truth, "true", "false", "", 0, 1, " True", " tru", " TRUE", " []"),
    *replace(string, 1, True, " []", " {}", ' "\\ud800"', ' "\\udc00\\ud800"', ' "\\x41"', ' "\n"', ' "\\u12"', ' "', " 'x'"),
    *replace(string, "\x7f", ' "\\u0041\\/\\ud83d\\ude00"', taken=True),
    *replace(octets, 1, True, "a", "abcde", " []"),
    *replace(octets, "****", "a?==", python_takes=True),  # base64 of Python skips what is none
    Mutation("base64 for URLs", octets, url_safe, taken=True),
    *replace(enum, "NO_SUCH", "e0_0", "", " []", 2**31, -(2**31) - 1),
    # Python makes an integer of whatever it can; names and integers are what the specification has.
    *replace(enum, True, " 0.5", "0", python_takes=True),
    *replace(closed, 99),
    *replace(element, None),
    *replace(a_list, " {}", 1, "x", " [1,]", " [,1]"),
    *replace(a_map, " []", 1, "x", ' {"a":1,}', " {1:1}", " {a:1}"),
    *replace(message, " []", python_takes=True),  # a list without elements has no member that is wrong
    *replace(message, 1, "x", True, ' {"a"}', " {,}", ' {"x" 1}', " {'x':1}", " {}x", " // c\n{}", " /**/{}"),
    Mutation("an unknown member", object_, put("noSuchField", 1)),
    Mutation("an unknown extension", object_, put("[no.such.extension]", 1)),
    Mutation("a member twice", member, twice(lambda site: site.key)),
    # ProtoJSON has one member of a field; Python compares spellings.
    Mutation("a member in both spellings", two_spellings, twice(lambda site: site.field.name), python_takes=True),
    Mutation("a key twice", filled, key_twice),
    Mutation("a word as key", map_with_numbers, put("x", None)),
    Mutation("a fraction as key", map_with_numbers, put("1.5", None)),
    Mutation("a number as key", map_with_truth, put("1", None)),
    Mutation("a word as key of truth", map_with_truth, put("True", None)),
    *replace(
        timestamp, 1, "", "1970-01-01", "1970-01-01T00:00:00", "1970-13-01T00:00:00Z", "1970-02-30T00:00:00Z",
        "1970-01-01T24:00:00Z", "1970-01-01T00:00:60Z", "0000-01-01T00:00:00Z", "10000-01-01T00:00:00Z",
        "1970-01-01t00:00:00Z", "1970-01-01T00:00:00z", "1970-01-01T00:00:00+01", "1970-01-01T00:00:00Zx",
        "0001-01-01T00:00:00+00:01", " {}",
    ),
    *replace(
        timestamp, "1970-01-01T00:00:00.1234567890Z", "1970-01-01T00:00:00.Z", "1970-01-01T00:00:00+1:00",
        "1970-01-01T00:00:00+24:00", "9999-12-31T23:59:59-00:01", "1970-1-1T0:0:0Z", python_takes=True,
    ),
    *replace(timestamp, "1970-01-01T00:00:00.5Z", "1970-01-01T01:00:00+01:00", "2000-02-29T12:00:00.000001Z", taken=True),
    *replace(duration, 1, "", "1", "s", "1S", "1s ", "0x1s", "1m", "315576000001s", "-315576000001s", " {}"),
    *replace(duration, "1.0000000001s", "+1s", ".5s", "1.s", "-s", "1_0s", "1 s", python_takes=True),
    *replace(duration, "1.5s", "-0.5s", "0s", "315576000000.999999999s", "1.000s", taken=True),
    *replace(mask, 1, "a_b", " []"),
    *replace(mask, "a,,b", ",", "a b", python_takes=True),
    *replace(mask, "", "fooBar.baz,x", taken=True),
    *replace(struct_, " []", 1, "x", ' {"a":1,"a":2}'),
    *replace(list_value, " {}", 1, "x", " [1,]"),
    # Numbers of a Value are finite: struct.proto.
    *replace(struct_, ' {"a":NaN}', ' {"a":1e400}', python_takes=True),
    *replace(list_value, " [1e400]", " [NaN]", python_takes=True),
    *replace(an_any, ' {"x":1}', ' {"@type":1}', ' {"@type":""}', ' {"@type":"x/google.protobuf.Duration"}', " []"),
    *replace(an_any, ' {"@type":"google.protobuf.Empty"}', python_takes=True),  # a type URL has a slash
    *replace(an_any, ' {"@type":"x/google.protobuf.Empty"}', ' {"value":"1s","@type":"a/b/google.protobuf.Duration"}', taken=True),
    *replace(special_any, ' {"@type":"x/google.protobuf.Duration","value":"1s","value":"1s"}'),
    # Beside `value` nothing else stands for a well-known type.
    *replace(special_any, ' {"@type":"x/google.protobuf.Duration","value":"1s","x":1}', python_takes=True),
    *replace(empty_any, ' {"@type":"x/google.protobuf.Empty"}', taken=True),
]


def cut(rng, text):
    return text[: rng.randrange(len(text))]


# Whole documents: (name, change).
DOCUMENTS = [
    ("cut short", cut),
    ("text behind it", lambda rng, text: text + rng.choice(["{}", ",", "x", "}", "//", "\x00"])),
    ("a mark before it", lambda rng, text: "\ufeff" + text),
    ("in brackets", lambda rng, text: f"[{text}]"),
    ("in quotes", lambda rng, text: json.dumps(text)),
    ("a comma at its end", lambda rng, text: text[:-1] + ",}"),
    ("null", lambda rng, text: "null"),
    ("no text", lambda rng, text: rng.choice(["", " ", "\n"])),
    ("too deep", lambda rng, text: '{"noSuchField":' * 200 + "1" + "}" * 200),
]
