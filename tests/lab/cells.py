"""What the tests of the sandbox share."""

import json
import time

import psutil

from lab.sandbox.supervisor import Limits

QUICK = Limits(
    busy=3,
    wall=9,
    memory=512 << 20,
    processes=16,
    file=8 << 20,
    output=10_000,
    disk=32 << 20,
)
HONEST = "def honest(x):\n    return x + 1"


def notebook(*sources, names=()):
    """Write a notebook of code cells; names are their nbgrader ids."""
    names = [*names, *[None] * (len(sources) - len(names))]
    cells = [
        {
            "cell_type": "code",
            "source": source,
            "metadata": {"nbgrader": {"grade_id": name}} if name else {},
        }
        for source, name in zip(sources, names, strict=True)
    ]
    return json.dumps({"cells": cells, "nbformat": 4}).encode()


def running(word):
    """List the processes that have a word in their command line."""
    return [
        process.pid
        for process in psutil.process_iter(["cmdline", "status"])
        if word in (process.info["cmdline"] or [])
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def foreign_processes():
    """List the processes of users that the walls made up."""
    return [
        process.pid
        for process in psutil.process_iter(["uids", "status"])
        if process.info["uids"]
        and process.info["uids"].real >= 2**30
        and process.info["status"] != psutil.STATUS_ZOMBIE
    ]


def within(seconds, condition):
    """Wait until something holds."""
    end = time.monotonic() + seconds
    while not (holds := condition()) and time.monotonic() < end:
        time.sleep(0.05)
    return holds
