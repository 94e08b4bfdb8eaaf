"""Fixtures: hubs for a test suite. They need pytest and the command `hubnerite`."""

import json
import os
import subprocess
import time
import urllib.error
import urllib.request

import pytest

HUBNERITE = os.environ.get("HUBNERITE", "hubnerite")


class Hub:
    """One hub, and what its admin API does for a test."""

    def __init__(self, admin, host, connection_string):
        self.admin, self.host, self.connection_string = admin, host, connection_string

    def create_device(self, device):
        """Registers a device and gives its connection string."""
        create = [HUBNERITE, "device", "create", device, "--hub", self.connection_string]
        return subprocess.run(create, check=True, capture_output=True, text=True).stdout.strip()

    def reset(self):
        """Removes every device, twin, queue and job."""
        self._ask("/admin/reset")

    def verify(self, **event):
        """Fails unless the hub saw such an event, and says which one came nearest."""
        return self._ask("/admin/verify", event)

    def wait(self, timeout=10, **event):
        """Waits until the hub saw such an event."""
        return self._ask("/admin/wait", {"event": event, "timeout": timeout})

    def wait_for_twins(self, condition, timeout=10, **count):
        """Waits until so many twins (`atLeast=1`) are as a condition of the query language says."""
        wanted = {"twins": condition, "timeout": timeout}
        return self._ask("/admin/wait", wanted | ({"count": count} if count else {}))

    def advance(self, duration):
        """Moves a virtual clock: seconds, or "PT1H"; all that was due by then has happened."""
        return ask(f"{self.admin}/admin/clock/advance", {"by": duration})

    def _ask(self, path, body=None):
        return ask(f"{self.admin}{path}?hub={self.host}", body)


def ask(url, body=None):
    """A POST to the admin API. What it refuses fails the test in the API's own words."""
    data = b"" if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:
            return json.load(answer)
    except urllib.error.HTTPError as refused:
        raise AssertionError(json.load(refused)["detail"]) from None


def start(*flags):
    """Starts a process with hubs on loopback addresses of their own, and has the SDKs trust it."""
    command = [HUBNERITE, "up", "--json", "--private", *flags]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if not line:
        raise RuntimeError(f"`{' '.join(command)}` ended with {process.wait()}, as its stderr says")
    ready = json.loads(line)
    admin = ready["adminUrl"]
    for _ in range(1000):  # ready to serve; the files to trust follow in a moment
        with urllib.request.urlopen(f"{admin}/admin/hub", timeout=10) as answer:
            trust = json.load(answer)["trust"]
        if trust:
            break
        time.sleep(0.01)
    os.environ["SSL_CERT_FILE"] = os.environ["REQUESTS_CA_BUNDLE"] = trust["bundle"]
    hubs = [Hub(admin, each["hostName"], each["connectionString"]) for each in [ready, *ready["hubs"]]]
    return process, hubs


def stop(process):
    process.terminate()
    process.wait(timeout=10)


@pytest.fixture(scope="session")
def hubs():
    """The hubs that are free: as many as a test takes at most."""
    process, hubs = start("2")
    yield hubs
    stop(process)


def take(hubs):
    hub = hubs.pop()
    hub.reset()
    yield hub
    hubs.append(hub)


@pytest.fixture
def hub(hubs, monkeypatch):
    """An empty hub for one test, where the code under test looks for it."""
    for hub in take(hubs):
        monkeypatch.setenv("IOTHUB_CONNECTION_STRING", hub.connection_string)
        yield hub


@pytest.fixture
def other_hub(hubs):
    """A second one."""
    yield from take(hubs)


@pytest.fixture
def frozen_hub():
    """A hub whose clock moves only when the test says so."""
    process, hubs = start("--clock", "virtual")
    yield hubs[0]
    stop(process)
