'use strict';

// The hub of `hubnerite exec -- node --test`, and what its admin API does for a test.

const assert = require('node:assert');
const { execFileSync } = require('node:child_process');

const connectionString = process.env.IOTHUB_CONNECTION_STRING;
const admin = process.env.HUBNERITE_ADMIN_URL;
const hubnerite = process.env.HUBNERITE || 'hubnerite';

/** A POST to the admin API. What it refuses fails the test in the API's own words. */
async function ask(path, body) {
  const headers = { 'Content-Type': 'application/json' };
  const answer = await fetch(admin + path, { method: 'POST', headers, body: body && JSON.stringify(body) });
  const told = await answer.json();
  if (!answer.ok) assert.fail(told.detail);
  return told;
}

module.exports = {
  connectionString,
  /** Registers a device and gives its connection string. */
  createDevice: (device) => execFileSync(hubnerite, ['device', 'create', device], { encoding: 'utf8' }).trim(),
  /** Removes every device, twin, queue and job. */
  reset: () => ask('/admin/reset'),
  /** Fails unless the hub saw such an event, and says which one came nearest. */
  verify: (event) => ask('/admin/verify', event),
  /** Waits until the hub saw such an event. */
  wait: (event, timeout = 10) => ask('/admin/wait', { event, timeout }),
  /** Waits until a twin is as a condition of the query language says. */
  waitForTwins: (twins, timeout = 10) => ask('/admin/wait', { twins, timeout }),
};
