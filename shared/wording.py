"""What is wrong with a field, in our own words: the library's name for each kind of fault, and a sentence for people."""

from collections.abc import Callable, Mapping
from typing import Any

from shared.events import EMAIL, SLUG
from shared.said import Said, one_of, say, say_counted

_ID = say("This is not an id. One looks like {example}.", example="0190a6f2-3c4e-7b1a-9d2f-5e6a7b8c9d0e")
_DATE = say("This is not a date. Write it as {example}.", example="2018-06-28")
_TIME = say(
    "This is not a time. Write it with its offset, as {in_utc} or {elsewhere}.",
    in_utc="2018-06-28T09:00:00Z",
    elsewhere="2018-06-28T09:00:00-04:00",
)
_TRUTH = say("This is neither true nor false.")
_WHOLE = say("This is not a whole number.")
_OBJECT = say("This is not an object: write its fields between braces.")
_BASE64 = say("This is not text in Base64.")

_SENTENCES = {
    "missing": say("This field is required."),
    "extra_forbidden": say("This field is not known."),
    "string_type": say("This is not text."),
    "string_too_short": say("This is empty."),
    "string_unicode": say("This is not text in Unicode."),
    "uuid_parsing": _ID,
    "uuid_type": _ID,
    "uuid_version": _ID,
    "bool_type": _TRUTH,
    "bool_parsing": _TRUTH,
    "int_type": _WHOLE,
    "int_parsing": _WHOLE,
    "int_parsing_size": say("This number is too large."),
    "int_from_float": _WHOLE,
    "list_type": say("This is not a list."),
    "dict_type": _OBJECT,
    "model_type": _OBJECT,
    "model_attributes_type": _OBJECT,
    "timezone_aware": _TIME,
    "bytes_type": _BASE64,
    "bytes_invalid_encoding": _BASE64,
    "nothing_to_see": say("This must contain something to see."),
    "time_out_of_range": say("This must be a time of the years 1 to 9999 in UTC."),
}
_BY_PREFIX = {"datetime_": _TIME, "date_": _DATE}
_OF_CONTEXT: dict[str, Callable[[Mapping[str, Any]], Said]] = {
    "string_too_long": lambda context: say_counted(
        "This is longer than {count} character.", "This is longer than {count} characters.", count=context["max_length"]
    ),
    "too_long": lambda context: say("These are more than {most}.", most=context["max_length"]),
    "too_short": lambda context: say("These are fewer than {fewest}.", fewest=context["min_length"]),
    "greater_than_equal": lambda context: say("This is less than {least}.", least=context["ge"]),
    "less_than_equal": lambda context: say("This is more than {most}.", most=context["le"]),
    "literal_error": lambda context: _choice(context["expected"]),
    "enum": lambda context: _choice(context["expected"]),
    "string_pattern_mismatch": lambda context: _form(context["pattern"]),
    "control_character": lambda context: say("This must not contain the control character {character}.", **context),
}
_PATTERNS = {
    EMAIL: say("This is not an e-mail address."),
    SLUG: say("Write it in small letters, digits and single dashes, such as {example}.", example="port-of-oslo"),
}


def sentence(fault: Mapping[str, Any]) -> Said:
    """The sentence for one of pydantic's error details; never holds the value that was sent."""
    kind = str(fault["type"])
    if of_context := _OF_CONTEXT.get(kind):
        return of_context(fault["ctx"])
    if known := _SENTENCES.get(kind):
        return known
    for prefix, said in _BY_PREFIX.items():
        if kind.startswith(prefix):
            return said
    return say("This cannot be taken: {reason}.", reason=str(fault["msg"]).rstrip("."))


def _choice(expected: str) -> Said:
    """Of pydantic's `'a', 'b' or 'c'`."""
    return say("Choose one of these: {expected}.", expected=one_of(expected.replace(" or ", ", ").split(", ")))


def _form(pattern: str) -> Said:
    return _PATTERNS.get(pattern) or say("This does not have the form that is taken: {pattern}", pattern=pattern)
