"""The codec against Python's protobuf: random schemas, random messages, both directions, and JSON that nobody may take."""

import json
import pathlib
import random
import re
import struct
import subprocess
import tempfile

import codec_messages
import codec_mutations
import codec_schemas
import harness
from google.protobuf import json_format

SEED = 20_230_401
SCHEMAS = 60
MESSAGES = 1200
# Of each message.
MUTATIONS = 3
TOTAL = 9601


class Descant:
    """Descant's codec behind a pipe. Source of the protocol: `conformance.proto` of protobuf's conformance suite."""

    PROTOBUF, JSON = 1, 2
    IGNORE_UNKNOWN = 3

    def __init__(self, set_file, *settings):
        self.process = subprocess.Popen(
            [harness.BIN / "descant-conformance", set_file, *settings],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            preexec_fn=harness.die_with_parent,
        )

    def ask(self, name, payload_field, payload, output, category=0):
        varint, tag, prefixed = codec_messages.varint, codec_messages.tag, codec_messages.prefixed
        request = tag(payload_field, 2) + prefixed(payload) + tag(3, 0) + varint(output)
        request += tag(4, 2) + prefixed(name.encode()) + tag(5, 0) + varint(category)
        self.process.stdin.write(struct.pack("<I", len(request)) + request)
        self.process.stdin.flush()
        (length,) = struct.unpack("<I", self.process.stdout.read(4))
        return answer(self.process.stdout.read(length))

    def json(self, name, wire):
        return self.ask(name, 1, wire, self.JSON)

    def normal(self, name, wire):
        return self.ask(name, 1, wire, self.PROTOBUF)

    def wire(self, name, text, category=0):
        return self.ask(name, 2, text.encode("utf-8", "surrogatepass"), self.PROTOBUF, category)


class Refused(Exception):
    """What Descant says of input that it does not take."""


