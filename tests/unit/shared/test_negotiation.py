"""Which language a reader is answered in, and whether with a page."""

import pytest

from shared.events import LANGUAGES, Language
from shared.negotiation import negotiated, prefers_page


@pytest.mark.parametrize(
    ("accept_language", "language"),
    [
        ("", "en"),
        ("de", "en"),
        ("*", "en"),
        ("fr-CA", "fr"),
        ("zh-Hant-TW", "zh"),
        ("de, es;q=0.1, ar;q=0.5", "ar"),
        ("es;q=0, ru;q=0.2", "ru"),
        ("ru, es", "ru"),
        ("RU;Q=0.3 , es ; q = 0.4", "es"),
        ("fr;q=nan, ;;, zh;q=7, \x00, ar;q=0.1", "ar"),
    ],
)
def test_the_reader_is_answered_in_the_language_they_wish_most(accept_language: str, language: Language) -> None:
    assert negotiated(None, accept_language, LANGUAGES) == language


def test_a_language_asked_for_by_name_comes_before_all_wishes() -> None:
    assert negotiated("fr", "ar, es;q=0.5", LANGUAGES) == "fr"
    assert negotiated("de", "ar, es;q=0.5", LANGUAGES) == "ar"


def test_without_english_it_is_the_first_language_there_is() -> None:
    assert negotiated(None, "de", ["fr", "ar"]) == "fr"


@pytest.mark.parametrize(
    ("accept", "page"),
    [
        ("", False),
        ("*/*", False),
        ("application/json", False),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", True),
        ("text/html, application/signed-exchange;v=b3;q=0.7", True),
        ("application/json, text/html;q=0.9", False),
        ("application/json;q=0.9, TEXT/HTML", True),
        ("application/problem+json, text/html", False),
        ("text/html, application/json", True),
        ("text/html;q=0, */*", False),
        ("image/avif, image/*", False),
    ],
)
def test_a_browser_wants_a_page_and_a_program_does_not(accept: str, page: bool) -> None:
    assert prefers_page(accept) is page
