'use strict';

// Modules, Edge devices, certificates and bulk as a back end and a module on the Node SDKs meet them.

const assert = require('assert');
const { NoRetry } = require('azure-iot-common');
const { Client, ModuleClient, Message } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const service = require('azure-iothub');
const { check, main, next, parts, refusal, report, within } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const host = parts(hub).HostName;
const registry = service.Registry.fromConnectionString(hub);
const caller = service.Client.fromConnectionString(hub);

function connectionString({ deviceId, moduleId, authentication }) {
  const owner = moduleId ? `DeviceId=${deviceId};ModuleId=${moduleId}` : `DeviceId=${deviceId}`;
  return `HostName=${host};${owner};SharedAccessKey=${authentication.symmetricKey.primaryKey}`;
}

async function modules() {
  await registry.create({ deviceId: 'host' });
  await check('modules are created, read, listed and changed', async () => {
    await registry.addModule({ deviceId: 'host', moduleId: 'camera' });
    await registry.addModule({ deviceId: 'host', moduleId: 'valve', managedBy: 'me' });
    await refusal(registry.addModule({ deviceId: 'host', moduleId: 'valve' }), 'DeviceAlreadyExistsError');
    const { responseBody: valve } = await registry.getModule('host', 'valve');
    assert.strictEqual(valve.managedBy, 'me');
    const { responseBody: all } = await registry.getModulesOnDevice('host');
    assert.deepStrictEqual(all.map((module) => module.moduleId).sort(), ['camera', 'valve']);
    const { responseBody: changed } = await registry.updateModule({ ...valve, managedBy: 'you' });
    assert.strictEqual(changed.managedBy, 'you');
    await registry.removeModule('host', 'valve');
    // The SDK has no error of its own for a module.
    const error = await refusal(registry.getModule('host', 'valve'), 'Error');
    assert.match(error.responseBody, /ErrorCode:ModuleNotFound;/);
  });
  const { responseBody: identity } = await registry.getModule('host', 'camera');
  const client = ModuleClient.fromConnectionString(connectionString(identity), Mqtt);
  client.setRetryPolicy(new NoRetry());
  await client.open();
  client.onMethod('focus', (request, response) => response.send(200, { was: request.payload }));
  const twin = await client.getTwin();
  const heard = next(twin, 'properties.desired.fps');
  await check("a module's twin goes both ways, apart from its device's", async () => {
    await report(twin, { fps: 30 });
    const { responseBody: read } = await registry.getModuleTwin('host', 'camera');
    assert.strictEqual(read.properties.reported.fps, 30);
    assert.strictEqual(read.connectionState, 'Connected');
    const patch = { properties: { desired: { fps: 25 } } };
    await registry.updateModuleTwin('host', 'camera', patch, read.etag);
    assert.strictEqual(await within(10000, 'the notification', heard), 25);
    const { responseBody: device } = await registry.getTwin('host');
    assert.strictEqual(device.properties.reported.fps, undefined);
    assert.strictEqual(device.connectionState, 'Disconnected');
  });
  await check('a module answers a direct method', async () => {
    const call = { methodName: 'focus', payload: 2, connectTimeoutInSeconds: 5 };
    const answer = await caller.invokeDeviceMethod('host', 'camera', call);
    const { status, payload } = answer.result || answer.device;
    assert.deepStrictEqual({ status, payload }, { status: 200, payload: { was: 2 } });
  });
  await check('a module sends telemetry', () => client.sendEvent(new Message('{"fps":25}')));
  await check('a module that is deleted loses its connection', async () => {
    const lost = next(client, 'disconnect');
    await registry.removeModule('host', 'camera');
    await within(10000, 'the end of the link', lost);
    await refusal(registry.getModuleTwin('host', 'camera'), 'DeviceNotFoundError');
  });
  await client.close().catch(() => {});
}

async function kinds() {
  await check('an Edge device has system modules, and a child in its scope', async () => {
    const { responseBody: edge } = await registry.create({ deviceId: 'edge', capabilities: { iotEdge: true } });
    assert.match(edge.deviceScope, /^ms-azure-iot-edge:\/\/edge-\d+$/);
    const { responseBody: all } = await registry.getModulesOnDevice('edge');
    assert.deepStrictEqual(all.map((module) => module.moduleId).sort(), ['$edgeAgent', '$edgeHub']);
    const { responseBody: leaf } = await registry.create({ deviceId: 'leaf', deviceScope: edge.deviceScope });
    assert.deepStrictEqual([leaf.deviceScope, ...leaf.parentScopes], [edge.deviceScope, edge.deviceScope]);
  });
  await check('identities with certificates are kept', async () => {
    const x509Thumbprint = { primaryThumbprint: 'A'.repeat(40), secondaryThumbprint: 'b'.repeat(64) };
    await registry.create({ deviceId: 'thumb', authentication: { x509Thumbprint } });
    const { responseBody: read } = await registry.get('thumb');
    assert.strictEqual(read.authentication.type, 'selfSigned');
    assert.deepStrictEqual({ ...read.authentication.x509Thumbprint }, x509Thumbprint);
    await registry.create({ deviceId: 'authority', authentication: { type: 'certificateAuthority' } });
    const { responseBody: authority } = await registry.get('authority');
    assert.strictEqual(authority.authentication.type, 'certificateAuthority');
  });
  await check('devices are created, changed and removed in bulk', async () => {
    const rows = ['b-1', 'b-2', 'b-3'].map((deviceId) => ({ deviceId, status: 'enabled' }));
    const { responseBody: made } = await registry.addDevices(rows);
    assert.ok(made.isSuccessful && made.errors.length === 0, JSON.stringify(made));
    const off = rows.map((row) => ({ ...row, status: 'disabled' }));
    const { responseBody: changed } = await registry.updateDevices(off, true);
    assert.ok(changed.isSuccessful, JSON.stringify(changed));
    const { responseBody: read } = await registry.get('b-2');
    assert.strictEqual(read.status, 'disabled');
    const { responseBody: removed } = await registry.removeDevices(rows, true);
    assert.ok(removed.isSuccessful, JSON.stringify(removed));
    await refusal(registry.get('b-1'), 'DeviceNotFoundError');
  });
  await check('a row that fails in bulk is told, and the others are done', async () => {
    const error = await refusal(registry.addDevices([{ deviceId: 'host' }, { deviceId: 'b-9' }]), 'ArgumentError');
    const told = JSON.parse(error.responseBody);
    assert.strictEqual(told.isSuccessful, false);
    assert.deepStrictEqual(told.errors.map((row) => row.deviceId), ['host']);
    assert.strictEqual((await registry.get('b-9')).responseBody.deviceId, 'b-9');
  });
  await check('a device tells its model, and its twin has it', async () => {
    const { responseBody: identity } = await registry.get('host');
    const device = Client.fromConnectionString(connectionString(identity), Mqtt);
    const modelId = 'dtmi:com:example:Camera;1';
    await device.setOptions({ modelId });
    await device.open();
    const { responseBody: twin } = await registry.getTwin('host');
    assert.strictEqual(twin.modelId, modelId);
    await device.close();
  });
  await check('devices are counted', async () => {
    const { responseBody: counts } = await registry.getRegistryStatistics();
    assert.strictEqual(counts.totalDeviceCount, 6);
    assert.strictEqual(counts.disabledDeviceCount, 0);
  });
}

main(async () => {
  await modules();
  await kinds();
});
