"""W3C Trace Context (https://www.w3.org/TR/trace-context/): one trace id from a form's post to the badge and the mail."""

import re
import secrets

_TRACEPARENT = re.compile(r"^[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}$")


def new_traceparent() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"


def continued(traceparent: str | None) -> str:
    """Return the caller's trace with a span id of our own, or a new trace where it gave none that is valid."""
    found = _TRACEPARENT.match(traceparent or "")
    return f"00-{found[1]}-{secrets.token_hex(8)}-01" if found else new_traceparent()


def trace_id(traceparent: str) -> str:
    return traceparent[3:35]
