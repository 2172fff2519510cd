"""Badges as sheets (PDF, A6) and pictures (PNG).

What a badge shows comes from its job and from nothing else, so that any printer can print it. How it looks is a Typst
file in `layouts/`, named by the job's `layout`: a new layout is a new file. What delegates wrote reaches Typst as JSON
and is only ever set as text. Fonts come with the packages named here, never from the system.
"""

import json
import re
import unicodedata
from base64 import b64encode
from collections.abc import Sequence
from datetime import date, timedelta
from functools import cache
from hashlib import sha256
from importlib.resources import files
from math import isqrt
from pathlib import Path
from threading import Lock
from typing import Any

import typst
import zxingcpp
from babel.dates import format_interval, format_skeleton

from shared.events import BadgeJob, Language, Photo
from shared.said import Said, say

LAYOUTS = Path(__file__).with_name("layouts")
FONT_PACKAGES = ("manimgx_fonts", "pylopdf_fonts_zh_cn", "pylopdf_fonts_ko")
"""What these can show is listed in `shared.letters`, by which registration refuses the rest."""

BLACK = "#000000"
WHITE = "#ffffff"

VOID: dict[Language, str] = {"ar": "ملغى", "zh": "作废", "en": "VOID", "fr": "ANNULÉ", "ru": "АННУЛИРОВАН", "es": "ANULADO"}

_IDEOGRAPHS = "\u2e80-\u9fff\uf900-\ufaff\uff00-\uffef\U00020000-\U0003ffff"
_HANGUL = "\u1100-\u11ff\uac00-\ud7ff"
_TALL = "\u0900-\u0dff\u0e00-\u109f\u1200-\u139f\u1780-\u17ff"
"""Indic scripts, Thai, Lao, Myanmar, Ethiopic and Khmer: their signs stand above and below the letters."""
_UNBREAKABLE = re.compile(f"[{_IDEOGRAPHS}]|[^ {_IDEOGRAPHS}\u2010\u2013\u2014-]+[\u2010\u2013\u2014-]*|[\u2010\u2013\u2014-]+")
_DARK = re.compile(rb"\x00+")
_WITHOUT_GLYPH = re.compile(r"the text `\"(.+)\"` could not be displayed")


class CannotRender(Exception):
    """However often it is tried, no sheet can be made of the job. `reason` holds no personal data."""

    def __init__(self, reason: Said) -> None:
        super().__init__(reason)
        self.reason = reason


class UnknownLayout(CannotRender):
    """The job names a layout that is not in `layouts/`."""


def layouts() -> list[str]:
    """The names that a job's `layout` may have."""
    return sorted(layout.stem for layout in LAYOUTS.glob("*.typ"))


def pdf(jobs: Sequence[BadgeJob], void: bool = False) -> bytes:
    """One A6 page for each of `jobs`, which must not be empty; `void` sets that word across each of them.

    The same jobs make the same bytes. PDF/A-4, whose rules refuse a letter that no font has: no badge is printed with a
    box in a name. Raises `CannotRender`. Some 5 ms of CPU for one badge, less for each of many; may be called in any
    thread.
    """
    newest = max(job.requested_at for job in jobs)
    return _compile(jobs, void, format="pdf", pdf_standards="a-4", pdf_tags=False, timestamp=int(newest.timestamp()))


def png(job: BadgeJob, ppi: float = 144, void: bool = False) -> bytes:
    """A picture of the badge, at `ppi` pixels an inch. Raises `CannotRender`; may be called in any thread."""
    return _compile([job], void, format="png", ppi=ppi)


# A compiler keeps what it knows between badges and takes one at a time.
_one_at_a_time = Lock()


@cache
def _compiler() -> typst.Compiler:
    fonts = typst.Fonts(
        include_system_fonts=False,
        include_embedded_fonts=False,
        font_paths=[str(files(package)) for package in FONT_PACKAGES],
    )
    return typst.Compiler(LAYOUTS / "parts" / "sheets.typ", root=LAYOUTS, font_paths=fonts, ignore_system_fonts=True)


def _compile(jobs: Sequence[BadgeJob], void: bool, **options: Any) -> bytes:
    badges = json.dumps([_badge(job, void) for job in jobs])
    try:
        with _one_at_a_time:
            compiled = _compiler().compile(sys_inputs={"badges": badges}, **options)
    except typst.TypstError as error:
        raise CannotRender(_cause(error, jobs[0])) from None
    assert isinstance(compiled, bytes)
    return compiled


def _cause(error: typst.TypstError, job: BadgeJob) -> Said:
    if found := _WITHOUT_GLYPH.search(error.message):
        return say("no font here has {letters}", letters=" ".join(f"U+{ord(letter):04X}" for letter in found[1]))
    return say("layout '{layout}' cannot set it: {error}", layout=job.layout, error=error.message)


