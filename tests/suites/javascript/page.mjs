// What runs in the page of the suite `browser`: `cases(settings)` on the page that may call, `strangers(settings)` on the one
// that may not. Both tell their cases by the function `told` that the browser's driver gives them.
import { createConnectTransport, createGrpcWebTransport } from "@connectrpc/connect-web";

import { bookshop } from "./bookshop.mjs";
import { Cases } from "./cases.mjs";
import { registry } from "./descriptors.mjs";
import { GrpcWeb } from "./grpc-web.mjs";
import { rest, stranger } from "./rest.mjs";
import { Way } from "./shapes.mjs";

const CREATE = { connect: createConnectTransport, "grpc-web": createGrpcWebTransport };
const told = new Cases((name, fault) => globalThis.told(name, fault));

async function fetched(path) {
  return registry(new Uint8Array(await (await fetch(path)).arrayBuffer()));
}

function transport(protocol, format, baseUrl, files, more = {}) {
  return CREATE[protocol]({ baseUrl, useBinaryFormat: format === "proto", jsonOptions: { registry: files }, ...more });
}

globalThis.cases = async ({ plain, tls, shop }) => {
  const [files, demo] = await Promise.all(["shapes.binpb", "bookshop.binpb"].map(fetched));
  for (const [road, url, shopUrl] of [["HTTP/1.1", plain, shop.plain], ["HTTP/2, TLS", tls, shop.tls]]) {
    for (const protocol of Object.keys(CREATE)) {
      for (const format of ["proto", "json"]) {
        const cases = told.named(`${protocol}, ${road}, ${format}`);
        await new Way(cases, files, { protocol, transport: transport(protocol, format, url, files) }).run();
        await bookshop(cases.named("bookshop"), demo, transport(protocol, format, shopUrl, demo));
        if (protocol === "grpc-web") continue;
        const get = { protocol, transport: transport(protocol, format, url, files, { useHttpGet: true }), get: true };
        await new Way(told.named(`${protocol}, ${road}, ${format}, GET`), files, get).run();
      }
    }
    for (const format of ["binary", "text"]) {
      await new GrpcWeb(told.named(`grpc-web's own, ${road}, ${format}`), files, url, format).run();
    }
    await rest(told.named(`REST, ${road}`), shopUrl);
  }
};

globalThis.strangers = async ({ plain, tls, shop }) => {
  const files = await fetched("shapes.binpb");
  for (const [road, url, shopUrl] of [["HTTP/1.1", plain, shop.plain], ["HTTP/2, TLS", tls, shop.tls]]) {
    const transports = Object.keys(CREATE).map((protocol) => [protocol, transport(protocol, "json", url, files)]);
    await stranger(told.named(`another origin, ${road}`), files, transports, shopUrl);
  }
};
