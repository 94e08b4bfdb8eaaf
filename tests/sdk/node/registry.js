'use strict';

// Identities, twins and queries as a back end meets them: azure-iothub, and a device on
// azure-iot-device for what the service changes in its twin.

const assert = require('assert');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Registry } = require('azure-iothub');
const { check, main, next, parts, refusal, report, within } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const host = parts(hub).HostName;
const registry = Registry.fromConnectionString(hub);

function connectionString(identity) {
  const key = identity.authentication.symmetricKey.primaryKey;
  return `HostName=${host};DeviceId=${identity.deviceId};SharedAccessKey=${key}`;
}

async function identities() {
  const id = 'registry#1 (a=b)'.replace(/ /g, '-');
  await check('a device is created with keys of the hub', async () => {
    const { responseBody: made } = await registry.create({ deviceId: id });
    assert.strictEqual(made.deviceId, id);
    assert.strictEqual(made.status, 'enabled');
    assert.strictEqual(made.connectionState, 'Disconnected');
    const { primaryKey, secondaryKey } = made.authentication.symmetricKey;
    assert.strictEqual(Buffer.from(primaryKey, 'base64').length, 32);
    assert.notStrictEqual(primaryKey, secondaryKey);
    assert.ok(made.etag && made.generationId);
  });
  await check('keys that the caller brings are kept', async () => {
    const symmetricKey = {
      primaryKey: Buffer.alloc(36, 1).toString('base64'),
      secondaryKey: Buffer.alloc(36, 2).toString('base64'),
    };
    await registry.create({ deviceId: 'own-keys', authentication: { symmetricKey } });
    const { responseBody: read } = await registry.get('own-keys');
    assert.deepStrictEqual({ ...read.authentication.symmetricKey }, symmetricKey);
  });
  await check('a device is not created twice', () =>
    refusal(registry.create({ deviceId: id }), 'DeviceAlreadyExistsError'));
  await check('a device is read, changed and listed', async () => {
    const { responseBody: read } = await registry.get(id);
    const change = { ...read, status: 'disabled', statusReason: 'stolen' };
    const { responseBody: changed } = await registry.update(change);
    assert.strictEqual(changed.status, 'disabled');
    assert.strictEqual(changed.statusReason, 'stolen');
    assert.notStrictEqual(changed.etag, read.etag);
    const { responseBody: all } = await registry.list();
    const listed = all.map((identity) => identity.deviceId).sort();
    assert.ok(listed.includes(id) && listed.includes('own-keys'), `listed: ${listed}`);
  });
  await check('a device is deleted', async () => {
    await registry.delete(id);
    await refusal(registry.get(id), 'DeviceNotFoundError');
    await refusal(registry.delete(id), 'DeviceNotFoundError');
  });
  await check('an identifier outside the grammar is refused', () =>
    refusal(registry.create({ deviceId: 'no spaces' }), 'ArgumentError'));
}

