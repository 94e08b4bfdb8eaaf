"""A device and a back end on Microsoft's SDKs, and the hub's own view of them."""

import datetime
import os
from contextlib import contextmanager

import pytest
from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub import IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, JobRequest, Twin, TwinProperties


@contextmanager
def pump(connection_string):
    """The device: answers `reboot`, and reports how it goes."""
    device = IoTHubDeviceClient.create_from_connection_string(connection_string)

    def on_method(request):
        answer = MethodResponse.create_from_method_request(request, 200, "Reboot started")
        device.send_method_response(answer)
        for status in ("rebooting", "booted"):
            device.patch_twin_reported_properties({"status": status})

    device.on_method_request_received = on_method  # connects and subscribes
    try:
        yield device
    finally:
        device.shutdown()


def reboot(device):
    """The back end."""
    back_end = IoTHubRegistryManager(os.environ["IOTHUB_CONNECTION_STRING"])
    call = CloudToDeviceMethod(
        method_name="reboot", connect_timeout_in_seconds=5, response_timeout_in_seconds=10
    )
    return back_end.invoke_device_method(device, call)


def test_a_reboot_is_answered_and_reported(hub):
    with pump(hub.create_device("pump-1")):
        assert reboot("pump-1").payload == "Reboot started"
        hub.wait_for_twins("deviceId = 'pump-1' AND properties.reported.status = 'booted'")
        # The state in between, which no look at the twin would have found.
        hub.verify(type="reported", device="pump-1", where="patch.status=rebooting")
        hub.verify(type="methodAnswered", device="pump-1", count={"exactly": 1})


def test_what_did_not_happen_fails_with_the_nearest_miss(hub):
    with pump(hub.create_device("pump-1")):
        reboot("pump-1")
        hub.wait(type="reported", where="patch.status=booted")
        with pytest.raises(AssertionError, match="patch.status is .*, not \"asleep\""):
            hub.verify(type="reported", where="patch.status=asleep")


def test_two_hubs_know_nothing_of_each_other(hub, other_hub):
    hub.create_device("pump-1")
    other_hub.verify(type="deviceCreated", count={"exactly": 0})
    hub.verify(type="deviceCreated", count={"exactly": 1})


def test_a_job_runs_when_the_clock_says_so(frozen_hub):
    frozen_hub.create_device("pump-1")
    jobs = IoTHubJobManager(frozen_hub.connection_string)
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(minutes=40)
    desired = Twin(properties=TwinProperties(desired={"interval": 5}), etag="*")
    job = JobRequest(
        job_id="later",
        type="scheduleUpdateTwin",
        start_time=at.isoformat(),
        max_execution_time_in_seconds=60,
        query_condition="deviceId = 'pump-1'",
        update_twin=desired,
    )
    jobs.create_scheduled_job("later", job)
    frozen_hub.advance("PT30M")
    assert jobs.get_scheduled_job("later").status == "scheduled"
    frozen_hub.advance("PT15M")
    assert jobs.get_scheduled_job("later").status == "completed"
    frozen_hub.verify(type="desired", device="pump-1", where="patch.interval=5")
