"""A device on Microsoft's Python SDK that reboots as the built-in behaviour `reboot` does.

    pip install azure-iot-device
"""

import os
import queue
import time

from azure.iot.device import IoTHubDeviceClient, MethodResponse


def report(client, **reboot):
    client.patch_twin_reported_properties({"iothubDM": {"reboot": reboot}})


def main():
    connection_string = os.environ["IOTHUB_DEVICE_CONNECTION_STRING"]
    client = IoTHubDeviceClient.create_from_connection_string(connection_string)
    calls = queue.Queue()
    client.on_method_request_received = calls.put
    client.connect()
    print("ready", flush=True)
    while True:
        call = calls.get()
        if call.name != "reboot":
            client.send_method_response(MethodResponse(call.request_id, 404, None))
            continue
        client.send_method_response(MethodResponse(call.request_id, 200, "Reboot started"))
        report(client, status="rebooting")
        client.disconnect()
        time.sleep(1)
        client.connect()
        report(client, status="booted")


main()