def _badge(job: BadgeJob, void: bool) -> dict[str, Any]:
    """What layouts are given of a job, see `layouts/parts/fitting.typ` for the lines."""
    if job.layout not in layouts():
        raise UnknownLayout(say("no layout '{layout}'; there are: {layouts}", layout=job.layout, layouts=", ".join(layouts())))
    content = job.content
    return {
        "layout": job.layout,
        "language": content.language,
        "conference": _line(content.conference),
        "venue_and_dates": _line(content.venue_and_dates),
        "name": _line(content.name),
        "function": _line(content.function),
        "delegation": _line(content.delegation),
        "category": _line(content.category),
        "colour": content.colour,
        "ink": ink_on(content.colour),
        "pass_type": _line(content.pass_type),
        "days": _line(days_in_words(content.pass_days, content.language)) if content.pass_days else None,
        "zones": [{"code": zone.code, "name": _line(zone.name)} for zone in content.zones],
        "photo": _framed(content.photo) if content.photo else None,
        "serial": job.serial,
        "code": qr_code(job.credential),
        "void": _line(VOID[content.language]) if void else None,
    }


def _line(text: str) -> dict[str, Any]:
    text = " ".join(text.split())
    words = _UNBREAKABLE.findall(text)
    return {
        "text": text,
        "words": words,
        # Of its compatibility form: some Arabic letters are a whole phrase.
        "longest": max((len(unicodedata.normalize("NFKC", word)) for word in words), default=0),
        "rtl": _is_right_to_left(text),
        "han": re.search(f"[{_IDEOGRAPHS}{_HANGUL}]", text) is not None,
        "tall": re.search(f"[{_TALL}]", text) is not None,
    }


def _is_right_to_left(text: str) -> bool:
    """The first strong character decides (Unicode Standard Annex 9, rule P2)."""
    strong = (direction for letter in text if (direction := unicodedata.bidirectional(letter)) in ("L", "R", "AL"))
    return next(strong, "L") != "L"


def ink_on(colour: str) -> str:
    """White or black, whichever has more contrast on `colour`: on any colour at least the 4.5:1 of WCAG 2.2 level AA."""
    ground = _luminance(colour)
    return WHITE if _contrast(_luminance(WHITE), ground) >= _contrast(_luminance(BLACK), ground) else BLACK


def _contrast(one: float, other: float) -> float:
    return (max(one, other) + 0.05) / (min(one, other) + 0.05)


def _luminance(colour: str) -> float:
    """Relative luminance of `#rrggbb`, 0 to 1 (WCAG 2.2)."""
    red, green, blue = (
        channel / 12.92 if channel <= 0.04045 else ((channel + 0.055) / 1.055) ** 2.4
        for channel in (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    )
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def days_in_words(days: Sequence[date], language: Language) -> str:
    """The days by CLDR, those in a row as one interval: "28–29 juin, 2 juil."."""
    locale = "en_GB" if language == "en" else language
    said: list[str] = []
    for first, last in _intervals(sorted(set(days))):
        said.append(
            format_skeleton("MMMd", first, locale=locale)
            if first == last
            else format_interval(first, last, "MMMd", locale=locale)
        )
    return {"ar": "، ", "zh": "、"}.get(language, ", ").join(said)


def _intervals(days: Sequence[date]) -> list[tuple[date, date]]:
    found: list[tuple[date, date]] = []
    for day in days:
        if found and day - found[-1][1] == timedelta(days=1):
            found[-1] = (found[-1][0], day)
        else:
            found.append((day, day))
    return found


def qr_code(text: str) -> str:
    """`text` as a QR code (SVG) with its quiet zone: one stroke for each run of dark modules, a third of the usual size."""
    # The type stubs leave out that an image is a buffer: one byte for each module, row by row, 0 where it is dark.
    image: Any = zxingcpp.create_barcode(text, zxingcpp.BarcodeFormat.QRCode, ec_level="M").to_image(add_quiet_zones=False)
    modules = bytes(image)
    side = isqrt(len(modules))
    strokes = [
        f"M{run.start() % side} {run.start() // side}.5h{run.end() - run.start()}"
        for row in range(0, len(modules), side)
        for run in _DARK.finditer(modules, row, row + side)
    ]
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="-4 -4 {side + 8} {side + 8}">'
        f'<path stroke="#000" d="{"".join(strokes)}"/></svg>'
    )


def _framed(photo: Photo) -> str:
    """The photo in an SVG that cuts it to 7:9. Typst reads it ten times as fast as an array of bytes."""
    if not photo.jpeg.startswith(b"\xff\xd8\xff") or sha256(photo.jpeg).hexdigest() != photo.sha256:
        raise CannotRender(say("its photo is not the JPEG that its SHA-256 names"))
    return (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 28 36"><image width="28" height="36" '
        f'preserveAspectRatio="xMidYMid slice" href="data:image/jpeg;base64,{b64encode(photo.jpeg).decode()}"/></svg>'
    )
