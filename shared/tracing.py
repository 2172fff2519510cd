"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace id from a form's post to the badge and the mail."""

import random
import re

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


_ids = random.Random()
"""Trace and span ids are to be unlike each other, not secret: they need no system call each."""


def new_traceparent() -> str:
    return f"00-{_ids.getrandbits(128) or 1:032x}-{_span_id()}-01"


def continued(traceparent: str | None) -> str:
    """Return the caller's trace with a span id of our own, or a new trace where it gave none that is valid."""
    found = _TRACEPARENT.match(traceparent or "")
    return f"00-{found[1]}-{_span_id()}-01" if found else new_traceparent()


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]


def _span_id() -> str:
    return f"{_ids.getrandbits(64) or 1:016x}"
