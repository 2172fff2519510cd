"""Which language a reader is answered in."""

import pytest

from shared.events import LANGUAGES, Language
from shared.negotiation import negotiated


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
