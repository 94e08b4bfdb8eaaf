"""A back end as small as can be: asks the hub which devices there are, and reboots each of them.

Needs Python 3 alone. Any back end is put to the test in the same way: it finds the hub in
IOTHUB_CONNECTION_STRING, as it would find one in Azure, and trusts it by SSL_CERT_FILE.
"""

import base64
import hashlib
import hmac
import json
import os
import sys
import time
import urllib.parse
import urllib.request

parts = dict(part.split("=", 1) for part in os.environ["IOTHUB_CONNECTION_STRING"].split(";"))
HOST, POLICY = parts["HostName"], parts["SharedAccessKeyName"]
KEY = base64.b64decode(parts["SharedAccessKey"])


def token():
    """As in "Control access to IoT Hub by using shared access signatures"."""
    expiry = int(time.time()) + 600
    signature = hmac.new(KEY, f"{HOST}\n{expiry}".encode(), hashlib.sha256).digest()
    signature = urllib.parse.quote(base64.b64encode(signature), safe="")
    return f"SharedAccessSignature sr={HOST}&sig={signature}&se={expiry}&skn={POLICY}"


def post(path, body):
    request = urllib.request.Request(
        f"https://{HOST}{path}?api-version=2021-04-12",
        json.dumps(body).encode(),
        {"Authorization": token(), "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=40) as answer:
        return json.load(answer)


devices = post("/devices/query", {"query": "SELECT * FROM devices"})
for device in devices:
    name = urllib.parse.quote(device["deviceId"], safe="")
    call = {"methodName": "reboot", "payload": None, "responseTimeoutInSeconds": 30}
    answer = post(f"/twins/{name}/methods", call)
    if answer["status"] != 200:
        sys.exit(f"{device['deviceId']} answered {answer['status']}")
print(f"{len(devices)} devices told to reboot")
