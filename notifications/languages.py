"""The languages notices are written in: each is one gettext catalogue in `notices/`, over templates that all share.

A catalogue's `Language` header names the locale of dates and times, its `Plural-Forms` how it counts. Writing direction
and names of cities come from CLDR (Babel).
"""

from collections.abc import Iterable, Mapping
from datetime import date, datetime, tzinfo
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any, Literal
from unicodedata import combining, east_asian_width
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_interval, get_timezone_location
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from shared.catalogue import translations
from shared.events import LANGUAGES, Language
from shared.templates import SharedCode

NOTICES = Path(__file__).parent / "notices"
_LEVANT = Locale("ar", "SY")
_CODE = {autoescape: SharedCode() for autoescape in (False, True)}


class NoticeLanguage:
    """One language: its templates, translated, and its way to write dates and times."""

    def __init__(self, code: Language) -> None:
        self._translations = translations(NOTICES, code)
        self.code: Language = code
        self.locale = Locale.parse(self._translations.info()["language"])
        self.direction: Literal["ltr", "rtl"] = "rtl" if self.locale.text_direction == "rtl" else "ltr"

    # Two, since a macro answers to a page of HTML with markup, whatever its own template escaped.
    @cached_property
    def text(self) -> Environment:
        """The templates where they make text."""
        return self._templates(autoescape=False)

    @cached_property
    def html(self) -> Environment:
        """The templates where they make HTML: every sentence and value is escaped."""
        return self._templates(autoescape=True)

    def _templates(self, *, autoescape: bool) -> Environment:
        environment = Environment(
            loader=FileSystemLoader(NOTICES),
            extensions=["jinja2.ext.i18n"],
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
            bytecode_cache=_CODE[autoescape],
        )
        sentences: dict[str, Any] = {"isolated": self.isolated, "unbroken": _unbroken if autoescape else str}
        environment.globals.update(sentences)
        environment.policies["ext.i18n.trimmed"] = True
        environment.install_gettext_translations(self._translations, newstyle=True)  # pyright: ignore (the extension adds it)
        return environment

    @property
    def tag(self) -> str:
        """The BCP 47 tag of the language as it is written, such as `en-GB`."""
        return str(self.locale).replace("_", "-")

    def isolated(self, text: str) -> str:
        """`text` of any script, kept from turning a right-to-left sentence around (Unicode's FSI and PDI)."""
        return "\u2068" + text + "\u2069" if self.direction == "rtl" else text  # joined so that markup stays markup

    def listed(self, parts: Iterable[str]) -> str:
        """Parts that may have commas of their own, one after another."""
        return self._translations.gettext("; ").join(parts)

    def rule(self, heading: str) -> str:
        """A line to stand under `heading` in plain text: as wide as it, where a Chinese character takes two columns."""
        return "-" * sum(0 if combining(each) else 2 if east_asian_width(each) in "WF" else 1 for each in heading)

    def day(self, day: date) -> str:
        return _day(day, self.locale)

    def hours(self, starts_at: datetime, ends_at: datetime, zone: tzinfo) -> str:
        """From when to when by the clock of `zone`, in 24 hours."""
        return _hours(starts_at, ends_at, zone, self.locale)

    def city(self, zone: tzinfo) -> str:
        """The city that a time zone is named after."""
        return _city(zone, self.locale)


def _unbroken(text: str) -> Markup:
    """Keep hours in one line of HTML: half of them at the end of a right-to-left line reads as the wrong half."""
    return Markup('<span style="white-space:nowrap">{}</span>').format(text)


# A session's times are the same in every notice that names it, and Babel takes its time.
@lru_cache(maxsize=4096)
def _day(day: date, locale: Locale) -> str:
    said = format_date(day, "full", locale)
    if locale.language == "fr":  # CLDR leaves out that French counts the first of a month as such
        return said.replace(" 1 ", " 1er ", 1)
    if locale.language == "ar":  # a month has one name in the Levant and Iraq and another elsewhere: both are said
        month = _month(day, locale)
        return said.replace(month, f"{_month(day, _LEVANT)}/{month}", 1)
    return said


def _month(day: date, locale: Locale) -> str:
    return format_date(day, "MMMM", locale)


@lru_cache(maxsize=4096)
def _hours(starts_at: datetime, ends_at: datetime, zone: tzinfo, locale: Locale) -> str:
    return format_interval(starts_at, ends_at, "Hm", tzinfo=zone, locale=locale)


@lru_cache(maxsize=4096)
def _city(zone: tzinfo, locale: Locale) -> str:
    return get_timezone_location(zone, locale=locale, return_city=True).rpartition("/")[2]  # of Argentina/Buenos Aires


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of that name, `None` where there is none: a registration may say anything."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def notice_languages() -> Mapping[Language, NoticeLanguage]:
    """All of them; a person may read any."""
    return {code: NoticeLanguage(code) for code in LANGUAGES}
