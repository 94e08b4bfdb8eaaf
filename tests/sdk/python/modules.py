"""Modules, Edge devices, certificates, bulk and counts as a back end and a module on the Python SDKs meet them."""

import base64
import os

from azure.iot.device import IoTHubDeviceClient, IoTHubModuleClient, Message, MethodResponse
from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import (
    AuthenticationMechanism,
    CloudToDeviceMethod,
    ExportImportDevice,
    SymmetricKey,
    Twin,
    TwinProperties,
)
from msrest.exceptions import HttpOperationError

from facts import Heard, check, done, eventually, parts, refusal

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
HOST = parts(HUB)["HostName"]
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
# The SDK takes a product that is a model's name for that.
MODEL = "dtmi:com:example:Camera;1"
manager = IoTHubRegistryManager(HUB)
manager.create_device_with_sas("host", *KEYS, "enabled")


def refused(status, call):
    """The body of the answer with that status that `call` must end in."""
    error = refusal(HttpOperationError, call)
    assert error.response.status_code == status, (error.response.status_code, error.response.text)
    return error.response


def invoked(call):
    try:
        return manager.invoke_device_module_method("host", "camera", call)
    except HttpOperationError as error:
        assert "404103" in error.response.text, error.response.text
        return None


@check("modules are created, read, listed and guarded by their etag")
def _():
    made = manager.create_module_with_sas("host", "camera", "me", *KEYS)
    assert (made.module_id, made.device_id, made.managed_by) == ("camera", "host", "me")
    assert made.authentication.symmetric_key.primary_key == KEYS[0]
    manager.create_module_with_sas("host", "valve", "", "", "")
    refused(409, lambda: manager.create_module_with_sas("host", "camera", "me", *KEYS))
    assert {module.module_id for module in manager.get_modules("host")} == {"camera", "valve"}
    read = manager.get_module("host", "camera")
    changed = manager.update_module_with_sas("host", "camera", "you", read.etag, *KEYS[::-1])
    assert changed.managed_by == "you" and changed.etag != read.etag
    refused(412, lambda: manager.update_module_with_sas("host", "camera", "me", read.etag, *KEYS))
    manager.update_module_with_sas("host", "camera", "me", changed.etag, *KEYS)
    manager.delete_module("host", "valve")
    refused(404, lambda: manager.get_module("host", "valve"))


module = IoTHubModuleClient.create_from_connection_string(
    f"HostName={HOST};DeviceId=host;ModuleId=camera;SharedAccessKey={KEYS[0]}"
)


@check("a module connects with its connection string, and its device stays offline")
def _():
    module.connect()
    assert manager.get_module("host", "camera").connection_state == "Connected"
    assert manager.get_device("host").connection_state == "Disconnected"


@check("a module's twin goes both ways, apart from its device's")
def _():
    heard = Heard()
    module.on_twin_desired_properties_patch_received = heard
    module.patch_twin_reported_properties({"fps": 30})
    twin = manager.get_module_twin("host", "camera")
    assert twin.properties.reported["fps"] == 30 and twin.module_id == "camera", twin
    change = Twin(properties=TwinProperties(desired={"fps": 25}), tags={"lens": "wide"})
    changed = manager.update_module_twin("host", "camera", change, twin.etag)
    assert changed.tags == {"lens": "wide"}
    patch = heard.first("the notification")
    assert patch == {"fps": 25, "$version": 2}, patch
    assert module.get_twin()["desired"] == {"fps": 25, "$version": 2}
    assert "fps" not in manager.get_twin("host").properties.reported


@check("a module answers a direct method")
def _():
    def on_method(request):
        module.send_method_response(MethodResponse(request.request_id, 200, {"was": request.payload}))

    module.on_method_request_received = on_method
    call = CloudToDeviceMethod(method_name="focus", payload={"distance": 2})
    answer = eventually("the subscription", lambda: invoked(call))
    assert (answer.status, answer.payload) == (200, {"was": {"distance": 2}}), answer
    error = refused(404, lambda: manager.invoke_device_method("host", call))
    assert "404103" in error.text, error.text


@check("a module sends telemetry")
def _():
    module.send_message(Message('{"fps":25}', content_type="application/json"))


@check("a module that is deleted loses its connection")
def _():
    manager.delete_module("host", "camera")
    eventually("the end of the link", lambda: not module.connected)
    refused(404, lambda: manager.get_module_twin("host", "camera"))


module.shutdown()


@check("an Edge device has system modules, and a child in its scope")
def _():
    edge = manager.create_device_with_sas("edge", *KEYS, "enabled", iot_edge=True)
    assert edge.capabilities.iot_edge and edge.device_scope.startswith("ms-azure-iot-edge://edge-")
    assert {module.module_id for module in manager.get_modules("edge")} == {"$edgeAgent", "$edgeHub"}
    child = manager.create_device_with_sas("leaf", *KEYS, "enabled", device_scope=edge.device_scope)
    assert child.device_scope == edge.device_scope and child.parent_scopes == [edge.device_scope]
    nested = manager.create_device_with_sas(
        "edge-2", *KEYS, "enabled", iot_edge=True, parent_scopes=[edge.device_scope]
    )
    assert nested.parent_scopes == [edge.device_scope] and nested.device_scope != edge.device_scope


@check("identities with certificates are kept")
def _():
    prints = ["A" * 40, "b" * 64]
    manager.create_device_with_x509("thumb", *prints, "enabled")
    read = manager.get_device("thumb").authentication
    kept = [read.x509_thumbprint.primary_thumbprint, read.x509_thumbprint.secondary_thumbprint]
    assert read.type == "selfSigned" and kept == prints, kept
    manager.create_device_with_certificate_authority("authority", "enabled")
    assert manager.get_device("authority").authentication.type == "certificateAuthority"
    manager.create_module_with_x509("host", "seen", "", *prints)
    assert manager.get_module("host", "seen").authentication.type == "selfSigned"


@check("devices are created and removed in bulk, row by row")
def _():
    def rows(mode, count=3):
        keys = AuthenticationMechanism(
            type="sas", symmetric_key=SymmetricKey(primary_key=KEYS[0], secondary_key=KEYS[1])
        )
        return [
            ExportImportDevice(id=f"bulk-{n}", import_mode=mode, status="enabled", authentication=keys)
            for n in range(count)
        ]

    made = manager.bulk_create_or_update_devices(rows("create"))
    assert made.is_successful and not made.errors, made
    told = manager.bulk_create_or_update_devices(rows("create", 4))
    assert not told.is_successful
    assert sorted(row.device_id for row in told.errors) == ["bulk-0", "bulk-1", "bulk-2"], told
    assert manager.get_device("bulk-3").device_id == "bulk-3"
    assert manager.bulk_create_or_update_devices(rows("delete", 4)).is_successful
    refused(404, lambda: manager.get_device("bulk-0"))


@check("a device tells its model, and its twin has it")
def _():
    device = IoTHubDeviceClient.create_from_connection_string(
        f"HostName={HOST};DeviceId=host;SharedAccessKey={KEYS[0]}", product_info=MODEL
    )
    device.connect()
    assert manager.get_twin("host").additional_properties["modelId"] == MODEL
    assert manager.get_service_statistics().connected_device_count == 1
    device.shutdown()


@check("devices are counted")
def _():
    manager.create_device_with_sas("off", *KEYS, "disabled")
    counts = manager.get_device_registry_statistics()
    assert counts.total_device_count == counts.enabled_device_count + 1 == 7, counts
    assert counts.disabled_device_count == 1


done()
