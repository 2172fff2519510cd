"""What is wrong with a field, in our own words: the library's name for each kind of fault, and a sentence for people."""

from collections.abc import Mapping
from typing import Any

from shared.events import EMAIL, SLUG

_ID = "This is not an id. One looks like 0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e."
_DATE = "This is not a date. Write it as 2018-06-28."
_TIME = "This is not a time. Write it with its offset, as 2018-06-28T09:00:00Z or 2018-06-28T09:00:00-04:00."
_TRUTH = "This is neither true nor false."
_WHOLE = "This is not a whole number."
_OBJECT = "This is not an object: write its fields between braces."

_SENTENCES = {
    "missing": "This field is required.",
    "extra_forbidden": "This field is not known.",
    "string_type": "This is not text.",
    "string_too_short": "This is empty.",
    "string_too_long": "This is longer than {max_length} characters.",
    "string_unicode": "This is not text in Unicode.",
    "too_long": "These are more than {max_length}.",
    "too_short": "These are fewer than {min_length}.",
    "literal_error": "Choose one of these: {expected}.",
    "enum": "Choose one of these: {expected}.",
    "uuid_parsing": _ID,
    "uuid_type": _ID,
    "uuid_version": _ID,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "greater_than_equal": "This is less than {ge}.",
    "less_than_equal": "This is more than {le}.",
    "list_type": "This is not a list.",
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "timezone_aware": _TIME,
    "bytes_type": "This is not text in Base64.",
}
_BY_PREFIX = {"datetime_": _TIME, "date_": _DATE}
_PATTERNS = {
    EMAIL: "This is not an e-mail address.",
    SLUG: "Write it in small letters, digits and single dashes, such as port-of-oslo.",
}


def sentence(fault: Mapping[str, Any]) -> str:
    """The sentence for one of pydantic's error details; never holds the value that was sent."""
    kind, context = str(fault["type"]), fault.get("ctx", {})
    if kind == "string_pattern_mismatch":
        return _PATTERNS.get(context.get("pattern"), f"This does not have the form that is taken: {context.get('pattern')}")
    if known := _SENTENCES.get(kind):
        return known.format_map(context)
    for prefix, said in _BY_PREFIX.items():
        if kind.startswith(prefix):
            return said
    message = str(fault["msg"]).removeprefix("Value error, ")
    return message[:1].upper() + message[1:].rstrip(".") + "."
