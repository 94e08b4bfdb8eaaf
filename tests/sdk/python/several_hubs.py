"""Devices of the same id on several hubs of one process, at once.

usage: python several_hubs.py OWNER_OF_ANOTHER_HUB DEVICE_OF_A_THIRD_BY_A_GATEWAY
"""

import base64
import os
import sys

from azure.iot.device import IoTHubDeviceClient, Message, MethodResponse
from azure.iot.device.exceptions import ClientError
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, Twin, TwinProperties

from facts import Heard, check, done, parts, refusal


class Hub:
    """A hub, its back end, and its device `same`, which no other hub knows."""

    def __init__(self, name, owner, key):
        self.name = name
        self.host = parts(owner)["HostName"]
        self.keys = [base64.b64encode(bytes([key + n]) * 32).decode() for n in (0, 1)]
        self.manager = IoTHubRegistryManager(owner)
        self.manager.create_device_with_sas("same", *self.keys, "enabled")
        self.device = self.client(self.keys[0])
        self.desired = Heard()

    def client(self, key):
        return IoTHubDeviceClient.create_from_connection_string(
            f"HostName={self.host};DeviceId=same;SharedAccessKey={key}"
        )

    def on_method(self, request):
        self.device.send_method_response(
            MethodResponse(request.request_id, 200, {"from": self.name, "got": request.payload})
        )


hubs = [Hub("first", os.environ["IOTHUB_CONNECTION_STRING"], 1), Hub("second", sys.argv[1], 10)]
third = IoTHubDeviceClient.create_from_connection_string(sys.argv[2])


@check("devices of the same id connect to several hubs, and none puts another out")
def _():
    for hub in hubs:
        hub.device.connect()
        hub.device.on_method_request_received = hub.on_method
        hub.device.on_twin_desired_properties_patch_received = hub.desired
    third.connect()
    for hub in hubs:
        assert hub.device.connected
        assert hub.manager.get_twin("same").connection_state == "Connected"


@check("a hub does not let in the key of another")
def _():
    stranger = hubs[0].client(hubs[1].keys[0])
    refusal(ClientError, stranger.connect)
    stranger.shutdown()


@check("each sends to its own hub")
def _():
    for hub in hubs:
        hub.device.send_message(Message(f"to the {hub.name}"))
    third.send_message(Message("to the third"))


@check("twins of the same id are different twins")
def _():
    for hub in hubs:
        hub.device.patch_twin_reported_properties({"hub": hub.name})
        change = Twin(properties=TwinProperties(desired={"wanted": hub.name}))
        hub.manager.update_twin("same", change)
    for hub in hubs:
        heard = hub.desired.first("the notification")
        assert heard == {"wanted": hub.name, "$version": 2}, heard
        assert hub.device.get_twin() == {
            "desired": {"wanted": hub.name, "$version": 2},
            "reported": {"hub": hub.name, "$version": 2},
        }
    assert third.get_twin() == {"desired": {"$version": 1}, "reported": {"$version": 1}}


@check("a method is answered by the device of the hub that was asked")
def _():
    for hub in hubs:
        call = CloudToDeviceMethod(method_name="who", payload=hub.name)
        result = hub.manager.invoke_device_method("same", call)
        assert result.payload == {"from": hub.name, "got": hub.name}, result.payload


for client in [hubs[0].device, hubs[1].device, third]:
    client.shutdown()
done()
