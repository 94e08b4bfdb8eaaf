'use strict';

// A device of azure-iot-device over HTTPS: it sends, and settles what it receives in each way.

const assert = require('assert');
const { Client, Message } = require('azure-iot-device');
const { Http } = require('azure-iot-device-http');
const { Registry } = require('azure-iothub');
const { check, main, next, parts } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const registry = Registry.fromConnectionString(hub);

/** To the device; the SDK itself sends over AMQP. */
function send(id, headers, body) {
  const path = `/devices/${id}/messages/deviceBound?api-version=2021-04-12`;
  return new Promise((resolve, reject) => {
    const all = { 'Content-Type': 'text/plain; charset=utf-8', ...headers };
    registry._restApiClient.executeApiCall('POST', path, all, body, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

/** How many messages wait for the device. */
async function waiting(id) {
  const { responseBody: identity } = await registry.get(id);
  return identity.cloudToDeviceMessageCount;
}

main(async () => {
  const id = 'http-node';
  const { responseBody: identity } = await registry.create({ deviceId: id });
  const key = identity.authentication.symmetricKey.primaryKey;
  const host = parts(hub).HostName;
  const connectionString = (secret) => `HostName=${host};DeviceId=${id};SharedAccessKey=${secret}`;
  const client = Client.fromConnectionString(connectionString(key), Http);
  await client.open();

  await check('a message is sent with its properties', async () => {
    const message = new Message(JSON.stringify({ t: 21.5 }));
    message.messageId = 'm1';
    message.properties.add('alert', 'a b');
    await client.sendEvent(message);
  });

  await check('messages are sent in one request', async () => {
    const messages = ['one', 'two'].map((text) => {
      const message = new Message(text);
      message.properties.add('text', text);
      return message;
    });
    await client.sendEventBatch(messages);
  });

  await client.setOptions({ interval: 0.1, drain: false });
  const receive = () => next(client, 'message');

  await check('a message is received with its properties, and completed', async () => {
    const received = receive();
    await send(id, { 'iothub-messageid': 'c1', 'iothub-correlationid': 'c', 'iothub-app-fan': 'on' }, 'hello');
    const message = await received;
    assert.strictEqual(message.getData().toString(), 'hello');
    assert.strictEqual(message.messageId, 'c1');
    assert.strictEqual(message.correlationId, 'c');
    assert.strictEqual(message.to, `/devices/${id}/messages/deviceBound`);
    assert.strictEqual(message.properties.getValue('iothub-app-fan'), 'on');
    await client.complete(message);
    assert.strictEqual(await waiting(id), 0);
  });

  await check('an abandoned message comes again, and a rejected one does not', async () => {
    let received = receive();
    await send(id, { 'iothub-messageid': 'c2' }, 'again');
    const first = await received;
    received = receive();
    await client.abandon(first);
    const second = await received;
    assert.strictEqual(second.messageId, 'c2');
    assert.notStrictEqual(second.lockToken, first.lockToken);
    await client.reject(second);
    assert.strictEqual(await waiting(id), 0);
  });

  await check('a message whose lock is gone cannot be completed', async () => {
    const received = receive();
    await send(id, {}, 'once');
    const message = await received;
    await client.complete(message);
    await assert.rejects(client.complete(message), (error) => error.response.statusCode === 412);
  });

  await check('a device with a wrong key is unauthorized', async () => {
    const other = Client.fromConnectionString(connectionString(Buffer.alloc(32, 7).toString('base64')), Http);
    await other.open();
    await assert.rejects(other.sendEvent(new Message('x')), (error) => error.constructor.name === 'UnauthorizedError');
    await other.close();
  });

  await client.close();
});
