"""Automatic device configurations as a back end on azure-iot-hub meets them, and a device that hears."""

import base64
import os

from azure.iot.device import IoTHubDeviceClient
from azure.iot.hub import IoTHubConfigurationManager, IoTHubRegistryManager
from azure.iot.hub.models import (
    Configuration,
    ConfigurationContent,
    ConfigurationMetrics,
    ConfigurationQueriesTestInput,
    Twin,
)
from msrest.exceptions import HttpOperationError

from facts import Heard, check, done, eventually, parts, refusal

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
HOST = parts(HUB)["HostName"]
KEYS = [base64.b64encode(bytes([n]) * 32).decode() for n in (1, 2)]
manager = IoTHubConfigurationManager(HUB)
registry = IoTHubRegistryManager(HUB)
registry.create_device_with_sas("pump", *KEYS, "enabled")
device = IoTHubDeviceClient.create_from_connection_string(
    f"HostName={HOST};DeviceId=pump;SharedAccessKey={KEYS[0]}"
)
heard = Heard()
device.on_twin_desired_properties_patch_received = heard
device.connect()


def configuration(priority, etag=None):
    return Configuration(
        id="pumps",
        schema_version="1.0",
        priority=priority,
        content=ConfigurationContent(device_content={"properties.desired.pump": {"rate": 7}}),
        target_condition="tags.kind = 'pump'",
        metrics=ConfigurationMetrics(queries={"all": "SELECT * FROM devices"}),
        etag=etag,
    )


def refused(status, call):
    error = refusal(HttpOperationError, call)
    assert error.response.status_code == status, (error.response.status_code, error.response.text)
    return error.response


@check("a configuration is created once")
def _():
    made = manager.create_configuration(configuration(1))
    assert made.etag == "MQ==" and made.created_time_utc.year > 2000
    answer = refused(409, lambda: manager.create_configuration(configuration(1)))
    assert answer.headers["iothub-errorcode"] == "ConfigurationAlreadyExists"


@check("a device that comes to be targeted hears of its desired properties")
def _():
    registry.update_twin("pump", Twin(tags={"kind": "pump"}))
    patch = heard.first("the notification")
    assert patch == {"pump": {"rate": 7}, "$version": 2}, patch


@check("a configuration is read with its metrics")
def _():
    def counted():
        read = manager.get_configuration("pumps")
        counts = read.system_metrics.results
        return counts.get("appliedCount") == 1 and read.metrics.results.get("all") == 1

    eventually("the metrics", counted)
    assert [one.id for one in manager.get_configurations()] == ["pumps"]


@check("a configuration is updated under its etag, quoted or not")
def _():
    read = manager.get_configuration("pumps")
    updated = manager.update_configuration(configuration(2), read.etag)
    assert (updated.priority, updated.etag) == (2, "Mg==")
    refused(412, lambda: manager.update_configuration(configuration(3), f'"{read.etag}"'))
    assert manager.update_configuration(configuration(3), '"*"').priority == 3


@check("queries are tested without writing")
def _():
    test = ConfigurationQueriesTestInput(
        target_condition="tags.kind =", custom_metric_queries={"bad": "SELEC", "good": "SELECT * FROM devices"}
    )
    result = manager.test_configuration_queries(test)
    assert result.target_condition_error and list(result.custom_metric_query_errors) == ["bad"]


@check("a configuration is deleted, and the twin keeps its values")
def _():
    manager.delete_configuration("pumps")
    refused(404, lambda: manager.get_configuration("pumps"))
    assert registry.get_twin("pump").properties.desired["pump"] == {"rate": 7}


device.shutdown()
done()
