"""Which of the languages we have a reader wants, and whether they want a page (RFC 9110, section 12.5)."""

import re
from collections.abc import Sequence

from babel import negotiate_locale

from shared.events import Language

_WISH = re.compile(r"\s*([A-Za-z0-9*/.+-]+)\s*(?:;\s*[qQ]\s*=\s*([01](?:\.[0-9]{0,3})?)\s*)?")
_PAGE_OR_NOT = frozenset({"text/html", "application/json", "application/problem+json", "application/*", "*/*"})


def negotiated(wanted: str | None, accept_language: str, offered: Sequence[Language]) -> Language:
    """The language asked for by name, else the one `Accept-Language` wishes most, else English, else the first offered.

    `fr-CA` is taken for `fr`, `zh-Hant` for `zh`; a part of the header that cannot be read is passed over.
    """
    asked = [wanted, *_wishes(accept_language)] if wanted else _wishes(accept_language)
    found = negotiate_locale(asked, offered, sep="-")
    for language in offered:
        if language == found:
            return language
    return "en" if "en" in offered else offered[0]


def prefers_page(accept: str) -> bool:
    """Whether `text/html` is wished before JSON and before anything whatever: as browsers say, and programs do not."""
    return next((each == "text/html" for each in map(str.lower, _wishes(accept)) if each in _PAGE_OR_NOT), False)


def _wishes(accepted: str) -> list[str]:
    """What a header accepts by its quality, as it names them where they are equal; without what is of quality 0."""
    found = [wish for part in accepted.split(",") if (wish := _WISH.fullmatch(part))]
    weighted = [(float(wish[2] or "1"), wish[1]) for wish in found]
    return [language for quality, language in sorted(weighted, key=lambda wish: -wish[0]) if quality > 0]