def answer(response):
    """The result of a `ConformanceResponse`: its one field."""
    number, at, length, shift = response[0] >> 3, 1, 0, 0
    while True:
        length |= (response[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if response[at - 1] < 0x80:
            break
    content = response[at : at + length]
    if number in (3, 4):
        return content
    raise Refused(content.decode())


def main():
    suite = harness.Suite("codec", TOTAL)
    rng = random.Random(SEED)
    schemas = codec_schemas.Schemas(rng, SCHEMAS)
    with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
        set_file = pathlib.Path(folder, "set.binpb")
        set_file.write_bytes(schemas.set.SerializeToString())
        run = Run(suite, rng, schemas, set_file)
        for number in range(MESSAGES):
            run.message(number)
        suite.case("every mutation had its place", run.all_mutations)
    suite.end()


class Run:
    """Both sides, and what they are asked."""

    def __init__(self, suite, rng, schemas, set_file):
        self.suite, self.rng, self.schemas = suite, rng, schemas
        self.descant = Descant(set_file)
        self.defaults = Descant(set_file, "emit_defaults", "proto_names")
        self.canonical = codec_messages.Messages(rng, schemas, 0.0)
        self.odd = codec_messages.Messages(rng, schemas, 0.4)
        self.unused = {mutation.name for mutation in codec_mutations.MUTATIONS}

    def message(self, number):
        descriptor = self.rng.choice(self.schemas.messages)
        source = self.canonical if number % 3 == 0 else self.odd
        wire = source.message(descriptor)
        name = f"{number} {descriptor.full_name} {wire.hex()}"
        self.suite.case(f"to JSON {name}", self.to_json, descriptor, wire)
        self.suite.case(f"normal form {name}", self.normal, descriptor, wire)
        self.suite.case(f"back {name}", self.back, descriptor, wire)
        wire = broken(self.rng, wire)
        self.suite.case(f"broken {number} {descriptor.full_name} {wire.hex()}", self.broken, descriptor, wire)
        text = self.descant.json(descriptor.full_name, self.canonical.message(descriptor)).decode()
        for _ in range(MUTATIONS):
            self.mutate(descriptor, text)
        name, change = self.rng.choice(codec_mutations.DOCUMENTS)
        text = change(self.rng, text)
        self.suite.case(f"{name} {descriptor.full_name} {text}", self.refused, descriptor, text, True)

    def mutate(self, descriptor, text):
        """Changes a document in one place. Mutations that were not used yet come first."""
        tree, document = json.loads(text), codec_mutations.Document()
        places = list(codec_mutations.sites(self.schemas.pool, descriptor, tree))
        fit = [
            (mutation, place)
            for place in places
            for mutation in codec_mutations.MUTATIONS
            if mutation.fits(place)
        ]
        if not fit:
            self.suite.case(f"as it is {descriptor.full_name} {text}", self.circle, descriptor, text)
            return
        fresh = [pair for pair in fit if pair[0].name in self.unused]
        mutation, place = self.rng.choice(fresh or fit)
        self.unused.discard(mutation.name)
        # `null` in lists and maps of NullValue: Python writes it and can't read it.
        readable = not isinstance(attempt(lambda: self.python_reads(descriptor, text)), Unlike)
        changed = mutation.change(place, document)
        if changed is not None or mutation.name.startswith("None"):
            place.container[place.key] = changed
        text = document.write(tree)
        check = self.taken if mutation.taken else self.refused
        name = f"{mutation.name} {descriptor.full_name} {text}"
        self.suite.case(name, check, descriptor, text, readable and not mutation.python_takes)

    def all_mutations(self):
        harness.equal(self.unused, set(), "mutations without a place")

    def python_reads(self, descriptor, text):
        message = self.schemas.type(descriptor)()
        json_format.Parse(text, message, descriptor_pool=self.schemas.pool)
        return message

    def refused(self, descriptor, text, ask_python):
        ours = attempt(lambda: self.descant.wire(descriptor.full_name, text))
        harness.expect(isinstance(ours, Unlike), "Descant takes it")
        if ask_python:
            theirs = attempt(lambda: self.python_reads(descriptor, text))
            harness.expect(isinstance(theirs, Unlike), "Python takes it")

    def taken(self, descriptor, text, ask_python):
        ours = self.descant.wire(descriptor.full_name, text)
        self.circle(descriptor, self.descant.json(descriptor.full_name, ours).decode())
        if ask_python:
            theirs = self.python_reads(descriptor, text).SerializePartialToString()
            same(self.python_json(descriptor, ours), self.python_json(descriptor, theirs))

    def parse(self, descriptor, wire):
        return self.schemas.type(descriptor).FromString(wire)

    def to_json(self, descriptor, wire):
        for descant, settings in (
            (self.descant, {}),
            (
                self.defaults,
                {
                    "always_print_fields_with_no_presence": True,
                    "preserving_proto_field_name": True,
                },
            ),
        ):
            ours = attempt(lambda: unique(descant.json(descriptor.full_name, wire)))
            theirs = attempt(lambda: self.python_json(descriptor, wire, **settings))
            same(ours, theirs)

    def python_json(self, descriptor, wire, **settings):
        message = self.parse(descriptor, wire)
        text = json_format.MessageToJson(message, descriptor_pool=self.schemas.pool, **settings)
        return json.loads(text, object_hook=without_empty_extensions)

    def normal(self, descriptor, wire):
        ours = attempt(lambda: self.known(descriptor, self.descant.normal(descriptor.full_name, wire)))
        theirs = attempt(lambda: self.known(descriptor, wire))
        same(ours, theirs)

    def broken(self, descriptor, wire):
        """Both take it or none; what it means then is another matter, unknown fields in map entries for one."""
        ours = attempt(lambda: bool(self.descant.normal(descriptor.full_name, wire)) or True)
        theirs = attempt(lambda: bool(self.parse(descriptor, wire)) or True)
        # upb takes a tag of field 0 within unknown groups; no field has that number (encoding guide, "Message Structure").
        if "number 0" not in str(ours):
            same(ours, theirs)
        text = attempt(lambda: self.descant.json(descriptor.full_name, wire).decode())
        if not isinstance(text, Unlike):
            self.circle(descriptor, text)

    def circle(self, descriptor, text):
        """JSON, wire, the same JSON: the wire bytes."""
        back = self.descant.wire(descriptor.full_name, text)
        harness.equal(self.descant.json(descriptor.full_name, back).decode(), text, "the same JSON")
        harness.equal(self.descant.normal(descriptor.full_name, back), back, "the canonical form")
        return back

    def known(self, descriptor, wire):
        """The known fields, in one order."""
        message = self.parse(descriptor, wire)
        message.DiscardUnknownFields()
        return message.SerializePartialToString(deterministic=True)

    def back(self, descriptor, wire):
        """JSON, wire, JSON again: Descant's own circle, and Python reads the same from either."""
        text = attempt(lambda: self.descant.json(descriptor.full_name, wire).decode())
        if isinstance(text, Unlike):
            return
        back = self.circle(descriptor, text)
        # Python takes -0 for an integer, which has no sign.
        message = attempt(lambda: self.python_reads(descriptor, re.sub(r"(?<=[:\[,])-0(?=[,\]}])", "-0.0", text)))
        if isinstance(message, Unlike):
            # What Python can't read although it wrote it is Python's mistake: `null` in lists and maps of NullValue.
            own = json.dumps(self.python_json(descriptor, wire))
            harness.expect(isinstance(attempt(lambda: self.python_reads(descriptor, own)), Unlike), str(message))
            return
        if "@type" in text:
            # Within an Any, Python writes maps in any order.
            theirs = message.SerializePartialToString()
            same(self.python_json(descriptor, back), self.python_json(descriptor, theirs))
        else:
            theirs = message.SerializePartialToString(deterministic=True)
            harness.equal(self.known(descriptor, back), theirs, "the message")


def without_empty_extensions(members):
    """Python has an extension as `[]` that came as a list without elements; C++ asks for its size."""
    return {name: value for name, value in members.items() if not (name.startswith("[") and value == [])}


class Unlike(Exception):
    """A refusal."""


def attempt(ask):
    try:
        return ask()
    except Exception as error:
        return Unlike(f"{type(error).__name__}: {error}")


def same(ours, theirs):
    if isinstance(ours, Unlike) and isinstance(theirs, Unlike):
        return
    if isinstance(ours, Unlike) or isinstance(theirs, Unlike) or ours != theirs:
        raise harness.Failure("; ".join(difference(ours, theirs, "")))


def difference(ours, theirs, path):
    """Where two values differ."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key in ours.keys() | theirs.keys():
            if key not in ours or key not in theirs:
                yield f"{path}.{key}: only {'Descant' if key in ours else 'Python'} has it"
            else:
                yield from difference(ours[key], theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list) and len(ours) == len(theirs):
        for index, pair in enumerate(zip(ours, theirs)):
            yield from difference(*pair, f"{path}[{index}]")
    elif ours != theirs:
        yield f"{path}: Descant: {harness.brief(ours, 300)}, Python: {harness.brief(theirs, 300)}"


def unique(text):
    def members(pairs):
        found = dict(pairs)
        harness.equal(len(found), len(pairs), "members of different names")
        return found

    return json.loads(text, object_pairs_hook=members)


def broken(rng, wire):
    """A few bytes lost or changed."""
    wire = bytearray(wire)
    for _ in range(rng.randint(1, 2)):
        if not wire:
            break
        at = rng.randrange(len(wire))
        draw = rng.randrange(3)
        if draw == 0:
            wire[at] ^= 1 << rng.randrange(8)
        elif draw == 1:
            del wire[at:]
        else:
            del wire[at]
    return bytes(wire)


if __name__ == "__main__":
    main()
