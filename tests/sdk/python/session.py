"""A device's life on azure-iot-device: twin, methods, messages, over TCP or WebSocket.

usage: python session.py mqtt|ws
"""

import base64
import os
import sys

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from facts import Heard, check, done, eventually, parts

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
HOST = parts(HUB)["HostName"]
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
manager = IoTHubRegistryManager(HUB)
manager.create_device_with_sas("life", *KEYS, "enabled")
device = IoTHubDeviceClient.create_from_connection_string(
    f"HostName={HOST};DeviceId=life;SharedAccessKey={KEYS[0]}", websockets=sys.argv[1:] == ["ws"]
)


def change(values):
    return manager.update_twin("life", Twin(properties=TwinProperties(desired=values)))


@check("a device connects and the twin says so")
def _():
    device.connect()
    twin = manager.get_twin("life")
    assert twin.connection_state == "Connected", twin.connection_state
    assert not twin.last_activity_time.year == 1


@check("telemetry with properties is taken")
def _():
    message = Message('{"t":21.5}', message_id="m 1", content_type="application/json")
    message.custom_properties["alert"] = "a&b=c/d é"
    device.send_message(message)


@check("a device reads its twin without what is not its own")
def _():
    assert device.get_twin() == {"desired": {"$version": 1}, "reported": {"$version": 1}}


@check("reported properties are merged")
def _():
    device.patch_twin_reported_properties({"a": {"b": 1, "c": 2}, "gone": 1})
    device.patch_twin_reported_properties({"a": {"b": None}, "gone": None, "list": [1, "x"]})
    assert device.get_twin()["reported"] == {"a": {"c": 2}, "list": [1, "x"], "$version": 3}
    reported = manager.get_twin("life").properties.reported
    assert reported["a"] == {"c": 2} and reported["$version"] == 3


@check("a device hears of changed desired properties")
def _():
    heard = Heard()
    device.on_twin_desired_properties_patch_received = heard
    change({"interval": 5, "mode": "x"})
    patch = heard.first("the notification")
    assert patch == {"interval": 5, "mode": "x", "$version": 2}, patch
    change({"mode": None})
    patch = heard.first("the removal", lambda patch: patch["$version"] == 3)
    assert patch == {"mode": None, "$version": 3}, patch


@check("a call sees what the device reported before its answer")
def _():
    def on_method(request):
        device.patch_twin_reported_properties({"calls": request.payload})
        device.send_method_response(MethodResponse(request.request_id, 200, request.payload))

    device.on_method_request_received = on_method
    for payload in (1, "two", {"three": [3]}):
        call = CloudToDeviceMethod(method_name="note", payload=payload)
        result = manager.invoke_device_method("life", call)
        assert (result.status, result.payload) == (200, payload), result
        assert manager.get_twin("life").properties.reported["calls"] == payload


@check("a device that reconnects still hears")
def _():
    device.disconnect()
    assert not device.connected
    eventually("the state", lambda: manager.get_twin("life").connection_state == "Disconnected")
    device.connect()
    call = CloudToDeviceMethod(method_name="note", payload="again", connect_timeout_in_seconds=5)
    assert manager.invoke_device_method("life", call).payload == "again"


device.shutdown()
done()
