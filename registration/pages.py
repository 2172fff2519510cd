"""Pages for people: the conference's practical notice, which the confirmation links to."""

from collections.abc import Mapping
from pathlib import Path

from babel import Locale, negotiate_locale
from babel.dates import format_date
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup

from shared.conference import Conference
from shared.events import LANGUAGES, Language, in_language

_MARKDOWN = MarkdownIt("commonmark", {"html": False})
_PAGES = Environment(loader=FileSystemLoader(Path(__file__).parent / "templates"), autoescape=True, undefined=StrictUndefined)


def notice_languages(conference: Conference) -> list[Language]:
    """The languages in which every question of the notice is answered."""
    answered = [set(question.answer) & set(question.question) for question in conference.notice]
    found: list[Language] = [language for language in LANGUAGES if all(language in each for each in answered)]
    return found if found else ["en"]


def negotiated(wanted: str | None, accept_language: str, offered: list[Language]) -> Language:
    """The language asked for by name, else the one the browser wishes most, else English, else the first offered."""
    wishes = [part.partition(";") for part in accept_language.split(",")]
    by_weight = sorted(wishes, key=lambda wish: -_weight(wish[2]))
    asked = [wanted or "", *(language.strip() for language, _, _ in by_weight)]
    found = negotiate_locale([each for each in asked if each], offered, sep="-")
    for language in offered:
        if language == found:
            return language
    return "en" if "en" in offered else offered[0]


def conference_page(conference: Conference, language: Language) -> str:
    """The practical notice as HTML, in one of `notice_languages`."""
    locale = Locale(language)
    opens, closes = (format_date(day, "long", locale=locale) for day in (conference.opens_on, conference.closes_on))
    return _PAGES.get_template("conference.html").render(
        language=language,
        title=in_language(conference.title, language),
        venue=in_language(conference.venue, language),
        dates=f"{opens} – {closes}",
        contact=conference.contact,
        badge_collection=in_language(conference.badge_collection or {"en": ""}, language),
        languages=[(code, Locale(code).get_display_name()) for code in notice_languages(conference)],
        notice=[(in_language(each.question, language), _html(each.answer, language)) for each in conference.notice],
    )


def _html(answer: Mapping[Language, str], language: Language) -> Markup:
    return Markup(_MARKDOWN.render(in_language(answer, language)))  # raw HTML in it stays text: `html` is off


def _weight(parameter: str) -> float:
    try:
        return float(parameter.strip().removeprefix("q="))
    except ValueError:
        return 1.0
