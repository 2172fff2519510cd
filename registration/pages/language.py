"""The languages that pages are written in: one gettext catalogue each, over templates that all share."""

import re
from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from functools import lru_cache
from pathlib import Path

from babel import Locale
from babel.dates import format_date, format_interval, format_time, get_datetime_format, get_timezone_location
from babel.lists import format_list
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markdown_it import MarkdownIt
from markupsafe import Markup, escape

from shared.catalogue import translations
from shared.events import Language, in_language
from shared.templates import SharedCode

_ROOM = Path(__file__).parent.parent
CATALOGUES = _ROOM / "catalogues"
_CODE = SharedCode()
_MARKDOWN = MarkdownIt("commonmark", {"html": False})


class PageLanguage:
    """One language: its templates, translated, and its way to write dates, times and lists."""

    def __init__(self, code: Language) -> None:
        self.code: Language = code
        self.locale = Locale.parse("en_GB" if code == "en" else code)  # which writes dates as the United Nations does
        self.direction = self.locale.text_direction
        self.name = (self.locale.get_language_name() or code).capitalize()
        self.translations = translations(CATALOGUES, code)
        self._templates = Environment(
            loader=FileSystemLoader(_ROOM / "templates"),
            extensions=["jinja2.ext.i18n"],
            autoescape=True,
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            auto_reload=False,
            bytecode_cache=_CODE,
        )
        self._templates.policies["ext.i18n.trimmed"] = True
        # So that the parts of pages are made once, without any page's own values.
        self._templates.globals["language"] = self  # pyright: ignore (their type is that of the ones it begins with)
        self._templates.install_gettext_translations(self.translations, newstyle=False)  # pyright: ignore (the extension adds it)

    def render(self, template: str, **values: object) -> str:
        return self._templates.get_template(template).render(**values)

    def part(self, template: str, **values: object) -> Markup:
        """A part of a page, to stand in its template as it is."""
        return Markup(self.render(template, **values))

    def gettext(self, message: str) -> str:
        return self.translations.gettext(message)

    def text(self, text: Mapping[Language, str]) -> Markup:
        """A text of the conference's data: in another language, and marked so, where it has none in this one."""
        if self.code in text:
            return escape(text[self.code])
        found: Language = "en" if "en" in text else next(iter(text))
        direction = Locale.parse(found).text_direction
        return Markup('<span lang="{}" dir="{}">{}</span>').format(found, direction, text[found])

    def plain(self, text: Mapping[Language, str]) -> str:
        """The same where no markup can stand."""
        return in_language(text, self.code)

    def prose(self, text: Mapping[Language, str]) -> Markup:
        """A longer text, written in Markdown; raw HTML in it stays text."""
        found = self.code if self.code in text else "en" if "en" in text else next(iter(text))
        written = Markup(_MARKDOWN.render(text[found]))
        if found == self.code:
            return written
        return Markup('<div lang="{}" dir="{}">{}</div>').format(found, Locale.parse(found).text_direction, written)

    def day(self, day: date) -> str:
        return _day(day, self.locale)

    def short_day(self, day: date) -> str:
        """A day of the conference's week, without its year."""
        return _short_day(day, self.locale)

    def days(self, first: date, last: date) -> str:
        return format_interval(first, last, "yMMMMd", locale=self.locale)

    def hours(self, starts_at: datetime, ends_at: datetime, zone: tzinfo) -> str:
        """From when to when by the clock of `zone`, in 24 hours."""
        return _hours(starts_at, ends_at, zone, self.locale)

    def moment(self, at: datetime, zone: tzinfo) -> str:
        """A day and a time of it, by the minute, by the clock of `zone`."""
        return _moment(at, zone, self.locale)

    def city(self, zone: tzinfo) -> str:
        """The city that a time zone is named after."""
        return _city(zone, self.locale)

    def listed(self, items: Iterable[str]) -> str:
        return format_list(list(items), locale=self.locale)


# The same days, hours, moments and cities stand on page after page, and Babel takes its time.
@lru_cache(maxsize=512)
def _day(day: date, locale: Locale) -> str:
    return format_date(day, "full", locale)


@lru_cache(maxsize=512)
def _short_day(day: date, locale: Locale) -> str:
    return format_date(day, _WEEKDAY_AND_DAY[locale.language], locale)


_WEEKDAY_AND_DAY = {
    "ar": "EEEE d MMMM",
    "zh": "M月d日EEEE",
    "en": "EEEE d MMMM",
    "fr": "EEEE d MMMM",
    "ru": "EEEE, d MMMM",
    "es": "EEEE, d 'de' MMMM",
}


@lru_cache(maxsize=4096)
def _hours(starts_at: datetime, ends_at: datetime, zone: tzinfo, locale: Locale) -> str:
    return format_interval(starts_at, ends_at, "Hm", tzinfo=zone, locale=locale)


@lru_cache(maxsize=64)
def _city(zone: tzinfo, locale: Locale) -> str:
    return get_timezone_location(zone, locale=locale, return_city=True)


@lru_cache(maxsize=8192)
def _moment(at: datetime, zone: tzinfo, locale: Locale) -> str:
    there = at.astimezone(zone)
    written = {"{1}": format_date(there, "long", locale), "{0}": format_time(there, "HH:mm", locale=locale)}
    return re.sub("{[01]}", lambda place: written[place[0]], str(get_datetime_format("medium", locale)).replace("'", ""))
