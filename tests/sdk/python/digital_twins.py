"""Plug and Play: azure-iot-hub's DigitalTwinClient, on a device of azure-iot-device that has a model."""

import os

from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub import DigitalTwinClient, IoTHubRegistryManager
from msrest.exceptions import HttpOperationError

from facts import Heard, check, done, eventually, parts, refusal

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
MODEL = "dtmi:com:example:TemperatureController;1"
registry = IoTHubRegistryManager(HUB)
twins = DigitalTwinClient.from_connection_string(HUB)


def connect():
    identity = registry.create_device_with_sas("pnp-py", "", "", "enabled")
    key = identity.authentication.symmetric_key.primary_key
    host = parts(HUB)["HostName"]
    client = IoTHubDeviceClient.create_from_connection_string(
        f"HostName={host};DeviceId=pnp-py;SharedAccessKey={key}", product_info=MODEL
    )

    def on_method(request):
        payload = {"was": request.name, "with": request.payload}
        answer = MethodResponse(request.request_id, 202, payload)
        client.send_method_response(answer)

    client.on_method_request_received = on_method
    desired = Heard()
    client.on_twin_desired_properties_patch_received = desired
    client.patch_twin_reported_properties(
        {"serialNumber": "s1", "thermostat1": {"__t": "c", "maxTemp": 25.5}}
    )
    return client, desired


client, desired = connect()


@check("a digital twin shows the model, properties and components")
def _():
    twin = twins.get_digital_twin("pnp-py")
    assert twin["$dtId"] == "pnp-py", twin
    assert twin["$metadata"]["$model"] == MODEL, twin
    assert twin["serialNumber"] == "s1", twin
    assert twin["thermostat1"]["maxTemp"] == 25.5, twin
    assert "lastUpdateTime" in twin["thermostat1"]["$metadata"]["maxTemp"], twin


@check("a patch reaches the device as a desired property of its component")
def _():
    patch = [{"op": "add", "path": "/thermostat1/targetTemperature", "value": 42}]
    twins.update_digital_twin("pnp-py", patch)
    heard = desired.first("the desired property", lambda patch: "thermostat1" in patch)
    assert heard["thermostat1"] == {"__t": "c", "targetTemperature": 42}, heard
    acknowledged = {"value": 42, "ac": 200, "ad": "ok", "av": heard["$version"]}
    client.patch_twin_reported_properties(
        {"thermostat1": {"__t": "c", "targetTemperature": acknowledged}}
    )

    def ask():
        component = twins.get_digital_twin("pnp-py")["thermostat1"]
        return component if "targetTemperature" in component else None

    component = eventually("the acknowledgement", ask)
    assert component["targetTemperature"] == 42, component
    about = component["$metadata"]["targetTemperature"]
    assert (about["desiredValue"], about["ackCode"], about["ackDescription"]) == (42, 200, "ok")
    assert about["desiredVersion"] == about["ackVersion"] == heard["$version"], about


@check("a patch under a stale etag, or of nothing, is refused")
def _():
    patch = [{"op": "add", "path": "/a", "value": 1}]
    error = refusal(
        HttpOperationError, lambda: twins.update_digital_twin("pnp-py", patch, '"stale"')
    )
    assert error.response.status_code == 412, error
    nothing = [{"op": "remove", "path": "/nothing"}]
    error = refusal(HttpOperationError, lambda: twins.update_digital_twin("pnp-py", nothing))
    assert error.response.status_code == 400, error


@check("commands of the root and of a component reach the device, and its answer comes back")
def _():
    answer = twins.invoke_command("pnp-py", "reboot", 5)
    assert answer == {"was": "reboot", "with": 5}, answer
    answer = twins.invoke_component_command("pnp-py", "thermostat1", "getReport", {"since": "x"})
    assert answer == {"was": "thermostat1*getReport", "with": {"since": "x"}}, answer
    raw = twins.protocol.digital_twin.invoke_root_level_command("pnp-py", "reboot", 5, raw=True)
    assert raw.response.headers["x-ms-command-statuscode"] == "202", raw.response.headers


client.shutdown()
done()
