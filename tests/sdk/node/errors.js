'use strict';

// What a user of the Node SDKs meets when something is wrong: each fault ends in the error class that
// the SDK has for it.

const assert = require('assert');
const { NoRetry, SharedAccessSignature } = require('azure-iot-common');
const device = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const service = require('azure-iothub');
const { check, eventually, main, next, parts, refusal, within } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const { HostName: host, SharedAccessKeyName: policy, SharedAccessKey: policyKey } = parts(hub);
const registry = service.Registry.fromConnectionString(hub);
const caller = service.Client.fromConnectionString(hub);
caller.setRetryPolicy(new NoRetry());
const wrongKey = Buffer.alloc(32, 7).toString('base64');
// A token is good for five minutes after it ran out.
const longAgo = Math.floor(Date.now() / 1000) - 3600;

async function create(deviceId, status) {
  const { responseBody } = await registry.create({ deviceId, status: status || 'enabled' });
  return { deviceId, key: responseBody.authentication.symmetricKey.primaryKey };
}

function client(identity, key) {
  const text = `HostName=${host};DeviceId=${identity.deviceId};SharedAccessKey=${key || identity.key}`;
  const made = device.Client.fromConnectionString(text, Mqtt);
  made.setRetryPolicy(new NoRetry());
  return made;
}

const call = (id, more) => caller.invokeDeviceMethod(id, { methodName: 'reboot', payload: null, ...more });

async function devices() {
  const good = await create('good');
  await check('a device with a wrong key is not let in', () =>
    refusal(client(good, wrongKey).open(), 'UnauthorizedError'));
  await check('a device that nobody registered is not let in', () =>
    refusal(client({ deviceId: 'nobody', key: wrongKey }).open(), 'UnauthorizedError'));
  await check('a device with an expired token is not let in', async () => {
    const token = SharedAccessSignature.create(`${host}/devices/good`, null, good.key, longAgo);
    const late = device.Client.fromSharedAccessSignature(token.toString(), Mqtt);
    late.setRetryPolicy(new NoRetry());
    await refusal(late.open(), 'UnauthorizedError');
  });
  await check('a disabled device is told that the service is not for it', async () => {
    const off = await create('disabled', 'disabled');
    await refusal(client(off).open(), 'ServiceUnavailableError');
  });
  await check('a device that is deleted while connected loses its connection', async () => {
    const doomed = await create('doomed');
    const open = client(doomed);
    await open.open();
    const gone = next(open, 'disconnect');
    await registry.delete('doomed');
    await within(10000, 'the end of the connection', gone);
    await refusal(client(doomed).open(), 'UnauthorizedError');
  });
}

async function methods() {
  await create('offline');
  const silent = await create('silent');
  await check('a method on a device that nobody registered finds no device', async () => {
    const error = await call('nobody').then(
      () => assert.fail('the call succeeded'),
      (refused) => refused,
    );
    assert.match(error.responseBody, /404001/);
  });
  await check('a method on a device that is offline ends in 404103', async () => {
    const error = await call('offline').then(
      () => assert.fail('the call succeeded'),
      (refused) => refused,
    );
    const inner = JSON.parse(JSON.parse(error.responseBody).Message);
    assert.strictEqual(inner.errorCode, 404103);
    assert.match(inner.message, /isn't online/);
  });
  const open = client(silent);
  await open.open();
  let asked = 0;
  open.onDeviceMethod('reboot', () => {
    asked += 1;
  });
  open.onDeviceMethod('echo', (request, response) => response.send(207, request.payload));
  await check('payloads of every JSON kind come back as they were sent', async () => {
    await eventually('the subscription', 10000, () =>
      call('silent', { methodName: 'echo' }).catch((error) =>
        /404103/.test(error.responseBody) ? null : Promise.reject(error)));
    for (const payload of [null, '', 'foo', 0, 1.5, true, [1, [2]], {}, { k1: 'v1', k2: { k3: [null] } }]) {
      const answer = await call('silent', { methodName: 'echo', payload });
      const result = answer.result || answer.device;
      assert.strictEqual(result.status, 207);
      assert.deepStrictEqual(result.payload, payload);
    }
  });
  await check('a method that nobody answers times out', async () => {
    // The SDK gives up after both times together; the hub after the response time.
    const times = { responseTimeoutInSeconds: 5, connectTimeoutInSeconds: 3 };
    await refusal(call('silent', times), 'GatewayTimeoutError');
    assert.strictEqual(asked, 1);
  });
  await check('a response time below five seconds is refused', () =>
    refusal(call('silent', { responseTimeoutInSeconds: 4 }), 'ArgumentError'));
  await open.close();
}

async function backEnds() {
  await check('a back end with a wrong key is unauthorized', () => {
    const text = `HostName=${host};SharedAccessKeyName=${policy};SharedAccessKey=${wrongKey}`;
    return refusal(service.Registry.fromConnectionString(text).getTwin('good'), 'UnauthorizedError');
  });
  await check('a back end with an unknown policy is unauthorized', () => {
    const text = `HostName=${host};SharedAccessKeyName=nobody;SharedAccessKey=${policyKey}`;
    return refusal(service.Registry.fromConnectionString(text).getTwin('good'), 'UnauthorizedError');
  });
  await check('a back end with an expired token is unauthorized', () => {
    const token = SharedAccessSignature.create(host, policy, policyKey, longAgo).toString();
    return refusal(service.Registry.fromSharedAccessSignature(token).getTwin('good'), 'UnauthorizedError');
  });
  await check('a call that needs AMQP fails at once and says why', async () => {
    const sender = service.Client.fromConnectionString(hub);
    await within(5000, 'the refusal', refusal(sender.open(), 'NotImplementedError'));
  });
}

main(async () => {
  await devices();
  await methods();
  await backEnds();
});
