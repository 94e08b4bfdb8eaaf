'use strict';

// Scheduled jobs as azure-iothub's JobClient makes and follows them, on devices of azure-iot-device.

const assert = require('assert');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { JobClient, Registry } = require('azure-iothub');
const { check, eventually, main, parts } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const jobs = JobClient.fromConnectionString(hub);
const registry = Registry.fromConnectionString(hub);
const devices = ['job-a', 'job-b'];

async function connect(id) {
  const { responseBody: identity } = await registry.create({ deviceId: id });
  const key = identity.authentication.symmetricKey.primaryKey;
  const host = parts(hub).HostName;
  const client = Client.fromConnectionString(`HostName=${host};DeviceId=${id};SharedAccessKey=${key}`, Mqtt);
  await client.open();
  client.onDeviceMethod('reboot', (request, response) => {
    response.send(200, { rebooted: id, why: request.payload }, () => {});
  });
  const twin = await client.getTwin();
  twin.on('properties.desired', () => {});
  return client;
}

/** What a method of the SDK hands to its callback. */
function ask(method, ...args) {
  return new Promise((resolve, reject) => {
    jobs[method](...args, (error, answer) => (error ? reject(error) : resolve(answer)));
  });
}

/** The job when it has ended. */
function ended(id) {
  return eventually(`the end of ${id}`, 30000, async () => {
    const job = await ask('getJob', id);
    return ['completed', 'failed', 'cancelled'].includes(job.status) ? job : undefined;
  });
}

/** Pages of an SDK's query, all of them. */
async function all(query) {
  const rows = [];
  while (query.hasMoreResults) {
    const page = await new Promise((resolve, reject) => {
      query.next((error, results) => (error ? reject(error) : resolve(results)));
    });
    rows.push(...page);
  }
  return rows;
}

main(async () => {
  const clients = await Promise.all(devices.map(connect));
  // A subscription may still be on its way when `onDeviceMethod` returns.
  await new Promise((resolve) => setTimeout(resolve, 500));
  const condition = "deviceId IN ['job-a', 'job-b']";

  await check('a method job reboots every device and is completed', async () => {
    const method = { methodName: 'reboot', payload: 'update', responseTimeoutInSeconds: 15 };
    const made = await ask('scheduleDeviceMethod', 'reboot-node', condition, method, new Date(), 300);
    assert.strictEqual(made.jobId, 'reboot-node');
    assert.strictEqual(made.type, 'scheduleDeviceMethod');
    assert.strictEqual(made.status, 'queued');
    const job = await ended('reboot-node');
    assert.strictEqual(job.status, 'completed');
    assert.strictEqual(job.deviceJobStatistics.deviceCount, 2);
    assert.strictEqual(job.deviceJobStatistics.succeededCount, 2);
    assert.strictEqual(job.maxExecutionTimeInSeconds, 300);
  });
  await check('a twin job reaches every device and is completed', async () => {
    const patch = { etag: '*', tags: { job: 'node' }, properties: { desired: { interval: 5 } } };
    await ask('scheduleTwinUpdate', 'twin-node', condition, patch, new Date(), 300);
    assert.strictEqual((await ended('twin-node')).status, 'completed');
    for (const id of devices) {
      const { responseBody: twin } = await registry.getTwin(id);
      assert.strictEqual(twin.tags.job, 'node');
      assert.strictEqual(twin.properties.desired.interval, 5);
    }
  });
  await check('a job in the future is cancelled', async () => {
    const start = new Date(Date.now() + 3600000);
    const patch = { etag: '*', tags: { never: true } };
    const made = await ask('scheduleTwinUpdate', 'later-node', condition, patch, start, 300);
    assert.strictEqual(made.status, 'queued');
    const cancelled = await ask('cancelJob', 'later-node');
    assert.strictEqual(cancelled.status, 'cancelled');
  });
  await check('jobs are listed by their kind and status', async () => {
    const found = await all(jobs.createQuery('scheduleDeviceMethod', 'completed'));
    assert.deepStrictEqual(found.map((job) => job.jobId), ['reboot-node']);
    assert.strictEqual((await all(jobs.createQuery())).length, 3);
  });
  await check('a name that is taken and a job that runs no more are refused', async () => {
    const patch = { etag: '*', tags: {} };
    await assert.rejects(ask('scheduleTwinUpdate', 'twin-node', condition, patch, new Date(), 300));
    await assert.rejects(ask('cancelJob', 'twin-node'));
  });
  await Promise.all(clients.map((client) => client.close()));
});
