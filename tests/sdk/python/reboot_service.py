"""The back end of Microsoft's tutorial "Get started with device management (Python)".

Calls `rebootDevice`, which answers after some 20 of its 30 seconds, then polls the twin every five
seconds until it tells when the device rebooted.
usage: python reboot_service.py DEVICE
"""

import os
import sys
import time

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod

from facts import fact

manager = IoTHubRegistryManager(os.environ["IOTHUB_CONNECTION_STRING"])
device = sys.argv[1]

unknown = CloudToDeviceMethod(method_name="dance")
refused = manager.invoke_device_method(device, unknown)
fact("unknown method", {"status": refused.status, "payload": refused.payload})

# The payload is a JSON string that holds JSON, as the tutorial has it.
reboot = CloudToDeviceMethod(method_name="rebootDevice", payload='{"method_number":"42"}')
result = manager.invoke_device_method(device, reboot)
fact("method result", {"status": result.status, "payload": result.payload})

for _ in range(10):
    reboot_time = manager.get_twin(device).properties.reported.get("rebootTime")
    if reboot_time is not None:
        fact("last reboot", reboot_time)
        sys.exit(0)
    fact("waiting")
    time.sleep(5)
fact("gave up")
sys.exit(1)
