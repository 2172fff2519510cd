"""The conference's days as a badge says them."""

from typing import get_args

from babel.dates import format_interval

from shared.conference import Conference
from shared.events import Language


def dates_by_language(conference: Conference) -> dict[Language, str]:
    """From the opening to the closing day in each language, by CLDR: "28–29 juin 2018"."""
    return {
        language: format_interval(
            conference.opens_on, conference.closes_on, "yMMMMd", locale="en_GB" if language == "en" else language
        )
        for language in get_args(Language)
    }
