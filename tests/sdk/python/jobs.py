"""Scheduled jobs as azure-iot-hub's IoTHubJobManager makes and follows them, on a device of
azure-iot-device."""

import datetime
import os

from azure.iot.device import IoTHubDeviceClient, MethodResponse
from azure.iot.hub import IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import CloudToDeviceMethod, JobRequest, Twin, TwinProperties
from msrest.exceptions import HttpOperationError

from facts import Heard, check, done, eventually, parts, refusal

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
jobs = IoTHubJobManager(HUB)
registry = IoTHubRegistryManager(HUB)
CONDITION = "deviceId IN ['job-py']"


def ended(job_id):
    """The job when it has ended."""

    def ask():
        job = jobs.get_scheduled_job(job_id)
        return job if job.status in ("completed", "failed", "cancelled") else None

    return eventually(f"the end of {job_id}", ask, 30.0)


def connect():
    identity = registry.create_device_with_sas("job-py", "", "", "enabled")
    key = identity.authentication.symmetric_key.primary_key
    host = parts(HUB)["HostName"]
    client = IoTHubDeviceClient.create_from_connection_string(
        f"HostName={host};DeviceId=job-py;SharedAccessKey={key}"
    )

    def on_method(request):
        answer = MethodResponse(request.request_id, 200, {"rebooted": request.payload})
        client.send_method_response(answer)

    client.on_method_request_received = on_method
    desired = Heard()
    client.on_twin_desired_properties_patch_received = desired
    return client, desired


client, desired = connect()


@check("a method job reboots the device and is completed")
def _():
    request = JobRequest()
    request.job_id = "reboot-py"
    request.type = "scheduleDeviceMethod"
    # As Microsoft's sample sends it: the local time without an offset.
    request.start_time = datetime.datetime.utcnow().isoformat()
    request.max_execution_time_in_seconds = 60
    request.query_condition = CONDITION
    request.cloud_to_device_method = CloudToDeviceMethod(
        method_name="reboot", payload={"now": True}, response_timeout_in_seconds=15
    )
    made = jobs.create_scheduled_job("reboot-py", request)
    assert made.status == "queued", made
    job = ended("reboot-py")
    assert job.status == "completed", job
    assert job.device_job_statistics.succeeded_count == 1, job
    assert job.start_time and job.end_time and job.created_time


@check("a twin job reaches the device and is completed")
def _():
    request = JobRequest()
    request.job_id = "twin-py"
    request.type = "scheduleUpdateTwin"
    request.query_condition = "*"
    request.update_twin = Twin(
        etag="*", tags={"job": "py"}, properties=TwinProperties(desired={"interval": 7})
    )
    jobs.create_scheduled_job("twin-py", request)
    assert ended("twin-py").status == "completed"
    assert registry.get_twin("job-py").tags == {"job": "py"}
    assert desired.first("the desired change")["interval"] == 7


@check("a condition that is no condition fails the job, and says where")
def _():
    request = JobRequest()
    request.type = "scheduleUpdateTwin"
    request.query_condition = "SELECT * FROM devices"
    request.update_twin = Twin(etag="*", tags={})
    jobs.create_scheduled_job("bad-py", request)
    job = ended("bad-py")
    assert job.status == "failed" and "parse failed" in job.failure_reason, job


@check("a job in the future is cancelled, and one that is over is not")
def _():
    request = JobRequest()
    request.type = "scheduleUpdateTwin"
    request.query_condition = "*"
    request.update_twin = Twin(etag="*", tags={})
    later = datetime.datetime.utcnow() + datetime.timedelta(hours=1)
    request.start_time = later.isoformat()
    jobs.create_scheduled_job("later-py", request)
    jobs.cancel_scheduled_job("later-py")
    assert jobs.get_scheduled_job("later-py").status == "cancelled"
    error = refusal(HttpOperationError, lambda: jobs.cancel_scheduled_job("twin-py"))
    assert error.response.status_code == 405, error.response.text


@check("an unknown job is unknown")
def _():
    job = jobs.get_scheduled_job("never-made")
    assert (job.status, job.type) == ("unknown", "unknown"), job


client.shutdown()
done()
