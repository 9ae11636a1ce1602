// The cases of one way to call `descant.suite.v1.Shapes` with a client of Connect's, in Node and in a page alike.
import { create } from "@bufbuild/protobuf";
import { anyPack } from "@bufbuild/protobuf/wkt";
import { Code, ConnectError, createClient, decodeBinaryHeader, encodeBinaryHeader } from "@connectrpc/connect";

import { equal, eventually, expect, Failure, sleep } from "./cases.mjs";
import { ASK, SHAPES, STRANGER } from "./descriptors.mjs";

const MEBIBYTE = 1 << 20;

/**
 * What the way can do: `get` calls by GET what has no side effects, `uploads` streams of messages to the server, `duplex`
 * both directions at once. `wire` is what an interceptor saw of the last call.
 */
export class Way {
  constructor(cases, files, { transport, protocol, wire = {}, get = false, uploads = false, duplex = false }) {
    Object.assign(this, { cases, files, protocol, wire, get, uploads, duplex });
    this.client = createClient(files.getService(SHAPES), transport);
    this.stranger = createClient(files.getService(STRANGER), transport);
  }

  async run() {
    const all = [...messages, ...metadata, ...statuses, ...ends];
    if (this.uploads) all.push(...uploads);
    if (this.duplex) all.push(...duplex);
    all.push(...(this.get ? asURL : posted));
    for (const [name, check] of all) await this.cases.run(name, () => check(this));
  }

  /** The error that a call ends with. */
  async refused(call, code) {
    const error = await failing(call);
    equal(Code[error.code], Code[code], `code (${error.message})`);
    return error;
  }

  /** A call of `Wait`, which is to end and to be given up by the server. `meanwhile` happens once the server waits. */
  async waiting(options, code, meanwhile = () => {}) {
    const before = await this.client.givenUp({});
    const ended = this.refused(this.client.wait({}, options), code);
    await eventually(async () => {
      const { number, waiting } = await this.client.givenUp({});
      return number > before.number || waiting > before.waiting;
    }, "the call does not come to the server");
    meanwhile();
    await ended;
    await eventually(
      async () => (await this.client.givenUp({})).number > before.number,
      "the server goes on with the call",
    );
  }
}

async function failing(call) {
  try {
    await call;
  } catch (error) {
    if (error instanceof ConnectError) return error;
    throw error;
  }
  throw new Failure("the call worked");
}

async function collect(stream, into = []) {
  for await (const message of stream) into.push(message.text);
  return into;
}

async function* asking(...texts) {
  for (const text of texts) yield { text };
}

function numbered(count) {
  return Array.from({ length: count }, (_, number) => `message ${number}`);
}

const messages = [
  ["unary", async ({ client }) => equal((await client.unary({ text: "hello" })).text, "hello")],
  ["unary, nothing set", async ({ client }) => equal((await client.unary({})).text, "")],
  [
    "unary, any character",
    async ({ client }) => {
      const text = "größer 日本\n語 \u0000 \u{1f4da} \\ \" & ? = + %41 /";
      equal((await client.unary({ text })).text, text);
    },
  ],
  [
    "unary, no side effects",
    async ({ client }) => equal((await client.peek({ text: "look" })).text, "look"),
  ],
  ["server", async ({ client }) => equal(await collect(client.server({ text: "a", count: 3 })), ["a", "a", "a"])],
  ["server, no message", async ({ client }) => equal(await collect(client.server({ text: "a" })), [])],
  ["server, many messages", async ({ client }) => equal((await collect(client.server({ count: 500 }))).length, 500)],
  [
    "server, large messages",
    async ({ client }) => {
      const sizes = [];
      for await (const answer of client.server({ count: 8, size: MEBIBYTE / 4 })) sizes.push(answer.padding.length);
      equal(sizes, Array(8).fill(MEBIBYTE / 4));
    },
  ],
  [
    "a large answer",
    async ({ client }) => {
      const { padding } = await client.unary({ size: MEBIBYTE });
      equal(padding.length, MEBIBYTE, "size");
      expect(padding.every((byte) => byte === 0x78), "not the padding that was asked for");
    },
  ],
  [
    "many at once",
    async ({ client }) => {
      const texts = numbered(20);
      const answers = await Promise.all(texts.map((text) => client.unary({ text })));
      equal(answers.map(({ text }) => text), texts);
    },
  ],
];

