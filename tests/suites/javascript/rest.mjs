// REST as a page uses it: `fetch`, `EventSource`, a reader of lines; and what another origin gets of it all.
import { createClient } from "@connectrpc/connect";

import { equal, expect, Failure, sleep } from "./cases.mjs";
import { SHAPES } from "./descriptors.mjs";

export async function rest(cases, url) {
  // Browsers stream what they send by HTTP/2 alone, and that by TLS alone.
  const checks = url.startsWith("https:") ? [...all, ...uploads] : all;
  for (const [name, check] of checks) await cases.run(name, () => check(url));
}

async function asked(url, init) {
  const response = await fetch(url, init);
  return { status: response.status, headers: response.headers, body: await response.json() };
}

function json(body, more = {}) {
  return { headers: { "content-type": "application/json", ...more }, body: JSON.stringify(body) };
}

/** As many events of a stream, each with its data read as JSON. */
function events(url, count) {
  const source = new EventSource(url);
  const got = [];
  return new Promise((done, refuse) => {
    source.onmessage = ({ data }) => got.push(JSON.parse(data)) === count && done(got);
    source.onerror = () => refuse(new Failure(`the source failed after ${got.length} events`));
  }).finally(() => source.close());
}

/** The lines of a body, as they come. */
async function* lines(body) {
  let text = "";
  for (const reader = body.pipeThrough(new TextDecoderStream()).getReader(); ; ) {
    const { done, value } = await reader.read();
    if (done) break;
    const whole = (text + value).split("\n");
    text = whole.pop();
    yield* whole;
  }
  equal(text, "", "after the last line");
}

const price = (units) => json({ currency: "EUR", units: `${units}` });

const all = [
  ["a book", async (url) => equal((await asked(`${url}/v1/books/emma`)).body.title, "Emma")],
  [
    "no such book",
    async (url) => {
      const { status, body } = await asked(`${url}/v1/books/none`);
      equal([status, body.code], [404, 5]);
    },
  ],
  [
    "no such path",
    async (url) => equal((await asked(`${url}/v1/nothing/there`)).status, 404),
  ],
  [
    "another method than there is",
    async (url) => {
      const { status, headers } = await asked(`${url}/v1/books/emma/price`);
      equal([status, headers.get("allow")?.includes("PUT")], [405, true]);
    },
  ],
  [
    "PUT",
    async (url) => equal((await asked(`${url}/v1/books/emma/price`, { method: "PUT", ...price(9) })).body.price.units, "9"),
  ],
  [
    "POST, then DELETE",
    async (url) => {
      const book = { id: "by-a-page", title: "By a page", authors: [{ name: "P" }], price: { currency: "EUR", units: "1" } };
      equal((await asked(`${url}/v1/books`, { method: "POST", ...json(book) })).body.id, "by-a-page");
      equal((await asked(`${url}/v1/books/by-a-page`, { method: "DELETE" })).body, {});
      equal((await asked(`${url}/v1/books/by-a-page`)).status, 404);
    },
  ],
  [
    "what is wrong with a book",
    async (url) => {
      const { status, body } = await asked(`${url}/v1/books`, { method: "POST", ...json({}) });
      equal([status, body.code, body.details[0]["@type"]], [400, 3, "type.googleapis.com/google.rpc.BadRequest"]);
    },
  ],
  [
    "a stream as an array",
    async (url) => expect((await asked(`${url}/v1/books:search?query=the`)).body.length > 1, "nothing found"),
  ],
  [
    "server-sent events",
    async (url) => {
      const got = events(`${url}/v1/prices:watch?ids=the-art-of-war`, 2);
      const set = setInterval(() => fetch(`${url}/v1/books/the-art-of-war/price`, { method: "PUT", ...price(7) }), 200);
      equal((await got.finally(() => clearInterval(set))).map(({ cause }) => cause), ["CURRENT", "SET"]);
    },
  ],
  [
    "lines, each as it comes",
    async (url) => {
      const headers = { accept: "application/x-ndjson" };
      const abort = new AbortController();
      const { body } = await fetch(`${url}/v1/prices:watch?ids=emma`, { headers, signal: abort.signal });
      const causes = [];
      for await (const line of lines(body)) {
        causes.push(JSON.parse(line).cause);
        if (causes.length === 2) break;
        await asked(`${url}/v1/books/emma/price`, { method: "PUT", ...price(8) });
      }
      abort.abort();
      equal(causes, ["CURRENT", "SET"]);
    },
  ],
  [
    "lines that end",
    async (url) => {
      const { body } = await fetch(`${url}/v1/prices:watch?most=3`, { headers: { accept: "application/x-ndjson" } });
      let count = 0;
      for await (const line of lines(body)) count += JSON.parse(line).id ? 1 : 0;
      equal(count, 3, "lines");
    },
  ],
  [
    "a header that pages may send",
    async (url) => equal((await asked(`${url}/v1/books/emma`, { headers: { "x-allowed": "1" } })).status, 200),
  ],
  [
    "a header that pages may not send",
    (url) => hidden(() => fetch(`${url}/v1/books/emma`, { headers: { "x-secret": "1" } })),
  ],
  ["cookies, which pages may not send", (url) => hidden(() => fetch(`${url}/v1/books/emma`, { credentials: "include" }))],
];

const uploads = [
  [
    "lines that are sent one by one",
    async (url) => {
      const books = [{ title: "A line of a page" }, { title: "Another line" }];
      const body = new ReadableStream({
        async pull(stream) {
          const book = books.shift();
          if (!book) return stream.close();
          stream.enqueue(new TextEncoder().encode(`${JSON.stringify(book)}\n`));
          await sleep(50);
        },
      });
      const headers = { "content-type": "application/x-ndjson" };
      const answer = await asked(`${url}/v1/books:import`, { method: "POST", headers, body, duplex: "half" });
      equal(answer.body.refused?.map(({ title }) => title), ["A line of a page", "Another line"]);
    },
  ],
];

/** A browser tells a page nothing of what it may not see. */
async function hidden(call) {
  const error = await call().then(
    () => undefined,
    (error) => error,
  );
  expect(error, "the page saw the answer");
  const causes = [error, error.cause].filter((one) => one instanceof TypeError);
  expect(causes.length || /fetch/i.test(error.message), `failed for another reason: ${error.stack}`);
}

export async function stranger(cases, files, transports, url) {
  for (const [protocol, transport] of transports) {
    const client = createClient(files.getService(SHAPES), transport);
    await cases.run(`${protocol}`, () => hidden(() => client.unary({ text: "a" })));
  }
  await cases.run("GET", () => hidden(() => fetch(`${url}/v1/books/emma`)));
  await cases.run("PUT", () => hidden(() => fetch(`${url}/v1/books/emma/price`, { method: "PUT", ...price(1) })));
  await cases.run("events", async () => {
    const error = await events(`${url}/v1/prices:watch`, 1).then(() => undefined, (error) => error);
    expect(error instanceof Failure, "the page saw events");
  });
}
