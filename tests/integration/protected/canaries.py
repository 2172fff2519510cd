"""Names that stand nowhere else, and how they are found again in whatever a program may have made of them.

Each says by its last letters whose it is and what it was given as.
"""

import base64
import binascii
import html
import io
import re
import unicodedata
import zlib
from collections.abc import Iterator
from email import message_from_bytes, policy
from functools import cache
from typing import Any, NamedTuple
from urllib.parse import unquote_plus

import pypdfium2
from PIL import Image

STEM, ARABIC_STEM = "quexi", "دوارادود"
GIVEN, FAMILY, PRINTED, EMAIL, DOCUMENT, ANSWER = KINDS = "gfpeda"
_LATIN = "abcdefghijklmnopqrstuvwxyz"
_ARABIC = "ادرو"
"""They join no letter behind them and have no dots: what is set in them is found in a PDF again."""
_PATTERN = re.compile(f"{STEM}([{KINDS}])([a-z])|{ARABIC_STEM}([{_ARABIC}]{{2}})([{_ARABIC}]{{2}})")
SAME_LINE_POINTS = 8.0
_TOKEN = re.compile(r"[A-Za-z0-9+/_-]{24,}={0,2}")


class Canary(NamedTuple):
    """Whose it is, by number, and what it was given as."""

    person: int
    kind: str


def canary(person: int, kind: str, *, arabic: bool = False) -> str:
    if arabic:
        return ARABIC_STEM + _in_arabic(KINDS.index(kind)) + _in_arabic(person)
    return (STEM + kind + _LATIN[person]).capitalize()


def _in_arabic(number: int) -> str:
    return _ARABIC[number // 4] + _ARABIC[number % 4]


def _from_arabic(letters: str) -> int:
    return 4 * _ARABIC.index(letters[0]) + _ARABIC.index(letters[1])


def found_in(content: str | bytes) -> set[Canary]:
    """Whose names stand in `content`, however they are escaped, encoded, shaped or ordered."""
    text = content.decode("utf-8", "replace") if isinstance(content, bytes) else content
    return {each for reading in _readings(text) for each in _seen(reading)}


@cache
def found_in_sheet(pdf: bytes) -> set[Canary]:
    document = pypdfium2.PdfDocument(pdf)
    found = found_in(pdf) | found_in(repr(document.get_metadata_dict()))
    for page in document:
        text = page.get_textpage()
        found |= found_in("".join(re.findall(r"\w", text.get_text_range())))  # a line break may part a name
        found |= found_in(_by_place(text))
    return found


def _by_place(text: Any) -> str:
    """The letters as they stand on the page from left to right: what runs the other way is told in pieces by the PDF."""
    letters = [(text.get_charbox(at), text.get_text_range(at, 1)) for at in range(text.count_chars())]
    lines: list[list[tuple[float, str]]] = []
    line_at = float("inf")
    for (left, bottom, _, _), letter in sorted(letters, key=lambda each: -each[0][1]):
        if line_at - bottom > SAME_LINE_POINTS:
            line_at = bottom
            lines.append([])
        if letter.isalpha():
            lines[-1].append((left, letter))
    return "".join(letter for line in lines for _, letter in sorted(line))


@cache
def found_in_picture(png: bytes) -> set[Canary]:
    return found_in(png) | found_in(repr(Image.open(io.BytesIO(png)).info))


def found_in_mail(mail: bytes) -> tuple[set[Canary], set[Canary]]:
    """In the headers that say to whom it goes, and in everything else."""
    message = message_from_bytes(mail, policy=policy.default)
    to, rest = set[Canary](), set[Canary]()
    for name, value in message.items():
        (to if name in ("To", "Delivered-To") else rest).update(found_in(str(value)))
    for part in message.walk():
        payload = part.get_payload(decode=True)
        if isinstance(payload, bytes):
            unfolded = payload.replace(b"\r\n ", b"")
            rest |= found_in(unfolded) | found_in(" ".join(map(str, part.values())) if part is not message else "")
    return to, rest


def _readings(text: str) -> Iterator[str]:
    yield text
    if "&" in text:
        yield html.unescape(text)
    if "%" in text or "+" in text:
        yield unquote_plus(text)
    if "\\u" in text:
        yield re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
    for token in _TOKEN.findall(text):
        try:
            decoded = base64.b64decode(token.translate({45: "+", 95: "/"}).rstrip("=") + "==")
        except binascii.Error:
            continue
        yield decoded.decode("utf-8", "replace")
        try:
            yield zlib.decompress(decoded).decode("utf-8", "replace")
        except zlib.error:
            continue


def _seen(text: str) -> Iterator[Canary]:
    text = unicodedata.normalize("NFKC", text).casefold()
    if STEM not in text and ARABIC_STEM not in text and ARABIC_STEM[::-1] not in text:
        return
    for reading in (text, text[::-1]):
        for kind, person, arabic_kind, arabic_person in _PATTERN.findall(reading):
            if kind:
                yield Canary(_LATIN.index(person), kind)
            elif _from_arabic(arabic_kind) < len(KINDS):
                yield Canary(_from_arabic(arabic_person), KINDS[_from_arabic(arabic_kind)])
