// The clients of @connectrpc/connect-node: node connect-node.mjs SETTINGS.json. Each case is a line of JSON.
import { readFileSync } from "node:fs";

import { equals, fromJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
} from "@connectrpc/connect-node";

import { bookshop } from "./bookshop.mjs";
import { Cases, equal, expect } from "./cases.mjs";
import { registry } from "./descriptors.mjs";
import { Way } from "./shapes.mjs";

const CREATE = { connect: createConnectTransport, grpc: createGrpcTransport, "grpc-web": createGrpcWebTransport };
// gRPC needs the trailers of HTTP/2.
const ROADS = [["connect", "1.1"], ["connect", "2"], ["grpc", "2"], ["grpc-web", "1.1"], ["grpc-web", "2"]];
const FORMATS = ["proto", "json"];
const CODINGS = { gzip: compressionGzip, br: compressionBrotli };
const ENCODINGS = ["content-encoding", "connect-content-encoding", "grpc-encoding"];

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const ca = readFileSync(settings.ca);

/** A transport, and what its interceptor saw of the last call. */
function transport(protocol, httpVersion, format, baseUrl, files, { nodeOptions = {}, ...more } = {}) {
  const wire = {};
  const look = (next) => async (request) => {
    const response = await next(request);
    wire.encoding = ENCODINGS.map((name) => response.header.get(name)).find(Boolean);
    return response;
  };
  const made = CREATE[protocol]({
    baseUrl,
    httpVersion,
    useBinaryFormat: format === "proto",
    jsonOptions: { registry: files },
    interceptors: [look],
    nodeOptions: baseUrl.startsWith("https") ? { ca, ...nodeOptions } : nodeOptions,
    ...more,
  });
  return { transport: made, protocol, wire };
}

async function shapes(cases, files) {
  const way = ([protocol, version], format, name, url = settings.plain, more = {}, get = false) => {
    const named = cases.named(`${protocol}, HTTP/${version}, ${format}${name}`);
    const through = transport(protocol, version, format, url, files, more);
    return new Way(named, files, { ...through, uploads: true, duplex: version === "2", get });
  };
  for (const road of ROADS) {
    for (const format of FORMATS) {
      await way(road, format, "").run();
      if (road[0] !== "connect") continue;
      await way(road, format, ", GET", settings.plain, { useHttpGet: true }, true).run();
    }
    await way(road, "proto", ", TLS", settings.tls).run();
    for (const [name, coding] of Object.entries(CODINGS)) {
      const more = { sendCompression: coding, acceptCompression: [coding], compressMinBytes: 0 };
      const coded = way(road, "proto", `, ${name}`, settings.plain, more);
      await coded.run();
      await compressed(coded, name);
    }
    await compressed(way(road, "proto", ", nothing compressed", settings.plain, { acceptCompression: [] }), undefined);
  }
}

/** A client sees in the headers what an answer was compressed with. */
async function compressed({ cases, client, wire }, coding) {
  await cases.run("how an answer is compressed", async () => {
    await client.unary({ size: 10_000 });
    equal(wire.encoding, coding);
  });
  await cases.run("how a stream is compressed", async () => {
    for await (const { padding } of client.server({ size: 10_000, count: 2 })) equal(padding.length, 10_000);
    equal(wire.encoding, coding);
  });
}

/** Messages of real types, editions among them, as an echo gives them back. */
async function echo(cases) {
  const files = registry(readFileSync(settings.echo.set));
  for (const [protocol, version] of ROADS) {
    for (const format of FORMATS) {
      const through = transport(protocol, version, format, settings.echo.url, files).transport;
      const named = cases.named(`${protocol}, HTTP/${version}, ${format}`);
      for (const { service, type, messages } of settings.echo.asked) {
        const client = createClient(files.getService(service), through);
        const message = files.getMessage(type);
        const sent = messages.map((json) => fromJson(message, json, { registry: files }));
        for (const [shape, call, wanted] of shapesOfEcho(client, sent)) {
          await named.run(`${shape} of ${type}`, async () => {
            const got = await call();
            equal(got.length, wanted.length, "answers");
            got.forEach((one, index) => expect(equals(message, one, wanted[index]), `answer ${index} differs`));
          });
        }
      }
    }
  }
}

function shapesOfEcho(client, sent) {
  const all = async function* () {
    yield* sent;
  };
  return [
    ["unary", async () => [await client.unary(sent[0])], sent.slice(0, 1)],
    // Echo answers a client stream with its last message.
    ["client", async () => [await client.client(all())], sent.slice(-1)],
    ["server", () => collect(client.server(sent[0])), sent.slice(0, 1)],
    ["bidi", () => collect(client.bidi(all())), sent],
  ];
}

async function collect(stream) {
  const got = [];
  for await (const message of stream) got.push(message);
  return got;
}

/** Whom a server lets in that asks for certificates, and whom a client trusts. */
async function certificates(cases) {
  const files = registry(readFileSync(settings.shop.set));
  const [cert, key] = [settings.asking.cert, settings.asking.key].map((path) => readFileSync(path));
  for (const [protocol, version] of ROADS) {
    const ask = (url, nodeOptions) => {
      const { transport: through } = transport(protocol, version, "proto", url, files, { nodeOptions });
      return createClient(files.getService("bookshop.v1.Catalog"), through).getBook({ id: "emma" });
    };
    const refused = async (call) => {
      const error = await call.then(() => undefined, ConnectError.from);
      expect(error, "was let in");
      expect([Code.Internal, Code.Unavailable, Code.Unknown, Code.Aborted].includes(error.code), error.message);
    };
    const named = cases.named(`${protocol}, HTTP/${version}, TLS`);
    await named.run("a certificate of its own", () => ask(settings.asking.url, { cert, key }));
    await named.run("no certificate", () => refused(ask(settings.asking.url, {})));
    await named.run("an authority that the client does not know", () => refused(ask(settings.tls, { ca: cert })));
  }
}

async function shop(cases) {
  const files = registry(readFileSync(settings.shop.set));
  for (const [protocol, version] of ROADS) {
    for (const format of FORMATS) {
      const through = transport(protocol, version, format, settings.shop.url, files, { useHttpGet: true }).transport;
      await bookshop(cases.named(`bookshop, ${protocol}, HTTP/${version}, ${format}`), files, through, { uploads: true });
    }
  }
}

const cases = new Cases((name, fault) => console.log(JSON.stringify({ name, fault })));
const files = registry(readFileSync(settings.shapes));
await shapes(cases, files);
await echo(cases.named("echo"));
await certificates(cases);
await shop(cases);
process.exit(0);