async function twins() {
  const { responseBody: identity } = await registry.create({ deviceId: 'twin-1' });
  await check('a fresh twin is empty', async () => {
    const { responseBody: twin } = await registry.getTwin('twin-1');
    assert.strictEqual(twin.etag, 'AAAAAAAAAAE=');
    assert.strictEqual(twin.version, 2);
    assert.strictEqual(twin.properties.desired.$version, 1);
    assert.strictEqual(twin.properties.reported.$version, 1);
    assert.strictEqual(twin.deviceEtag, identity.etag);
  });
  const device = Client.fromConnectionString(connectionString(identity), Mqtt);
  await device.open();
  const twin = await device.getTwin();
  await check('a device hears of a changed desired property', async () => {
    const heard = next(twin, 'properties.desired.interval');
    // Subscribed once a reported patch has come back: packets of one connection keep their order.
    await report(twin, { boot: 1 });
    const patch = { tags: { site: 'a' }, properties: { desired: { interval: 5 } } };
    const { responseBody: changed } = await registry.updateTwin('twin-1', patch, '*');
    assert.strictEqual(changed.version, 4);
    assert.strictEqual(changed.properties.desired.$version, 2);
    assert.deepStrictEqual(changed.tags, { site: 'a' });
    assert.strictEqual(await within(10000, 'the notification', heard), 5);
    assert.strictEqual(twin.properties.desired.$version, 2);
  });
  await check('a null removes a property, and the device hears it', async () => {
    const heard = new Promise((resolve) => {
      twin.on('properties.desired', (delta) => delta.$version === 3 && resolve(delta));
    });
    await registry.updateTwin('twin-1', { properties: { desired: { interval: null, mode: 'x' } } }, '*');
    const delta = await within(10000, 'the notification', heard);
    assert.deepStrictEqual(delta, { interval: null, mode: 'x', $version: 3 });
    const { responseBody: read } = await registry.getTwin('twin-1');
    assert.strictEqual(read.properties.desired.interval, undefined);
  });
  await check('a stale etag is refused and a good one is not', async () => {
    const { responseBody: read } = await registry.getTwin('twin-1');
    const { responseBody: now } = await registry.updateTwin('twin-1', { tags: { site: 'b' } }, read.etag);
    assert.notStrictEqual(now.etag, read.etag);
    await refusal(registry.updateTwin('twin-1', { tags: { site: 'c' } }, read.etag), 'InvalidEtagError');
    const { responseBody: kept } = await registry.getTwin('twin-1');
    assert.strictEqual(kept.tags.site, 'b');
  });
  await check('a reported patch with a forbidden key reaches the device as an error', async () => {
    // The SDK makes a plain error of the message in the body.
    const error = await refusal(report(twin, { 'a.b': 1 }), 'Error');
    assert.match(error.message, /a\.b/);
    const { responseBody: read } = await registry.getTwin('twin-1');
    assert.strictEqual(read.properties.reported.boot, 1);
    assert.strictEqual(read.properties.reported.$version, 2);
  });
  await check('a twin that nobody has is not found', () =>
    refusal(registry.getTwin('nobody'), 'DeviceNotFoundError'));
  await device.close();
}

async function queries() {
  for (const n of [1, 2, 3]) {
    await registry.create({ deviceId: `q-${n}` });
    await registry.updateTwin(`q-${n}`, { tags: { n, even: n % 2 === 0 } }, '*');
  }
  const ask = async (sql, pageSize) => {
    const query = registry.createQuery(sql, pageSize);
    const ids = [];
    while (query.hasMoreResults) {
      const page = await query.nextAsTwin();
      const twinsOfPage = page.result || page;
      if (pageSize) assert.ok(twinsOfPage.length <= pageSize, `page of ${twinsOfPage.length}`);
      ids.push(...twinsOfPage.map((twin) => twin.deviceId));
    }
    return ids.sort();
  };
  await check('a query compares tags', async () => {
    assert.deepStrictEqual(await ask('SELECT * FROM devices WHERE tags.n > 1'), ['q-2', 'q-3']);
    assert.deepStrictEqual(await ask('SELECT * FROM devices WHERE tags.even = true'), ['q-2']);
  });
  await check('a query combines with AND, OR and NOT', async () => {
    const sql = "SELECT * FROM devices WHERE (tags.n = 1 OR deviceId = 'q-3') AND NOT tags.even = true";
    assert.deepStrictEqual(await ask(sql), ['q-1', 'q-3']);
  });
  await check('a query comes in pages', async () => {
    const sql = 'SELECT * FROM devices WHERE tags.n >= 1';
    assert.deepStrictEqual(await ask(sql, 2), ['q-1', 'q-2', 'q-3']);
  });
  await check('a query that is no query is refused', () =>
    refusal(ask('SELEC * FROM devices'), 'ArgumentError'));
}

main(async () => {
  await identities();
  await twins();
  await queries();
});
