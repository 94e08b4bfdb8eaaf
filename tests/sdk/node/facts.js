'use strict';

// What every program here shares: it prints one JSON object a line, a fact or the outcome of a
// check, and ends with 1 if a check failed. Whoever started it reads the lines.

let failed = 0;

/** Prints a fact. */
function fact(name, value) {
  console.log(JSON.stringify({ fact: name, value: value === undefined ? null : value }));
}

/** Runs a check and prints its outcome; the next check runs whatever came of this one. */
async function check(name, body) {
  try {
    await within(60000, name, body());
    console.log(JSON.stringify({ check: name, ok: true }));
  } catch (error) {
    failed += 1;
    console.log(JSON.stringify({ check: name, ok: false, why: describe(error) }));
  }
}

/** Settles as `promise` does, or fails after so many milliseconds. */
function within(milliseconds, what, promise) {
  let timer;
  const limit = new Promise((resolve, reject) => {
    timer = setTimeout(() => reject(new Error(`${what}: not within ${milliseconds} ms`)), milliseconds);
  });
  return Promise.race([promise, limit]).finally(() => clearTimeout(timer));
}

/** The error `promise` fails with, which must be of the SDK's class `name`. */
async function refusal(promise, name) {
  let value;
  try {
    value = await promise;
  } catch (error) {
    if (error.constructor.name !== name) {
      throw new Error(`wanted ${name}, got ${describe(error)}`);
    }
    return error;
  }
  throw new Error(`wanted ${name}, got success: ${JSON.stringify(value && value.responseBody)}`);
}

/** Patches reported properties; the SDK knows only callbacks here. */
function report(twin, patch) {
  return new Promise((resolve, reject) => {
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
  });
}

/** The next event of that name. */
function next(emitter, event) {
  return new Promise((resolve) => emitter.once(event, resolve));
}

/** Asks until the answer is neither null nor undefined. */
async function eventually(what, milliseconds, ask) {
  const poll = async () => {
    for (;;) {
      const answer = await ask();
      if (answer !== undefined && answer !== null) return answer;
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  };
  return within(milliseconds, what, poll());
}

/** The parts of a connection string. */
function parts(connectionString) {
  const fields = connectionString.split(';').map((field) => {
    const at = field.indexOf('=');
    return [field.slice(0, at), field.slice(at + 1)];
  });
  return Object.fromEntries(fields);
}

function describe(error) {
  if (!(error instanceof Error)) return String(error);
  const body = error.responseBody ? ` body=${error.responseBody}` : '';
  return `${error.constructor.name}: ${error.message}${body}\n${error.stack}`;
}

/** Runs a program to its end. */
function main(program) {
  program().then(
    () => process.exit(failed === 0 ? 0 : 1),
    (error) => {
      console.log(JSON.stringify({ check: 'the program runs to its end', ok: false, why: describe(error) }));
      process.exit(1);
    },
  );
}

module.exports = { check, eventually, fact, main, next, parts, refusal, report, within };
