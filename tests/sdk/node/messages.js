'use strict';

// Messages to a device of azure-iot-device, with all their properties.

const assert = require('assert');
const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');
const { Registry } = require('azure-iothub');
const { check, main, next, parts } = require('./facts');

const hub = process.env.IOTHUB_CONNECTION_STRING;
const registry = Registry.fromConnectionString(hub);

/** Over HTTP, as IoT Explorer does; the SDK itself sends over AMQP. */
function send(id, headers, body) {
  const path = `/devices/${id}/messages/deviceBound?api-version=2021-04-12`;
  return new Promise((resolve, reject) => {
    registry._restApiClient.executeApiCall('POST', path, headers, body, (error) => {
      if (error) reject(error);
      else resolve();
    });
  });
}

main(async () => {
  const { responseBody: identity } = await registry.create({ deviceId: 'c2d-node' });
  const key = identity.authentication.symmetricKey.primaryKey;
  const host = parts(hub).HostName;
  const client = Client.fromConnectionString(`HostName=${host};DeviceId=c2d-node;SharedAccessKey=${key}`, Mqtt);
  await client.open();

  await check('a message arrives with all its properties, and their names as they were written', async () => {
    const received = next(client, 'message');
    await send(
      'c2d-node',
      {
        'iothub-messageid': 'm 1',
        'iothub-correlationid': 'c/1',
        'iothub-userid': 'u',
        'iothub-ack': 'Full',
        'Content-Type': 'text/plain; charset=utf-8',
        'Content-Encoding': 'utf-8',
        'iothub-app-fanSpeed': 'a&b=c/d e',
        'iothub-app-UPPER_x': '1',
      },
      'hello'
    );
    const message = await received;
    assert.strictEqual(message.getData().toString(), 'hello');
    assert.strictEqual(message.messageId, 'm 1');
    assert.strictEqual(message.correlationId, 'c/1');
    assert.strictEqual(message.userId, 'u');
    assert.strictEqual(message.contentType, 'text/plain; charset=utf-8');
    assert.strictEqual(message.contentEncoding, 'utf-8');
    const properties = message.properties.propertyList.map(({ key: name, value }) => [name, value]);
    // This SDK knows `iothub-ack` as a property like any other.
    assert.deepStrictEqual(properties, [
      ['iothub-ack', 'full'],
      ['fanSpeed', 'a&b=c/d e'],
      ['UPPER_x', '1'],
    ]);
    await client.complete(message);
  });

  await client.close();
});
