"""Identities, twins and queries as a back end on azure-iot-hub meets them."""

import base64
import os

from azure.iot.hub import IoTHubRegistryManager
from azure.iot.hub.models import QuerySpecification, Twin, TwinProperties
from msrest.exceptions import HttpOperationError

from facts import check, done, refusal

manager = IoTHubRegistryManager(os.environ["IOTHUB_CONNECTION_STRING"])
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]


def refused(status, call):
    """The body of the answer with that status that `call` must end in."""
    error = refusal(HttpOperationError, call)
    assert error.response.status_code == status, (error.response.status_code, error.response.text)
    return error.response


def desired(values, tags=None):
    return Twin(tags=tags, properties=TwinProperties(desired=values))


@check("a device is created with the caller's keys")
def _():
    made = manager.create_device_with_sas("py-1", *KEYS, "enabled")
    assert made.device_id == "py-1" and made.status == "enabled"
    keys = made.authentication.symmetric_key
    assert [keys.primary_key, keys.secondary_key] == KEYS
    assert made.authentication.type == "sas" and not made.capabilities.iot_edge


@check("a device is created with keys of the hub")
def _():
    made = manager.create_device_with_sas("py-2", "", "", "disabled", status_reason="spare")
    assert len(base64.b64decode(made.authentication.symmetric_key.primary_key)) == 32
    assert (made.status, made.status_reason) == ("disabled", "spare")


@check("a device is not created twice")
def _():
    answer = refused(409, lambda: manager.create_device_with_sas("py-1", *KEYS, "enabled"))
    assert answer.headers["iothub-errorcode"] == "DeviceAlreadyExists", answer.headers
    assert answer.reason == "Conflict"


@check("a device is updated under its etag")
def _():
    read = manager.get_device("py-1")
    changed = manager.update_device_with_sas("py-1", read.etag, *KEYS[::-1], "disabled")
    assert changed.etag != read.etag and changed.status == "disabled"
    refused(412, lambda: manager.update_device_with_sas("py-1", read.etag, *KEYS, "enabled"))
    again = manager.update_device_with_sas("py-1", None, *KEYS, "enabled")
    assert again.status == "enabled"


@check("devices are listed, as many as asked for")
def _():
    assert {device.device_id for device in manager.get_devices()} == {"py-1", "py-2"}
    assert len(manager.get_devices(1)) == 1


@check("a twin is merged, replaced and guarded by its etag")
def _():
    first = manager.get_twin("py-1")
    merged = manager.update_twin("py-1", desired({"a": {"b": 1, "c": [1, 2]}}, {"site": "x"}))
    assert merged.properties.desired["a"] == {"b": 1, "c": [1, 2]}
    assert merged.properties.desired["$version"] == 2 and merged.version == first.version + 1
    refused(412, lambda: manager.update_twin("py-1", desired({"a": 2}), first.etag))
    replaced = manager.replace_twin("py-1", desired({"z": 1}), merged.etag)
    assert "a" not in replaced.properties.desired and replaced.properties.desired["z"] == 1
    assert not replaced.tags


@check("metadata tells when a property changed")
def _():
    metadata = manager.get_twin("py-1").properties.desired["$metadata"]
    assert metadata["z"]["$lastUpdated"].endswith("Z")
    assert metadata["z"]["$lastUpdatedVersion"] == 3, metadata


@check("a twin patch with a forbidden key is refused")
def _():
    refused(400, lambda: manager.update_twin("py-1", desired({"a.b": 1})))


@check("a query finds devices, page by page")
def _():
    for n in range(3):
        manager.create_device_with_sas(f"page-{n}", *KEYS, "enabled")
        manager.update_twin(f"page-{n}", desired({"n": n}, {"fleet": "pages"}))
    query = QuerySpecification(query="SELECT * FROM devices WHERE tags.fleet = 'pages'")
    found, token = [], None
    while True:
        page = manager.query_iot_hub(query, token, 2)
        assert len(page.items) <= 2 and page.type == "Twin"
        found += [twin.device_id for twin in page.items]
        token = page.continuation_token
        if not token:
            break
    assert sorted(found) == ["page-0", "page-1", "page-2"], found


@check("a query compares status and properties")
def _():
    query = "SELECT * FROM devices WHERE status = 'enabled' AND properties.desired.n >= 1"
    page = manager.query_iot_hub(QuerySpecification(query=query), None, 100)
    assert sorted(twin.device_id for twin in page.items) == ["page-1", "page-2"]


@check("a device is deleted, under its etag or whatever it is")
def _():
    refused(412, lambda: manager.delete_device("py-2", "bm90aGluZw=="))
    manager.delete_device("py-2", manager.get_device("py-2").etag)
    manager.delete_device("py-1")
    answer = refused(404, lambda: manager.get_device("py-1"))
    assert answer.headers["iothub-errorcode"] == "DeviceNotFound"
    assert "ErrorCode:DeviceNotFound;" in answer.json()["Message"], answer.text


done()
