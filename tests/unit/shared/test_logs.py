"""What a process writes to standard output."""

import json
import subprocess
import sys

import pytest

WARNS = """
import warnings
from shared.logs import configure

configure("badging", log_format="json", level="info")
warnings.warn("Expected `str` but got 'Ada Berg'", UserWarning)
"""

FAILS = """
import logging
from shared.logs import configure, get_log

configure("badging", log_format="{log_format}", level="info")


def issue(name):
    try:
        return [].index(0)
    except ValueError:
        raise LookupError("nobody" + chr(10) + "DETAIL: (name)=(" + name + ")")


for log in (get_log(), logging.getLogger("library")):
    try:
        issue("Ada " + "Berg")
    except LookupError as error:
        log.error("failed", exc_info=error)
"""


def test_a_warning_of_a_library_is_an_event_without_what_it_says():
    ran = subprocess.run([sys.executable, "-c", WARNS], capture_output=True, text=True, check=True)
    [line] = ran.stdout.splitlines()
    told = json.loads(line)
    assert (told["event"], told["category"], told["service"]) == ("python_warned", "UserWarning", "badging")
    assert "Ada" not in ran.stdout + ran.stderr


@pytest.mark.parametrize("log_format", ["json", "console"])
def test_a_failure_is_told_with_its_place_and_nobodys_name(log_format: str):
    ran = subprocess.run(
        [sys.executable, "-c", FAILS.replace("{log_format}", log_format)], capture_output=True, text=True, check=True
    )
    assert ran.stdout.count("LookupError") == 2
    assert ran.stdout.count("issue") >= 2
    assert "Ada" not in ran.stdout
    assert ran.stderr == ""
    assert len(ran.stdout.splitlines()) < 25
