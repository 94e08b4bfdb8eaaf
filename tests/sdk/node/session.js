'use strict';

// What the Node device SDK relies on in a hub: it renews its token by connecting anew, and does not
// subscribe again. Telemetry and cloud-to-device messages are here too.
// usage: node session.js mqtt|ws

const assert = require('assert');
const { SharedAccessSignature } = require('azure-iot-common');
const { Client, Message } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const service = require('azure-iothub');
const { check, eventually, main, next, parts, report, within } = require('./facts');

const transport = process.argv[2] === 'ws' ? MqttWs : Mqtt;
const hub = process.env.IOTHUB_CONNECTION_STRING;
const { HostName: host } = parts(hub);
const registry = service.Registry.fromConnectionString(hub);
const caller = service.Client.fromConnectionString(hub);

main(async () => {
  const { responseBody } = await registry.create({ deviceId: 'renewing' });
  const key = responseBody.authentication.symmetricKey.primaryKey;
  const token = (seconds) => {
    const expiry = Math.floor(Date.now() / 1000) + seconds;
    return SharedAccessSignature.create(`${host}/devices/renewing`, null, key, expiry).toString();
  };
  const client = Client.fromSharedAccessSignature(token(600), transport);
  await client.open();
  client.onDeviceMethod('count', (request, response) => response.send(200, request.payload + 1));
  const twin = await client.getTwin();
  twin.on('properties.desired.interval', () => {});
  await report(twin, { before: true });

  const count = async (n) => {
    const answer = await caller.invokeDeviceMethod('renewing', { methodName: 'count', payload: n });
    return (answer.result || answer.device).payload;
  };
  const online = (n) => eventually('the method', 10000, () =>
    count(n).catch((error) => (/404103/.test(error.responseBody) ? null : Promise.reject(error))));

  await check('a connected device answers', async () => {
    assert.strictEqual(await online(1), 2);
    const { responseBody: read } = await registry.getTwin('renewing');
    assert.strictEqual(read.connectionState, 'Connected');
  });
  await check('telemetry with properties is taken', async () => {
    const message = new Message(JSON.stringify({ t: 21.5 }));
    message.messageId = 'm 1';
    message.contentType = 'application/json';
    message.contentEncoding = 'utf-8';
    message.properties.add('alert', 'a&b=c/d é');
    await client.sendEvent(message);
  });
  await check('a renewed token keeps the subscriptions of the session', async () => {
    await client.updateSharedAccessSignature(token(3600));
    assert.strictEqual(await online(41), 42);
    const heard = next(twin, 'properties.desired.interval');
    await registry.updateTwin('renewing', { properties: { desired: { interval: 9 } } }, '*');
    assert.strictEqual(await within(10000, 'the notification', heard), 9);
    await report(twin, { after: true });
    const { responseBody: read } = await registry.getTwin('renewing');
    assert.strictEqual(read.properties.reported.after, true);
  });
  await check('a closed device is offline', async () => {
    await client.close();
    await eventually('the state', 10000, async () => {
      const { responseBody: read } = await registry.getTwin('renewing');
      return read.connectionState === 'Disconnected' ? true : null;
    });
  });
});
