'use strict';

// The managed device of Microsoft's tutorial "Get started with device management (Node.js)": answers
// the method `reboot` at once, then reports when it rebooted. Runs until it is stopped.
// usage: node reboot_device.js mqtt|ws

const { Client } = require('azure-iot-device');
const { Mqtt, MqttWs } = require('azure-iot-device-mqtt');
const { fact } = require('./facts');

const transport = process.argv[2] === 'ws' ? MqttWs : Mqtt;
const client = Client.fromConnectionString(process.env.DEVICE_CONNECTION_STRING, transport);

function onReboot(request, response) {
  fact('method', { name: request.methodName, payload: request.payload });
  response.send(200, 'Reboot started', (error) => {
    fact('answered', error ? error.toString() : 'ok');
  });

  const patch = { iothubDM: { reboot: { lastReboot: new Date().toISOString() } } };
  client.getTwin((error, twin) => {
    if (error) return fact('twin', error.toString());
    return twin.properties.reported.update(patch, (failure) => {
      fact('reported', failure ? failure.toString() : patch.iothubDM.reboot.lastReboot);
    });
  });
}

client.open((error) => {
  if (error) {
    fact('could not open', error.toString());
    process.exit(1);
  }
  client.onDeviceMethod('reboot', onReboot);
  fact('ready');
});
