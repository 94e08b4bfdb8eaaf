"""Imports and exports as azure-iot-hub's IoTHubJobManager makes them, as in its sample
iothub_job_manager_import_export_sample.py, with a container written and read by azure-storage-blob.

usage: python import_export.py http://ADDRESS/devstoreaccount1
"""

import json
import os
import sys

from azure.core.exceptions import ResourceExistsError, ResourceNotFoundError
from azure.iot.hub import IoTHubJobManager, IoTHubRegistryManager
from azure.iot.hub.models import JobProperties
from azure.storage.blob import BlobBlock, ContainerClient

from facts import check, done, eventually

HUB = os.environ["IOTHUB_CONNECTION_STRING"]
URI = sys.argv[1] + "/python?sv=2021-12-02&sig=any"
jobs = IoTHubJobManager(HUB)
registry = IoTHubRegistryManager(HUB)
container = ContainerClient.from_container_url(URI)
IDS = [f"py-{number:03}" for number in range(200)]


def ended(job):
    """The job when it has ended."""

    def ask():
        now = jobs.get_import_export_job(job.job_id)
        return now if now.status in ("completed", "failed", "cancelled") else None

    return eventually(f"the end of {job.job_id}", ask, 30.0)


def exported():
    job = JobProperties(type="export", output_blob_container_uri=URI)
    job = ended(jobs.create_import_export_job(job))
    assert (job.status, job.progress) == ("completed", 100), job
    lines = container.download_blob("devices.txt").readall().decode().split("\r\n")
    return {row["id"]: row for row in map(json.loads, lines[:-1])}


@check("the storage client puts, reads, lists and deletes")
def _():
    container.create_container()
    container.upload_blob("folder/a b.txt", b"0123456789", metadata={"k": "v"})
    try:
        container.upload_blob("folder/a b.txt", b"")
        raise AssertionError("it is overwritten")
    except ResourceExistsError:
        pass
    blob = container.get_blob_client("folder/a b.txt")
    assert blob.download_blob(offset=2, length=3).readall() == b"234"
    properties = blob.get_blob_properties()
    assert (properties.size, properties.metadata) == (10, {"k": "v"}), properties
    blocks = container.get_blob_client("blocks")
    for name in ("b", "a"):
        blocks.stage_block(name, name.encode() * 3)
    blocks.commit_block_list([BlobBlock("a"), BlobBlock("b")])
    assert blocks.download_blob().readall() == b"aaabbb"
    container.upload_blob("empty", b"")
    assert container.download_blob("empty").readall() == b""
    names = [blob.name for blob in container.list_blobs()]
    assert names == ["blocks", "empty", "folder/a b.txt"], names
    walked = [item.name for item in container.walk_blobs(delimiter="/")]
    assert sorted(walked) == ["blocks", "empty", "folder/"], walked
    for name in names:
        container.delete_blob(name)
    try:
        container.download_blob("blocks")
        raise AssertionError("it is there")
    except ResourceNotFoundError as error:
        assert error.error_code == "BlobNotFound", error.error_code


@check("200 devices go out, away, and come back the same")
def _():
    for number in range(0, 200, 100):
        registry.bulk_create_or_update_devices(
            [{"id": name, "importMode": "create", "status": "enabled"} for name in IDS[number:][:100]]
        )
    before = exported()
    assert sorted(before) == IDS
    for name in IDS:
        registry.delete_device(name)
    job = JobProperties(
        type="import", input_blob_container_uri=URI, output_blob_container_uri=URI
    )
    job = ended(jobs.create_import_export_job(job))
    assert (job.status, job.failure_reason) == ("completed", None), job
    after = exported()
    assert sorted(after) == IDS
    for name in IDS:
        assert after[name]["authentication"] == before[name]["authentication"], name


@check("jobs are listed and cancelled")
def _():
    listed = jobs.get_import_export_jobs()
    assert [job.type for job in listed] == ["export", "import", "export"], listed
    jobs.cancel_import_export_job(listed[0].job_id)
    assert jobs.get_import_export_job(listed[0].job_id).status == "completed"


done()