/** Metadata that comes back with an answer, by its header and by its trailer. */
async function echoed(call, headers) {
  const got = {};
  const options = { headers, onHeader: (value) => (got.header = value), onTrailer: (value) => (got.trailer = value) };
  await call(options);
  expect(got.header && got.trailer, "neither headers nor trailers were told");
  return got;
}

function noted(call, values) {
  return async (way) => {
    const headers = new Headers(values.map((value) => ["echo-note", value]));
    const { header, trailer } = await echoed((options) => call(way, options), headers);
    equal(header.get("echo-note"), values.join(", "), "header");
    equal(trailer.get("late-echo-note"), values.join(", "), "trailer");
  };
}

function notedBinary(call) {
  return async (way) => {
    const bytes = new Uint8Array([0, 255, 1, 128]);
    const headers = { "echo-note-bin": encodeBinaryHeader(bytes) };
    const { header, trailer } = await echoed((options) => call(way, options), headers);
    equal([...decodeBinaryHeader(header.get("echo-note-bin"))], [...bytes], "header");
    equal([...decodeBinaryHeader(trailer.get("late-echo-note-bin"))], [...bytes], "trailer");
  };
}

const unary = ({ client }, options) => client.unary({ text: "a" }, options);
const streaming = ({ client }, options) => collect(client.server({ text: "a", count: 2 }, options));

const metadata = [
  ["metadata", noted(unary, ["one"])],
  ["metadata twice", noted(unary, ["one", "two"])],
  ["binary metadata", notedBinary(unary)],
  ["metadata of a stream", noted(streaming, ["one"])],
  ["binary metadata of a stream", notedBinary(streaming)],
];

/** A status with a detail, for `Fail` and `FailLate`. */
function detailed({ files }) {
  const ask = files.getMessage(ASK);
  const detail = anyPack(ask, create(ask, { text: "the detail", count: 7 }));
  return { code: Code.InvalidArgument, message: "look at the details", details: [detail, detail] };
}

function sameDetails({ files }, error) {
  equal(error.rawMessage, "look at the details", "message");
  const found = error.findDetails(files.getMessage(ASK)).map(({ text, count }) => [text, count]);
  equal(found, [["the detail", 7], ["the detail", 7]], "details");
}

const statuses = [
  [
    "every status",
    async (way) => {
      for (let code = Code.Canceled; code <= Code.Unauthenticated; code++) {
        const error = await way.refused(way.client.fail({ code, message: `the code is ${code}` }), code);
        equal(error.rawMessage, `the code is ${code}`, "message");
      }
    },
  ],
  [
    "a status with a message of many scripts",
    async (way) => {
      const message = "100 % größer 日本\n語";
      const error = await way.refused(way.client.fail({ code: Code.FailedPrecondition, message }), Code.FailedPrecondition);
      equal(error.rawMessage, message, "message");
    },
  ],
  [
    "a status with details",
    async (way) => sameDetails(way, await way.refused(way.client.fail(detailed(way)), Code.InvalidArgument)),
  ],
  [
    "a status after a message",
    async (way) => {
      const got = [];
      const error = await way.refused(collect(way.client.failLate(detailed(way)), got), Code.InvalidArgument);
      equal(got, ["before it fails"], "messages before the status");
      sameDetails(way, error);
    },
  ],
  [
    "a method that the server lacks",
    async (way) => {
      const error = await way.refused(way.stranger.call({}), Code.Unimplemented);
      expect(error.rawMessage.includes(STRANGER), `does not name what was asked for: ${error.rawMessage}`);
    },
  ],
];

