"""The languages notices are written in: each is one gettext catalogue in `notices/`, over templates that all share.

A new language is a new file such as `notices/ar.po`: its `Language` header names the locale of dates and times, its
`Plural-Forms` how it counts. Writing direction and names of cities come from CLDR (Babel).
"""

from collections.abc import Mapping
from datetime import date, datetime, tzinfo
from functools import cached_property, lru_cache
from io import BytesIO
from pathlib import Path
from typing import Literal
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from babel import Locale
from babel.dates import format_date, format_interval, get_timezone_location
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po
from babel.support import Translations
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from shared.events import LANGUAGES, Language

NOTICES = Path(__file__).parent / "notices"


class NoticeLanguage:
    """One language: its templates, translated, and its way to write dates and times."""

    def __init__(self, code: Language, folder: Path) -> None:
        with (folder / f"{code}.po").open("rb") as file:
            catalogue = read_po(file)
        compiled = BytesIO()
        write_mo(compiled, catalogue)
        compiled.seek(0)
        self.code: Language = code
        self.locale = Locale.parse(catalogue.locale_identifier or code)
        self.direction: Literal["ltr", "rtl"] = "rtl" if self.locale.text_direction == "rtl" else "ltr"
        self._folder = folder
        self._translations = Translations(compiled)

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
            loader=FileSystemLoader(self._folder),
            extensions=["jinja2.ext.i18n"],
            autoescape=autoescape,
            trim_blocks=True,
            lstrip_blocks=True,
            undefined=StrictUndefined,
            auto_reload=False,
        )
        environment.globals["isolated"] = self.isolated  # pyright: ignore[reportArgumentType] (typed by what it holds at first)
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

    def day(self, day: date) -> str:
        return _day(day, self.locale)

    def hours(self, starts_at: datetime, ends_at: datetime, zone: tzinfo) -> str:
        """From when to when by the clock of `zone`, in 24 hours."""
        return _hours(starts_at, ends_at, zone, self.locale)

    def city(self, zone: tzinfo) -> str:
        """The city that a time zone is named after."""
        return _city(zone, self.locale)


# A session's times are the same in every notice that names it, and Babel takes its time.
@lru_cache(maxsize=4096)
def _day(day: date, locale: Locale) -> str:
    said = format_date(day, "full", locale)
    # CLDR leaves out that French counts the first of a month as such.
    return said.replace(" 1 ", " 1er ", 1) if locale.language == "fr" else said


@lru_cache(maxsize=4096)
def _hours(starts_at: datetime, ends_at: datetime, zone: tzinfo, locale: Locale) -> str:
    return format_interval(starts_at, ends_at, "Hm", tzinfo=zone, locale=locale)


@lru_cache(maxsize=4096)
def _city(zone: tzinfo, locale: Locale) -> str:
    return get_timezone_location(zone, locale=locale, return_city=True)


@lru_cache(maxsize=1024)
def zone_of(name: str) -> ZoneInfo | None:
    """The time zone of that name, `None` where there is none: a registration may say anything."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def languages_in(folder: Path = NOTICES) -> Mapping[Language, NoticeLanguage]:
    """Every language that has a catalogue in `folder`."""
    return {code: NoticeLanguage(code, folder) for code in LANGUAGES if (folder / f"{code}.po").exists()}
