'use strict';

// A device and a back end on Microsoft's SDKs, and the hub's own view of them.

const assert = require('node:assert');
const { beforeEach, test } = require('node:test');
const { Client: Device } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Client: BackEnd } = require('azure-iothub');
const hub = require('./hub');

beforeEach(() => hub.reset());

/** The device: answers `reboot`, and reports how it goes. */
async function pump(connectionString) {
  const device = Device.fromConnectionString(connectionString, Mqtt);
  await device.open();
  const twin = await device.getTwin();
  const report = (status) => new Promise((resolve, reject) => {
    twin.properties.reported.update({ status }, (error) => (error ? reject(error) : resolve()));
  });
  device.onDeviceMethod('reboot', async (request, response) => {
    await response.send(200, 'Reboot started');
    for (const status of ['rebooting', 'booted']) await report(status);
  });
  return device;
}

/** The back end. */
async function reboot(deviceId) {
  const backEnd = BackEnd.fromConnectionString(hub.connectionString);
  const call = { methodName: 'reboot', payload: null, connectTimeoutInSeconds: 5, responseTimeoutInSeconds: 10 };
  const { result } = await backEnd.invokeDeviceMethod(deviceId, call);
  return result;
}

test('a reboot is answered and reported', async () => {
  const device = await pump(hub.createDevice('pump-1'));
  await hub.wait({ type: 'subscribed', device: 'pump-1', where: 'filters~methods' });
  assert.deepStrictEqual(await reboot('pump-1'), { status: 200, payload: 'Reboot started' });
  await hub.waitForTwins("deviceId = 'pump-1' AND properties.reported.status = 'booted'");
  // The state in between, which no look at the twin would have found.
  await hub.verify({ type: 'reported', device: 'pump-1', where: 'patch.status=rebooting' });
  await hub.verify({ type: 'methodAnswered', device: 'pump-1', count: { exactly: 1 } });
  await device.close();
});

test('what did not happen fails with the nearest miss', async () => {
  hub.createDevice('pump-1');
  const miss = hub.verify({ type: 'deviceCreated', device: 'pump-2' });
  await assert.rejects(miss, /expected at least 1, found 0/);
});
