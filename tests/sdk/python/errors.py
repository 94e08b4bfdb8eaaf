"""What a user of the Python SDKs meets when something is wrong."""

import base64
import json
import os
import time

from azure.iot.device import IoTHubDeviceClient
from azure.iot.device.exceptions import (
    ClientError,
    ConnectionFailedError,
    CredentialError,
    ServiceError,
)
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod
from msrest.exceptions import HttpOperationError

from facts import Heard, check, done, parts, refusal

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
HOST = parts(HUB)["HostName"]
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
WRONG = base64.b64encode(bytes(32)).decode()
manager = IoTHubRegistryManager(HUB)


def client(device, key):
    text = f"HostName={HOST};DeviceId={device};SharedAccessKey={key}"
    return IoTHubDeviceClient.create_from_connection_string(text, connection_retry=False)


def call(device, name="reboot", **more):
    return manager.invoke_device_method(device, CloudToDeviceMethod(method_name=name, **more))


def refused(status, attempt):
    error = refusal(HttpOperationError, attempt)
    assert error.response.status_code == status, (error.response.status_code, error.response.text)
    return error.response


manager.create_device_with_sas("good", *KEYS, "enabled")


@check("either key of a device is good")
def _():
    for key in KEYS:
        device = client("good", key)
        device.connect()
        assert device.connected
        device.shutdown()


@check("a device with a wrong key is not let in")
def _():
    refusal(CredentialError, client("good", WRONG).connect)


@check("a device that nobody registered is not let in")
def _():
    refusal(CredentialError, client("nobody", WRONG).connect)


@check("a disabled device cannot connect")
def _():
    manager.create_device_with_sas("off", *KEYS, "disabled")
    refusal(ConnectionFailedError, client("off", KEYS[0]).connect)


@check("a device with a token of another device is not let in")
def _():
    manager.create_device_with_sas("other", *[WRONG, KEYS[1]], "enabled")
    refusal(CredentialError, client("other", KEYS[0]).connect)


@check("a device that is disabled while connected loses its connection")
def _():
    device = client("good", KEYS[0])
    changed = Heard()
    device.on_connection_state_change = lambda: changed(device.connected)
    device.connect()
    manager.update_device_with_sas("good", None, *KEYS, "disabled")
    changed.first("the end of the connection", lambda connected: connected is False)
    device.shutdown()
    manager.update_device_with_sas("good", None, *KEYS, "enabled")


@check("a reported patch that breaks a rule is an error, and nothing of it is kept")
def _():
    device = client("good", KEYS[0])
    device.connect()
    patch = {"ok": 1, "a.b": 2}
    error = refusal(ClientError, lambda: device.patch_twin_reported_properties(patch))
    # The SDK wraps what the hub said.
    assert isinstance(error.__cause__, ServiceError), repr(error.__cause__)
    device.patch_twin_reported_properties({"next": 1})
    assert device.get_twin()["reported"] == {"next": 1, "$version": 2}
    device.shutdown()


@check("a method on an unknown device is 404001, on an offline one 404103")
def _():
    for device, code in (("nobody", 404001), ("good", 404103)):
        answer = refused(404, lambda: call(device))
        inner = json.loads(answer.json()["Message"])
        assert inner["errorCode"] == code, inner
        assert answer.reason == "Not Found"


@check("a method that nobody answers ends in 504")
def _():
    device = client("good", KEYS[0])
    asked = Heard()
    device.on_method_request_received = lambda request: asked(request.name)
    began = time.monotonic()
    answer = refused(504, lambda: call("good", response_timeout_in_seconds=5))
    assert 4.5 < time.monotonic() - began < 8
    assert json.loads(answer.json()["Message"])["errorCode"] == 504101
    asked.first("the call")
    device.shutdown()


@check("a method waits for its device as long as the connect time-out")
def _():
    began = time.monotonic()
    refused(404, lambda: call("good", response_timeout_in_seconds=5, connect_timeout_in_seconds=1))
    assert time.monotonic() - began > 0.9


@check("bad arguments of a method are refused")
def _():
    refused(400, lambda: call("good", response_timeout_in_seconds=4))
    refused(400, lambda: call("good", connect_timeout_in_seconds=301))


@check("a back end with a wrong key or an unknown policy is unauthorized")
def _():
    key = parts(HUB)["SharedAccessKey"]
    for policy, key in (("iothubowner", WRONG), ("nobody", key)):
        text = f"HostName={HOST};SharedAccessKeyName={policy};SharedAccessKey={key}"
        answer = refused(401, lambda: IoTHubRegistryManager(text).get_twin("good"))
        assert answer.headers["iothub-errorcode"] == "IotHubUnauthorizedAccess", answer.headers


@check("a call that needs AMQP fails at once and says why")
def _():
    began = time.monotonic()
    error = refusal(Exception, lambda: manager.send_c2d_message("good", "hello"))
    assert "Hubnerite does not implement AMQP yet" in str(error), repr(error)
    assert time.monotonic() - began < 5


done()
