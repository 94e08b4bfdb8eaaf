'use strict';

// The back end of Microsoft's tutorial "Get started with device management (Node.js)": calls `reboot`
// and polls the twin every two seconds until it tells when the device rebooted.
// usage: node reboot_service.js DEVICE

const { Client, Registry } = require('azure-iothub');
const { fact } = require('./facts');

const connectionString = process.env.IOTHUB_CONNECTION_STRING;
const registry = Registry.fromConnectionString(connectionString);
const client = Client.fromConnectionString(connectionString);
const device = process.argv[2];

// `timeoutInSeconds` is not a field of the service; the tutorial sends it all the same.
const call = { methodName: 'reboot', payload: null, timeoutInSeconds: 30 };

// The device's subscription may still be on its way when it says it is ready.
function startReboot(triesLeft) {
  client.invokeDeviceMethod(device, call, (error, result) => {
    if (error && triesLeft > 0 && /DeviceNotOnline|404103/.test(error.responseBody)) {
      setTimeout(startReboot, 100, triesLeft - 1);
      return;
    }
    if (error) {
      fact('method failed', `${error.constructor.name}: ${error.message} ${error.responseBody}`);
      process.exit(1);
    }
    fact('method result', result);
  });
}

function showLastReboot() {
  registry.getTwin(device, (error, twin) => {
    if (error) {
      fact('twin failed', `${error.constructor.name}: ${error.message}`);
      process.exit(1);
    }
    if (twin.properties.reported.iothubDM) {
      fact('last reboot', twin.properties.reported.iothubDM.reboot.lastReboot);
      process.exit(0);
    }
    fact('waiting');
  });
}

startReboot(50);
setInterval(showLastReboot, 2000);