const ends = [
  ["a deadline", (way) => way.waiting({ timeoutMs: 300 }, Code.DeadlineExceeded)],
  [
    // The client itself knows nothing of this one.
    "a deadline that the server keeps",
    (way) => {
      const headers = way.protocol === "connect" ? { "connect-timeout-ms": "300" } : { "grpc-timeout": "300m" };
      return way.waiting({ headers }, Code.DeadlineExceeded);
    },
  ],
  [
    "a deadline that is not reached",
    async ({ client }) => equal(await collect(client.server({ text: "a", count: 2 }, { timeoutMs: 10_000 })), ["a", "a"]),
  ],
  [
    "abort",
    async (way) => {
      const abort = new AbortController();
      await way.waiting({ signal: abort.signal }, Code.Canceled, () => abort.abort());
    },
  ],
  [
    "abort of a stream",
    async (way) => {
      const abort = new AbortController();
      const got = [];
      const reading = async () => {
        for await (const answer of way.client.server({ text: "a", count: 1 << 30 }, { signal: abort.signal })) {
          if (got.push(answer.text) === 3) abort.abort();
        }
      };
      await way.refused(reading(), Code.Canceled);
      expect(got.length >= 3, `only ${got.length} messages came`);
      equal((await way.client.unary({ text: "still there" })).text, "still there");
    },
  ],
  [
    "a stream that nobody reads on",
    async ({ client }) => {
      let got = 0;
      for await (const _ of client.server({ size: 1000, count: 5_000 })) if (++got === 3) break;
      equal((await client.unary({ text: "still there" })).text, "still there");
    },
  ],
];

const asURL = [
  [
    // Nothing else tells that it went by GET.
    "more than a server takes in a URL",
    async (way) => {
      const error = await way.refused(way.client.peek({ text: "x".repeat(40_000) }), Code.Unknown);
      // RFC 9110, section 15.5.15, and RFC 6585, section 5: in HTTP/2 the path is a header. A page is not shown what is
      // said before the whole head was read.
      expect(/^HTTP 4(14|31)$|limits.header_bytes|^Failed to fetch$/.test(error.rawMessage), error.rawMessage);
    },
  ],
];

const posted = [
  [
    "a large question",
    async ({ client }) => {
      const text = "x".repeat(MEBIBYTE);
      expect((await client.unary({ text })).text === text, "not what was sent");
    },
  ],
  [
    "more than the server takes",
    (way) => way.refused(way.client.unary({ text: "x".repeat(5 * MEBIBYTE) }), Code.ResourceExhausted),
  ],
];

const uploads = [
  ["client", async ({ client }) => equal((await client.client(asking("a", "b", "c"))).text, "a b c")],
  ["client, no message", async ({ client }) => equal((await client.client(asking())).text, "")],
  [
    "client, large messages",
    async ({ client }) => {
      const texts = Array(8).fill("x".repeat(MEBIBYTE / 8));
      expect((await client.client(asking(...texts))).text === texts.join(" "), "not what was sent");
    },
  ],
  ["metadata of a client stream", noted(({ client }, options) => client.client(asking("a"), options), ["one", "two"])],
  ["metadata of both streams", noted(({ client }, options) => collect(client.bidi(asking("a"), options)), ["one"])],
  ["bidi", async ({ client }) => equal(await collect(client.bidi(asking("a", "b", "c"))), ["a", "b", "c"])],
  ["bidi, no message", async ({ client }) => equal(await collect(client.bidi(asking())), [])],
  [
    "bidi, many messages",
    async ({ client }) => equal(await collect(client.bidi(asking(...numbered(500)))), numbered(500)),
  ],
  [
    "bidi, a message now and then",
    async ({ client }) => {
      const slowly = async function* () {
        for (const text of ["a", "b", "c"]) {
          await sleep(50);
          yield { text };
        }
      };
      equal(await collect(client.bidi(slowly())), ["a", "b", "c"]);
    },
  ],
];

const duplex = [
  [
    "bidi, an answer before the next question",
    async ({ client }) => {
      const got = [];
      const inTurn = async function* () {
        for (let count = 0; count < 5; count++) {
          yield { text: `question ${count}` };
          await eventually(() => got.length > count, `no answer to question ${count}`);
        }
      };
      equal((await collect(client.bidi(inTurn()), got)).length, 5, "answers");
    },
  ],
  [
    "abort between two questions",
    async (way) => {
      const abort = new AbortController();
      const got = [];
      const endless = async function* () {
        yield { text: "a" };
        await eventually(() => got.length > 0, "no answer");
        abort.abort();
        await sleep(10);
        yield { text: "b" };
      };
      await way.refused(collect(way.client.bidi(endless(), { signal: abort.signal }), got), Code.Canceled);
      equal(got, ["a"]);
      equal((await way.client.unary({ text: "still there" })).text, "still there");
    },
  ],
];
