// The demo API as a client of Connect's sees it: nested messages, enums, maps, oneofs, times, errors with details.
import { toJson } from "@bufbuild/protobuf";
import { Code, ConnectError, createClient } from "@connectrpc/connect";

import { equal, expect, Failure } from "./cases.mjs";

/** Runs the cases over a transport; `uploads` says that it can stream messages to the server. */
export async function bookshop(cases, files, transport, { uploads = false } = {}) {
  const shop = {
    catalog: createClient(files.getService("bookshop.v1.Catalog"), transport),
    desk: createClient(files.getService("bookshop.v1.Desk"), transport),
    json: (name, message) => toJson(files.getMessage(`bookshop.v1.${name}`), message),
    details: (error, name) => error.findDetails(files.getMessage(`google.rpc.${name}`)),
  };
  for (const [name, check] of uploads ? [...asked, ...sent] : asked) await cases.run(name, () => check(shop));
}

async function refused(call, code) {
  const error = await call.then(
    () => new Failure("the call worked"),
    (error) => error,
  );
  if (!(error instanceof ConnectError)) throw error;
  equal(Code[error.code], Code[code], `code (${error.message})`);
  return error;
}

const asked = [
  [
    "a book",
    async ({ catalog, json }) => {
      const book = json("Book", await catalog.getBook({ id: "the-art-of-war" }));
      equal([book.id, book.title], ["the-art-of-war", "The Art of War"]);
      expect(book.price?.currency && book.labels && book.authors?.length, `incomplete: ${JSON.stringify(book)}`);
    },
  ],
  [
    "pages of books",
    async ({ catalog }) => {
      const ids = [];
      let page = { nextPageToken: "", totalSize: 0 };
      do {
        page = await catalog.listBooks({ pageSize: 3, pageToken: page.nextPageToken });
        ids.push(...page.books.map(({ id }) => id));
      } while (page.nextPageToken);
      equal(ids.length, page.totalSize, "books");
      equal(ids, [...new Set(ids)].sort(), "order");
    },
  ],
  [
    "a search",
    async ({ catalog }) => {
      const scores = [];
      for await (const { book, score } of catalog.searchBooks({ query: "the" })) {
        expect(book?.id, "a result without a book");
        scores.push(score);
      }
      expect(scores.length > 1, `only ${scores.length} found`);
      equal(scores, [...scores].sort((one, other) => other - one), "best first");
    },
  ],
  [
    "prices as they change",
    async ({ catalog, json }) => {
      const prices = [];
      const price = { currency: "EUR", units: 12n, nanos: 500_000_000 };
      for await (const change of catalog.watchPrices({ ids: ["emma"], most: 2 })) {
        prices.push(json("PriceChange", change));
        if (prices.length === 1) await catalog.setPrice({ id: "emma", price });
      }
      equal(prices.map(({ id, cause }) => [id, cause]), [["emma", "CURRENT"], ["emma", "SET"]]);
      equal(prices[1].price, { currency: "EUR", units: "12", nanos: 500_000_000 });
      expect(Math.abs(Date.parse(prices[1].time) - Date.now()) < 60_000, `not the time: ${prices[1].time}`);
    },
  ],
  ["no such book", async ({ catalog }) => refused(catalog.getBook({ id: "none" }), Code.NotFound)],
  [
    "what is wrong with a book",
    async ({ catalog, details }) => {
      const error = await refused(catalog.createBook({ book: {} }), Code.InvalidArgument);
      const [{ fieldViolations }] = details(error, "BadRequest");
      expect(fieldViolations.length > 1 && fieldViolations.every(({ field }) => field), "fields are not named");
    },
  ],
  [
    "more than there are",
    async ({ desk, details }) => {
      const items = [{ bookId: "the-art-of-war", quantity: 3 }];
      const error = await refused(desk.placeOrder({ items }), Code.FailedPrecondition);
      equal(details(error, "PreconditionFailure").length, 1, "PreconditionFailure");
      expect(details(error, "ErrorInfo")[0].domain, "an ErrorInfo without a domain");
    },
  ],
];

const sent = [
  [
    "an import",
    async ({ catalog }) => {
      const books = async function* () {
        yield { title: "One", authors: [{ name: "A" }], price: { currency: "EUR", units: 1n }, genre: 1 };
        yield { title: "Without an author" };
      };
      const summary = await catalog.importBooks(books());
      equal(summary.refused.map(({ index, title }) => [index, title]).at(-1), [1, "Without an author"]);
    },
  ],
  [
    "a talk",
    async ({ desk }) => {
      const talk = async function* () {
        for (const text of ["Hello", "Do you have anything by Shakespeare?"]) {
          yield { speaker: 1, content: { case: "text", value: text } };
        }
      };
      const speakers = [];
      for await (const { speaker } of desk.chat(talk())) speakers.push(speaker);
      expect(speakers.length >= 2 && speakers.every((speaker) => speaker === 2), `who spoke: ${speakers}`);
    },
  ],
];
