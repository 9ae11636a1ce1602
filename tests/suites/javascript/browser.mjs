// Drives Chromium: node browser.mjs SETTINGS.json. Each case is a line of JSON.
import { readFileSync } from "node:fs";

import { chromium } from "playwright-core";

import { Cases, equal } from "./cases.mjs";

const settings = JSON.parse(readFileSync(process.argv[2], "utf8"));
const tell = (name, fault) => console.log(JSON.stringify({ name, fault }));

const browser = await chromium.launch({
  executablePath: settings.chromium,
  // The sandbox asks for rights that containers lack; certificates are made by the suite.
  args: ["--no-sandbox", "--ignore-certificate-errors"],
});

/** Opens a page that speaks for an origin and runs one of its functions; says which protocols it used with whom. */
async function open(origin, name) {
  const page = await browser.newPage();
  const protocols = {};
  const network = await page.context().newCDPSession(page);
  network.on("Network.responseReceived", ({ response }) => {
    (protocols[new URL(response.url).origin] ??= new Set()).add(response.protocol);
  });
  await network.send("Network.enable");
  await page.exposeFunction("told", tell);
  await page.goto(`${origin}/page.html`);
  await page.evaluate(([name, settings]) => globalThis[name](settings), [name, settings.servers]);
  await page.close();
  return protocols;
}

const protocols = await open(settings.origin, "cases");
await open(settings.stranger, "strangers");
await browser.close();

const cases = new Cases(tell);
const { plain, tls } = settings.servers;
await cases.run("HTTP/1.1 in plain text", async () => equal([...(protocols[plain] ?? [])], ["http/1.1"]));
await cases.run("HTTP/2 by TLS", async () => equal([...(protocols[tls] ?? [])], ["h2"]));
