'use strict';

// Automatic device configurations as a back end on azure-iothub manages them, and as a device on
// azure-iot-device hears of them.

const assert = require('assert');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Registry } = require('azure-iothub');
const { check, eventually, main, parts, refusal, report } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const host = parts(hub).HostName;
const registry = Registry.fromConnectionString(hub);

const chiller = (id, priority, temperature) => ({
  id,
  content: { deviceContent: { 'properties.desired.chiller': { temperature } } },
  targetCondition: "tags.site = 'a'",
  priority,
  labels: { app: 'test' },
  metrics: { queries: { cool: "SELECT * FROM devices WHERE tags.site = 'a'" } },
});

main(async () => {
  const { responseBody: identity } = await registry.create({ deviceId: 'chiller-1' });
  const key = identity.authentication.symmetricKey.primaryKey;
  const device = Client.fromConnectionString(
    `HostName=${host};DeviceId=chiller-1;SharedAccessKey=${key}`, Mqtt);
  await device.open();
  const twin = await device.getTwin();
  // A listener is told the present value first, so the wait is for a value and not for an event.
  const heard = {};
  twin.on('properties.desired', (delta) => Object.assign(heard, delta));
  const hears = (what, value) => eventually(`${what} ${value}`, 10000, async () => {
    const section = heard[what];
    return section && Object.values(section).includes(value) ? true : null;
  });
  await report(twin, { boot: 1 });

  await check('a configuration is added and read', async () => {
    const { responseBody: added } = await registry.addConfiguration(chiller('winter', 10, 4));
    assert.strictEqual(added.schemaVersion, '1.0');
    assert.strictEqual(added.etag, 'MQ==');
    const { responseBody: read } = await registry.getConfiguration('winter');
    assert.deepStrictEqual(read.content, chiller('winter', 10, 4).content);
    assert.deepStrictEqual(read.labels, { app: 'test' });
    const { responseBody: all } = await registry.getConfigurations();
    assert.deepStrictEqual(all.map((one) => one.id), ['winter']);
  });
  await check('a configuration is not added twice', () =>
    refusal(registry.addConfiguration(chiller('winter', 10, 4)), 'DeviceAlreadyExistsError'));
  await check('a device that comes to be targeted hears of its desired properties', async () => {
    await registry.updateTwin('chiller-1', { tags: { site: 'a' } }, '*');
    await hears('chiller', 4);
    const { responseBody: read } = await registry.getTwin('chiller-1');
    assert.deepStrictEqual(read.configurations, { winter: { status: 'Applied' } });
  });
  await check('the metrics count the device', () =>
    eventually('the metrics', 10000, async () => {
      const { responseBody: read } = await registry.getConfiguration('winter');
      const { targetedCount, appliedCount } = read.systemMetrics.results;
      return targetedCount === 1 && appliedCount === 1 && read.metrics.results.cool === 1 ? true : null;
    }));
  await check('the higher priority wins, until it goes below', async () => {
    await registry.addConfiguration(chiller('summer', 20, 18));
    await hears('chiller', 18);
    await registry.updateConfiguration(chiller('summer', 5, 18), true);
    await hears('chiller', 4);
  });
  await check('an update keeps the content, and a stale etag is refused', async () => {
    const { responseBody: read } = await registry.getConfiguration('winter');
    const { responseBody: updated } = await registry.updateConfiguration({ ...chiller('winter', 11, 99), etag: read.etag });
    assert.deepStrictEqual(updated.content, read.content);
    assert.strictEqual(updated.priority, 11);
    const stale = { ...chiller('winter', 12, 4), etag: read.etag };
    await refusal(registry.updateConfiguration(stale), 'InvalidEtagError');
  });
  await check('content is applied on one device', async () => {
    await registry.applyConfigurationContentOnDevice('chiller-1', {
      deviceContent: { 'properties.desired.fan': { speed: 3 } },
    });
    await hears('fan', 3);
  });
  await check('a configuration that is removed leaves what it wrote', async () => {
    await registry.removeConfiguration('summer');
    await registry.removeConfiguration('winter');
    await eventually('the twin', 10000, async () => {
      const { responseBody: read } = await registry.getTwin('chiller-1');
      return read.configurations === undefined && read.properties.desired.chiller.temperature === 4 ? true : null;
    });
    const error = await registry.getConfiguration('winter').catch((reason) => reason);
    assert.match(error.responseBody, /ConfigurationNotFound/);
  });
  await device.close();
});
