// The client of gRPC-Web's own project, in both its modes. It takes any messages with functions that read and write them.
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import { anyPack, anyUnpack } from "@bufbuild/protobuf/wkt";
import grpcWeb from "grpc-web";

import { equal, eventually, expect, Failure } from "./cases.mjs";
import { ASK, SHAPES, STRANGER } from "./descriptors.mjs";

const { GrpcWebClientBase, MethodDescriptor, MethodType, StatusCode } = grpcWeb;

export class GrpcWeb {
  constructor(cases, files, url, format) {
    Object.assign(this, { cases, files, url });
    this.client = new GrpcWebClientBase({ format });
  }

  async run() {
    for (const [name, check] of cases) await this.cases.run(name, () => check(this));
  }

  /** A method as the client knows it: where it is, whether it streams, and how its messages are written. */
  method(name, service = SHAPES) {
    const { input, output, methodKind, name: spelled } = this.files.getService(service).method[name];
    const path = `/${service}/${spelled}`;
    const streams = methodKind === "server_streaming";
    const write = (fields) => toBinary(input, create(input, fields));
    const read = (bytes) => fromBinary(output, bytes);
    const kind = streams ? MethodType.SERVER_STREAMING : MethodType.UNARY;
    return { url: this.url + path, streams, descriptor: new MethodDescriptor(path, kind, Object, Object, write, read) };
  }

  /** Everything that a call tells: messages, headers, the status with its trailers, the error. Cancels it once `until` holds. */
  async call(name, fields, metadata = {}, { service, until } = {}) {
    const { url, streams, descriptor } = this.method(name, service);
    const got = { messages: [] };
    await new Promise((done) => {
      const fails = (error) => done((got.error = error));
      const answers = (error, message) => (error ? fails(error) : got.messages.push(message));
      const stream = streams
        ? this.client.serverStreaming(url, fields, metadata, descriptor)
        : this.client.rpcCall(url, fields, metadata, descriptor, answers);
      if (streams) stream.on("data", (message) => got.messages.push(message)).on("error", fails);
      stream.on("metadata", (header) => (got.header = header));
      stream.on("status", (status) => (got.status = status));
      stream.on("end", done);
      const cancels = () => {
        stream.cancel();
        done((got.cancelled = true));
      };
      if (until) eventually(until, "what it is to be cancelled at does not come").then(cancels, fails);
    });
    return got;
  }

  async answer(name, fields, metadata) {
    const got = await this.call(name, fields, metadata);
    if (got.error) throw new Failure(`${got.error}`);
    return got;
  }

  async refused(code, ...call) {
    const { error, messages } = await this.call(...call);
    expect(error, "the call worked");
    equal(error.code, code, `code (${error.message})`);
    return { error, messages };
  }

  async count() {
    return (await this.answer("givenUp", {})).messages[0];
  }
}

function bytes(base64) {
  return Uint8Array.from(atob(base64), (letter) => letter.charCodeAt(0));
}

/** What `grpc-status-details-bin` says. */
function details({ files }, error) {
  const status = fromBinary(files.getMessage("google.rpc.Status"), bytes(error.metadata["grpc-status-details-bin"]));
  return status.details.map((any) => anyUnpack(any, files).text);
}

function detailed({ files }) {
  const detail = anyPack(files.getMessage(ASK), create(files.getMessage(ASK), { text: "the detail" }));
  return { code: StatusCode.INVALID_ARGUMENT, message: "look at the details", details: [detail] };
}

async function noted(way, name, fields) {
  const { header, status } = await way.answer(name, fields, { "echo-note": "one", "echo-note-bin": "AP8BgA==" });
  equal([header?.["echo-note"], bytes(header?.["echo-note-bin"] ?? "").length], ["one", 4], "headers");
  equal([status?.metadata?.["late-echo-note"], bytes(status?.metadata?.["late-echo-note-bin"] ?? "").length], ["one", 4], "trailers");
}

const cases = [
  ["unary", async (way) => equal((await way.answer("unary", { text: "hello" })).messages[0].text, "hello")],
  ["unary, nothing set", async (way) => equal((await way.answer("unary", {})).messages[0].text, "")],
  [
    "unary, a promise",
    async (way) => {
      const { url, descriptor } = way.method("unary");
      equal((await way.client.unaryCall(url, { text: "größer 日本" }, {}, descriptor)).text, "größer 日本");
    },
  ],
  [
    "a large answer",
    async (way) => equal((await way.answer("unary", { size: 1 << 20 })).messages[0].padding.length, 1 << 20),
  ],
  [
    "a large question",
    async (way) => {
      const text = "x".repeat(1 << 20);
      expect((await way.answer("unary", { text })).messages[0].text === text, "not what was sent");
    },
  ],
  [
    "server",
    async (way) => equal((await way.answer("server", { text: "a", count: 3 })).messages.map(({ text }) => text), ["a", "a", "a"]),
  ],
  ["server, no message", async (way) => equal((await way.answer("server", {})).messages, [])],
  ["server, many messages", async (way) => equal((await way.answer("server", { count: 500 })).messages.length, 500)],
  ["metadata", (way) => noted(way, "unary", { text: "a" })],
  ["metadata of a stream", (way) => noted(way, "server", { text: "a", count: 2 })],
  [
    "every status",
    async (way) => {
      for (let code = StatusCode.CANCELLED; code <= StatusCode.UNAUTHENTICATED; code++) {
        const { error } = await way.refused(code, "fail", { code, message: `the code is ${code}` });
        equal(error.message, `the code is ${code}`);
      }
    },
  ],
  [
    "a status with a message of many scripts",
    async (way) => {
      const message = "100 % größer 日本\n語";
      const { error } = await way.refused(StatusCode.ABORTED, "fail", { code: StatusCode.ABORTED, message });
      equal(error.message, message);
    },
  ],
  [
    "a status with details",
    async (way) => {
      const { error } = await way.refused(StatusCode.INVALID_ARGUMENT, "fail", detailed(way));
      equal(details(way, error), ["the detail"]);
    },
  ],
  [
    "a status after a message",
    async (way) => {
      const { error, messages } = await way.refused(StatusCode.INVALID_ARGUMENT, "failLate", detailed(way));
      equal(messages.map(({ text }) => text), ["before it fails"]);
      equal(details(way, error), ["the detail"]);
    },
  ],
  [
    "a method that the server lacks",
    (way) => way.refused(StatusCode.UNIMPLEMENTED, "call", {}, {}, { service: STRANGER }),
  ],
  [
    "a deadline",
    async (way) => {
      const before = await way.count();
      await way.refused(StatusCode.DEADLINE_EXCEEDED, "wait", {}, { deadline: `${Date.now() + 500}` });
      await eventually(async () => (await way.count()).number > before.number, "the server goes on with the call");
    },
  ],
  [
    "a deadline that the server keeps",
    (way) => way.refused(StatusCode.DEADLINE_EXCEEDED, "wait", {}, { "grpc-timeout": "200m" }),
  ],
  [
    "a call that is cancelled",
    async (way) => {
      const before = await way.count();
      const arrived = async () => (await way.count()).waiting > before.waiting;
      const { cancelled } = await way.call("wait", {}, {}, { until: arrived });
      expect(cancelled, "ended by itself");
      await eventually(async () => (await way.count()).number > before.number, "the server goes on with the call");
    },
  ],
];
