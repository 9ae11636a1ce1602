"""Streams by curl, over REST: arrays, lines, server-sent events, both ways, and answers that are cut off."""

import json
import os
import pathlib
import tempfile
import time

import curling
import harness
from harness import equal, expect

EVENTS = ["-H", "accept: text/event-stream"]
LINES = ["-H", "accept: application/x-ndjson"]
SEND = ["-X", "POST", "--upload-file"]
SECOND = 1.0


class Streams(curling.Client):
    """What the bookshop's streams are asked. One case may build on what those before it have changed."""

    def run(self):
        for name, check in [
            ("an array", self.array),
            ("an empty array", self.empty_array),
            ("lines", self.lines),
            ("events", self.events),
            ("what the client likes best", self.preferred),
            ("an error before the first message", self.early_error),
            ("a change is seen at once", self.live),
            ("a reader that leaves", self.leaves),
            ("the deadline cuts an array off", self.cut_array),
            ("the deadline cuts lines off", self.cut_lines),
            ("the deadline cuts events off", self.cut_events),
            ("a stream that ends is whole", self.whole),
            ("many messages as an array", self.sent_array),
            ("many messages as lines", self.sent_lines),
            ("many messages in chunks", self.sent_chunks),
            ("many messages, slowly", self.sent_slowly),
            ("no message", self.sent_nothing),
            ("a message that is wrong", self.sent_wrong),
            ("an array that does not end", self.sent_half),
            ("messages that do not come in time", self.sent_late),
            ("a large body of a call that has failed", self.sent_unread),
            ("both ways, a whole body", self.chat),
            ("both ways, in turns", self.chat_in_turns),
            ("both ways, as events", self.chat_events),
            ("both ways, and wrong in the middle", self.chat_wrong),
            ("both ways, and nothing said", self.chat_of_nothing),
        ]:
            self.case(name, check)

    def watch(self, *told, ids=("emma",), most=0):
        query = "&".join([f"ids={name}" for name in ids] + [f"most={most}"])
        return self.call(f"/v1/prices:watch?{query}", "--no-buffer", *told)

    def array(self):
        found = self.call("/v1/books:search?query=shakespeare+austen").is_ok()
        equal(found.header("content-type"), "application/json")
        equal([one["book"]["id"] for one in found.json()], ["emma", "hamlet"])
        equal(found.json()[0]["score"], 0.5)

    def empty_array(self):
        equal(self.call("/v1/books:search?query=nothing").is_ok().text(), "[]")
        equal(self.call("/v1/books:search?query=nothing", *LINES).is_ok().text(), "")

    def lines(self):
        for name in ("application/x-ndjson", "application/jsonl"):
            found = self.call("/v1/books:search?query=novel", "-H", f"accept: {name}").is_ok()
            equal(found.header("content-type"), name)
            equal([one["book"]["id"] for one in found.lines()], ["emma", "frankenstein"])

    def events(self):
        found = self.watch(*EVENTS, ids=("emma", "faust"), most=2).is_ok()
        equal((found.header("content-type"), found.header("cache-control")), ("text/event-stream", "no-cache"))
        equal(sorted(one["id"] for one in data(found.text())), ["emma", "faust"])

    def preferred(self):
        accept = "accept: text/html, application/json;q=0.4, text/event-stream;q=0.8"
        found = self.watch("-H", accept, most=1).is_ok()
        equal(found.header("content-type"), "text/event-stream")
        equal(self.watch("-H", "accept: */*", most=1).is_ok().header("content-type"), "application/json")

    def early_error(self):
        for accept in (EVENTS, LINES, []):
            self.watch(*accept, ids=("nobody",)).is_error(404, 5, "nobody")
            self.call("/v1/books:search?query=%2C", *accept).is_error(400, 3, "query")

    def live(self):
        with self.talk("/v1/prices:watch?ids=faust&most=2", *LINES) as watching:
            equal(json.loads(watching.line())["cause"], "CURRENT")
            price = {"currency": "EUR", "units": "3"}
            self.post("/v1/books/faust/price", price, method="PUT").is_ok()
            change = json.loads(watching.line())
            equal((change["cause"], change["price"]), ("SET", price))
            watching.end().is_ok()

    def leaves(self):
        with self.talk("/v1/prices:watch?ids=emma", *LINES) as watching:
            watching.line()
        self.call("/v1/books/emma").is_ok()

    def cut(self, *told):
        began = time.monotonic()
        cut = self.watch(*told, "-H", "connect-timeout-ms: 400")
        equal(cut.exit, curling.CUT[self.way], f"exit code of {cut}")
        equal(cut.status, 200, "status")
        expect(0.3 < time.monotonic() - began < 5, "the deadline was not kept")
        return cut

    def cut_array(self):
        *messages, last = self.cut().json()
        equal(([one["id"] for one in messages], last["error"]["code"]), (["emma"], 4))

    def cut_lines(self):
        *messages, last = self.cut(*LINES).lines()
        equal(([one["id"] for one in messages], last["error"]["code"]), (["emma"], 4))

    def cut_events(self):
        first, last, end = self.cut(*EVENTS).text().split("\n\n")
        expect(first.startswith("data: ") and end == "", f"{first!r}, {end!r}")
        name, status = last.split("\n")
        equal((name, json.loads(status.removeprefix("data: "))["code"]), ("event: error", 4))

    def whole(self):
        """An ended stream is told from one that is cut off."""
        for accept in (EVENTS, LINES, []):
            self.watch(*accept, "-H", "connect-timeout-ms: 5000", most=1).is_ok()

    def imported(self, answer, *titles):
        summary = answer.is_ok().json()
        equal(summary.get("imported", 0), len(titles), f"imported ({summary})")
        for title in titles:
            equal(self.call(f"/v1/books/{title.lower()}", "-X", "DELETE").is_ok().text(), "{}")

    def sent_array(self):
        self.imported(self.post("/v1/books:import", [book("One"), book("Two")]), "One", "Two")

    def sent_lines(self):
        lines = "".join(json.dumps(book(title)) + "\n" for title in ("One", "Two", "Three"))
        for kind in ("application/x-ndjson", "application/json"):
            sent = ["-X", "POST", "-H", f"content-type: {kind}", "--data-binary", "@-"]
            self.imported(self.call("/v1/books:import", *sent, stdin=lines.encode()), "One", "Two", "Three")

    def sent_chunks(self):
        """curl sends a file of unknown length in chunks, and names no type."""
        lines = "".join(json.dumps(book(f"t{number}")) + "\n" for number in range(200))
        sent = self.call("/v1/books:import", *SEND, "-", stdin=lines.encode())
        self.imported(sent, *(f"t{number}" for number in range(200)))

    def sent_slowly(self):
        with self.talk("/v1/books:import", *SEND, ".") as sending:
            for title in ("One", "Two"):
                sending.say(json.dumps(book(title)))
                time.sleep(0.1)
            self.imported(sending.end(), "One", "Two")

    def sent_nothing(self):
        equal(self.call("/v1/books:import", *SEND, "-").is_ok().json(), {})
        equal(self.post("/v1/books:import", []).is_ok().json(), {})

    def sent_wrong(self):
        wrong = [book("One"), {"title": "Two", "pages": 3}]
        self.post("/v1/books:import", wrong).is_error(400, 3, "message 2", "pages")
        self.call("/v1/books/one", "-X", "DELETE").is_ok()

    def sent_half(self):
        half = json.dumps([book("One")])[:-1]
        self.post("/v1/books:import", half).is_error(400, 3, "array")
        self.call("/v1/books/one", "-X", "DELETE").is_ok()
        self.post("/v1/books:import", half[:-1]).is_error(400, 3, "message")

    def sent_late(self):
        with self.talk("/v1/books:import", "-H", "x-server-timeout: 0.3", *SEND, ".") as sending:
            sending.say(json.dumps(book("One")))
            head = sending.process.stdout.read()
            late = sending.end()
        late.body = head
        late.is_error(504, 4)
        self.call("/v1/books/one", "-X", "DELETE").is_ok()

    def sent_unread(self):
        lines = b'{"oops": 1}\n' + b"x" * (4 << 20)
        with tempfile.TemporaryDirectory(prefix="descant-suite-") as folder:
            path = pathlib.Path(folder, "lines")
            path.write_bytes(lines)
            self.call("/v1/books:import", *SEND, path).is_error(400, 3, "message 1", "oops")

    def chat(self):
        lines = '{"text": "Goethe?"}\n{"text": "Poems?"}\n'
        sent = self.call("/v1/chat", *SEND, "-", stdin=lines.encode()).is_ok()
        equal(sent.header("content-type"), "application/x-ndjson")
        said = sent.lines()
        expect(said[0]["text"].startswith('"Faust" by'), f"{said}")
        equal([one["speaker"] for one in said], ["BOOKSELLER"] * 3)

    def chat_in_turns(self):
        with self.talk("/v1/chat", *SEND, ".") as talking:
            for question, wanted in (("Darwin?", "Origin of Species"), ("Carroll?", "Looking-Glass")):
                talking.say(json.dumps({"text": question}))
                expect(wanted in talking.line(), question)
                expect(wanted in talking.line(), question)
            talking.end().is_ok()

    def chat_events(self):
        lines = '{"text": "Goethe?"}\n'
        sent = self.call("/v1/chat", *EVENTS, *SEND, "-", stdin=lines.encode()).is_ok()
        equal((sent.header("content-type"), len(data(sent.text()))), ("text/event-stream", 2))
        sent = self.post("/v1/chat", [{"text": "Goethe?"}], "-H", "accept: application/json").is_ok()
        equal(len(sent.json()), 2)

    def chat_wrong(self):
        with self.talk("/v1/chat", *SEND, ".") as talking:
            talking.say('{"text": "Goethe?"}')
            expect("Faust" in talking.line() and "Faust" in talking.line(), "no answer")
            talking.say('{"txet": "Goethe?"}')
            last = json.loads(talking.line())
            equal(last["error"]["code"], 3, "code")
            expect("txet" in last["error"]["message"], f"{last}")
            wrong = talking.end()
        equal(wrong.exit, curling.CUT[self.way], f"exit code of {wrong}")

    def chat_of_nothing(self):
        sent = self.call("/v1/chat", *SEND, "-").is_ok()
        equal((sent.text(), sent.header("content-type")), ("", "application/x-ndjson"))


def data(text):
    """The data of each event, each of which is one line."""
    events = text.split("\n\n")
    equal(events.pop(), "", "what follows the last event")
    return [json.loads(event.removeprefix("data: ")) for event in events]


def book(title):
    return {"title": title, "authors": [{"name": "N. N."}], "price": {"currency": "EUR", "units": "1"}}


def run(suite):
    for way in curling.WAYS:
        with harness.descant() as server:
            Streams(suite, server, way).run()
