"""What a process writes to standard output."""

import json
import subprocess
import sys

WARNS = """
import warnings
from shared.logs import configure

configure("badging", log_format="json", level="info")
warnings.warn("Expected `str` but got 'Ada Berg'", UserWarning)
"""


def test_a_warning_of_a_library_is_an_event_without_what_it_says():
    ran = subprocess.run([sys.executable, "-c", WARNS], capture_output=True, text=True, check=True)
    [line] = ran.stdout.splitlines()
    told = json.loads(line)
    assert (told["event"], told["category"], told["service"]) == ("python_warned", "UserWarning", "badging")
    assert "Ada" not in ran.stdout + ran.stderr
