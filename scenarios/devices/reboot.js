'use strict';

// A device on Microsoft's Node.js SDK that reboots as the built-in behaviour `reboot` does.
//
//   npm install azure-iot-device azure-iot-device-mqtt

const { Client } = require('azure-iot-device');
const { Mqtt } = require('azure-iot-device-mqtt');

const connectionString = process.env.IOTHUB_DEVICE_CONNECTION_STRING;
const pause = (ms) => new Promise((resolve) => { setTimeout(resolve, ms); });

async function report(client, status) {
  const twin = await client.getTwin();
  await new Promise((resolve, reject) => {
    const patch = { iothubDM: { reboot: { status } } };
    twin.properties.reported.update(patch, (error) => (error ? reject(error) : resolve()));
  });
}

// A client that was closed is not opened again: after a reboot there would be another process.
async function boot() {
  const client = Client.fromConnectionString(connectionString, Mqtt);
  await client.open();
  client.onDeviceMethod('reboot', (request, response) => {
    reboot(client, response).catch(fail);
  });
  return client;
}

async function reboot(client, response) {
  await response.send(200, 'Reboot started');
  await report(client, 'rebooting');
  await client.close();
  await pause(1000);
  await report(await boot(), 'booted');
}

function fail(error) {
  console.error(error);
  process.exit(1);
}

boot().then(() => console.log('ready'), fail);
