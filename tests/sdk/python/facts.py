"""What every program here shares.

A program prints one JSON object a line, a fact or the outcome of a check, and ends with 1 if a check
failed. Whoever started it reads the lines.
"""

import json
import sys
import threading
import time
import traceback

_failed = False


def fact(name, value=None):
    """Prints a fact."""
    print(json.dumps({"fact": name, "value": value}), flush=True)


def check(name):
    """Runs the function it decorates and prints the outcome; the program goes on either way."""

    def run(body):
        global _failed
        try:
            body()
            print(json.dumps({"check": name, "ok": True}), flush=True)
        except BaseException:  # an assertion, the SDK's errors, and what its threads raise
            _failed = True
            why = traceback.format_exc()
            print(json.dumps({"check": name, "ok": False, "why": why}), flush=True)
        return body

    return run


def done():
    """Ends the program; the SDK's threads do not keep it."""
    sys.stdout.flush()
    sys.exit(1 if _failed else 0)


def refusal(error, call):
    """The error of class `error` that `call` must raise."""
    try:
        value = call()
    except error as raised:
        return raised
    raise AssertionError(f"wanted {error.__name__}, got success: {value}")


def eventually(what, ask, seconds=10.0):
    """Asks until the answer is true."""
    give_up = time.monotonic() + seconds
    while True:
        answer = ask()
        if answer:
            return answer
        if time.monotonic() > give_up:
            raise AssertionError(f"{what}: not within {seconds} s")
        time.sleep(0.05)


class Heard:
    """What a callback of the SDK was handed, for another thread to wait for."""

    def __init__(self):
        self._values = []
        self._changed = threading.Condition()

    def __call__(self, value=None):
        with self._changed:
            self._values.append(value)
            self._changed.notify_all()

    def first(self, what, wanted=lambda value: True, seconds=10.0):
        """The first value that `wanted` accepts."""
        with self._changed:
            if not self._changed.wait_for(lambda: any(map(wanted, self._values)), seconds):
                raise AssertionError(f"{what}: not within {seconds} s; heard {self._values}")
            return next(filter(wanted, self._values))


def parts(connection_string):
    """The parts of a connection string."""
    return dict(field.split("=", 1) for field in connection_string.split(";"))
