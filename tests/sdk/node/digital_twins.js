'use strict';

// Plug and Play: azure-iothub's DigitalTwinClient, on a device of azure-iot-device that has a model.

const assert = require('assert');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { DigitalTwinClient, IoTHubTokenCredentials, Registry } = require('azure-iothub');
const { check, main, next, parts, report } = require('./facts');

const MODEL = 'dtmi:com:example:TemperatureController;1';
const hub = process.env.IOTHUB_CONNECTION_STRING;
const twins = new DigitalTwinClient(new IoTHubTokenCredentials(hub));

async function connect() {
  const { responseBody: identity } = await Registry.fromConnectionString(hub).create({ deviceId: 'pnp-node' });
  const key = identity.authentication.symmetricKey.primaryKey;
  const host = parts(hub).HostName;
  const client = Client.fromConnectionString(`HostName=${host};DeviceId=pnp-node;SharedAccessKey=${key}`, Mqtt);
  await client.setOptions({ modelId: MODEL });
  await client.open();
  const answer = (request, response) => {
    response.send(202, { was: request.methodName, with: request.payload }, () => {});
  };
  client.onDeviceMethod('reboot', answer);
  client.onDeviceMethod('thermostat1*getReport', answer);
  const twin = await client.getTwin();
  await report(twin, { serialNumber: 's1', thermostat1: { __t: 'c', maxTemp: 25.5 } });
  return { client, twin };
}

main(async () => {
  const { client, twin } = await connect();
  await check('a digital twin shows the model, properties and components', async () => {
    const shown = await twins.getDigitalTwin('pnp-node');
    const seen = shown.$dtId ? shown : shown.body;
    assert.strictEqual(seen.$metadata.$model, MODEL);
    assert.strictEqual(seen.serialNumber, 's1');
    assert.strictEqual(seen.thermostat1.maxTemp, 25.5);
  });
  await check('a patch reaches the device as a desired property of its component', async () => {
    twin.on('properties.desired', () => {});
    const heard = next(twin, 'properties.desired.thermostat1');
    await twins.updateDigitalTwin('pnp-node', [
      { op: 'add', path: '/thermostat1/targetTemperature', value: 42 },
    ]);
    assert.deepStrictEqual(await heard, { __t: 'c', targetTemperature: 42 });
  });
  await check('a patch of nothing is refused', async () => {
    const nothing = twins.updateDigitalTwin('pnp-node', [{ op: 'remove', path: '/nothing' }]);
    await assert.rejects(nothing, (error) => error.statusCode === 400);
  });
  await check('commands of the root and of a component reach the device, and its answer comes back', async () => {
    const root = await twins.invokeCommand('pnp-node', 'reboot', 5);
    assert.strictEqual(root.xMsCommandStatuscode, 202);
    const component = await twins.invokeComponentCommand('pnp-node', 'thermostat1', 'getReport', { since: 'x' });
    const told = component.body || component;
    assert.strictEqual(told.was, 'thermostat1*getReport');
    assert.deepStrictEqual(told.with, { since: 'x' });
  });
  await client.close();
});
