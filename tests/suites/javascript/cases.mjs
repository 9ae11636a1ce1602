// Cases that are told one by one, in Node and in a page alike.

const SECONDS = 20;

export class Failure extends Error {}

export function expect(truth, said) {
  if (!truth) throw new Failure(said);
}

/** Holds what was got, lists and plain objects too, against what was wanted. */
export function equal(got, wanted, what = "answer") {
  const [one, other] = [got, wanted].map((value) => JSON.stringify(value) ?? "undefined");
  expect(one === other, `${what}: got ${brief(one)}, wanted ${brief(other)}`);
}

function brief(text, limit = 1000) {
  return text.length <= limit ? text : `${text.slice(0, limit)}... (${text.length} characters)`;
}

export function sleep(milliseconds) {
  return new Promise((done) => setTimeout(done, milliseconds));
}

/** Waits until a condition holds. */
export async function eventually(condition, said, seconds = 5) {
  const until = Date.now() + seconds * 1000;
  while (!(await condition())) {
    expect(Date.now() < until, said);
    await sleep(10);
  }
}

/** The promise, or a failure if it takes too long. */
export async function within(promise, seconds = SECONDS) {
  let timer;
  const late = new Promise((_, refuse) => {
    timer = setTimeout(() => refuse(new Failure(`not done within ${seconds} s`)), seconds * 1000);
  });
  try {
    return await Promise.race([promise, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** Runs cases one after another, and reports each by its name: `report(name, fault)`, the fault empty if it passed. */
export class Cases {
  constructor(report, prefix = "") {
    this.report = report;
    this.prefix = prefix;
  }

  named(name) {
    return new Cases(this.report, `${this.prefix}${name}: `);
  }

  async run(name, check) {
    let fault = "";
    try {
      await within(check());
    } catch (error) {
      fault = error instanceof Failure ? error.message : `${error?.stack ?? error}`;
    }
    await this.report(this.prefix + name, fault);
  }
}
