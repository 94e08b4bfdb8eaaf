"""The managed device of Microsoft's tutorial "Get started with device management (Python)".

The method `rebootDevice` takes 20 seconds, reports when the device rebooted, and answers only then.
Runs until it is stopped.
"""

import datetime
import os
import time

from azure.iot.device import IoTHubDeviceClient, MethodResponse

from facts import fact


def main():
    client = IoTHubDeviceClient.create_from_connection_string(os.environ["DEVICE_CONNECTION_STRING"])

    def on_method(request):
        fact("method", {"name": request.name, "payload": request.payload})
        if request.name == "rebootDevice":
            time.sleep(20)
            reboot_time = str(datetime.datetime.now())
            client.patch_twin_reported_properties({"rebootTime": reboot_time})
            fact("reported", reboot_time)
            answer = (200, {"Response": "This is the response from the device"})
        else:
            answer = (404, {"Response": "Unknown method"})
        client.send_method_response(MethodResponse(request.request_id, *answer))
        fact("answered", answer[0])

    # Setting the handler connects and subscribes.
    client.on_method_request_received = on_method
    fact("ready")
    while True:
        time.sleep(1000)


main()
